package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// takesGzip reads an Accept-Encoding header.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if name = strings.TrimSpace(name); !strings.EqualFold(name, "gzip") && name != "*" {
			continue
		}
		q, weighed := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
		if f, err := strconv.ParseFloat(q, 64); weighed && err == nil && f == 0 {
			return false
		}
		return true
	}
	return false
}

// zipped compresses an answer.
type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

var zippers = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

func (z *zipped) WriteHeader(status int) {
	z.Header().Set("Content-Encoding", "gzip")
	z.Header().Add("Vary", "Accept-Encoding")
	z.Header().Del("Content-Length")
	z.ResponseWriter.WriteHeader(status)
	z.z = zippers.Get().(*gzip.Writer)
	z.z.Reset(z.ResponseWriter)
}

func (z *zipped) Write(b []byte) (int, error) {
	if z.z == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.z.Write(b)
}

func (z *zipped) close() {
	if z.z != nil {
		_ = z.z.Close() // the client went away
		zippers.Put(z.z)
	}
}
