package fn

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"  // hash_md5() of the language; nothing is protected by it
	"crypto/sha1" // hash_sha1() likewise
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/adler32"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"sextant/table"
)

// encodings is the table of hashes, base64, compression and URL encoding.
func encodings() []Scalar {
	digest := func(name, doc string, f func([]byte) []byte) Scalar {
		return Scalar{Name: name, Sigs: sigs("source:notdynamic -> string"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			return str(hex.EncodeToString(f([]byte(ToText(a[0])))))
		}, Doc: doc}
	}
	text := func(name, doc string, f func(string) table.Value, aliases ...string) Scalar {
		return Scalar{Name: name, Aliases: aliases, Sigs: sigs("text:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value { return f(a[0].Str()) }, Doc: doc}
	}
	xx := func(name string) Scalar {
		return Scalar{Name: name, Sigs: sigs("source:notdynamic, mod?:long -> long"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			h := xxhash.Sum64(hashBytes(a[0]))
			if len(a) > 1 {
				if a[1].Int64() <= 0 {
					return table.Null(table.Long)
				}
				return table.LongValue(int64(h % uint64(a[1].Int64())))
			}
			return table.LongValue(int64(h))
		}, Doc: "xxHash64 of the value, modulo a number."}
	}
	return []Scalar{
		digest("hash_md5", "MD5 of the value's text, in hexadecimal.", func(b []byte) []byte { h := md5.Sum(b); return h[:] }),
		digest("hash_sha1", "SHA-1 of the value's text, in hexadecimal.", func(b []byte) []byte { h := sha1.Sum(b); return h[:] }),
		digest("hash_sha256", "SHA-256 of the value's text, in hexadecimal.", func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }),
		xx("hash"),
		xx("hash_xxhash64"),
		{Name: "hash_many", Sigs: sigs("source*:notdynamic -> long"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			var h uint64
			for _, v := range a {
				h = combine(h, xxhash.Sum64(hashBytes(v)))
			}
			return table.LongValue(int64(h))
		}, Doc: "One hash of several values."},
		{Name: "hash_combine", Sigs: sigs("hash*:long -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			var h uint64
			for _, v := range a {
				h = combine(h, uint64(v.Int64()))
			}
			return table.LongValue(int64(h))
		}, Doc: "One hash of several hashes."},
		text("base64_encode_tostring", "Base64 of the text's bytes.", func(s string) table.Value { return str(base64.StdEncoding.EncodeToString([]byte(s))) }, "base64_encodestring"),
		text("base64_decode_tostring", "The text that base64 holds; empty where it is none, or holds no UTF-8.", func(s string) table.Value {
			b, ok := unbase64(s)
			if !ok || !utf8.Valid(b) {
				return str("")
			}
			return str(string(b))
		}, "base64_decodestring"),
		{Name: "base64_decode_toarray", Sigs: sigs("text:string -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			b, ok := unbase64(a[0].Str())
			if !ok {
				return nullDynamic
			}
			out := make([]any, len(b))
			for i, x := range b {
				out[i] = int64(x)
			}
			return table.DynamicValue(out)
		}, Doc: "Array of the bytes that base64 holds."},
		{Name: "base64_encode_fromarray", Sigs: sigs("bytes:array -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			list, _ := dynList(a[0])
			b := make([]byte, len(list))
			for i, e := range list {
				n, ok := e.(int64)
				if !ok || n < 0 || n > 255 {
					return str("")
				}
				b[i] = byte(n)
			}
			return str(base64.StdEncoding.EncodeToString(b))
		}, Doc: "Base64 of an array of bytes."},
		{Name: "base64_decode_toguid", Sigs: sigs("text:string -> guid"), Eval: func(_ *Context, a []table.Value) table.Value {
			b, ok := unbase64(a[0].Str())
			if !ok || len(b) != 16 {
				return table.Null(table.Guid)
			}
			g, _ := ParseGuid(hex.EncodeToString(swapGuid(b)))
			return table.GuidValue(g)
		}, Doc: "The guid that base64 holds."},
		{Name: "base64_encode_fromguid", Sigs: sigs("guid:guid -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			b, err := hex.DecodeString(strings.ReplaceAll(a[0].Str(), "-", ""))
			if err != nil || len(b) != 16 {
				return str("")
			}
			return str(base64.StdEncoding.EncodeToString(swapGuid(b)))
		}, Doc: "Base64 of a guid's bytes."},
		text("gzip_compress_to_base64_string", "Base64 of the text's gzip form.", func(s string) table.Value { return str(pack64([]byte(s), true)) }),
		text("gzip_decompress_from_base64_string", "The text of base64 of a gzip form; empty where it is none.", func(s string) table.Value { return str(unpack64(s, true)) }),
		text("zlib_compress_to_base64_string", "Base64 of the text's zlib form.", func(s string) table.Value { return str(pack64([]byte(s), false)) }),
		text("zlib_decompress_from_base64_string", "The text of base64 of a zlib form; empty where it is none.", func(s string) table.Value { return str(unpack64(s, false)) }),
		text("url_encode", "The text with what a URL must not hold as %xx, and blanks as +.", func(s string) table.Value { return str(urlEncode(s, "+")) }),
		text("url_encode_component", "The text with what a part of a URL must not hold as %xx.", func(s string) table.Value { return str(urlEncode(s, "%20")) }),
		text("url_decode", "The text with %xx and + read.", func(s string) table.Value { return str(urlDecode(s)) }),
	}
}

// hashBytes is what hash() hashes: a text's bytes, a number's eight little-endian
// ones.
func hashBytes(v table.Value) []byte {
	switch v.Type() {
	case table.String, table.Guid:
		return []byte(v.Str())
	case table.Decimal:
		return []byte(ToText(v))
	case table.Real:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v.Float64()))
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(v.Int64()))
}

func combine(h, k uint64) uint64 { return h ^ (k + 0x9e3779b97f4a7c15 + h<<12 + h>>4) }

func unbase64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

// swapGuid turns the first three fields of a guid between text order and
// little-endian.
func swapGuid(b []byte) []byte {
	return []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
}

// maxUnpacked bounds what a compressed text may unpack to.
const maxUnpacked = 16 << 20

// pack64 compresses as the engine does: what does not shrink is stored as it is.
func pack64(data []byte, gz bool) string {
	var body bytes.Buffer
	w, _ := flate.NewWriter(&body, flate.DefaultCompression)
	_, _ = w.Write(data)
	_ = w.Close()
	deflated := body.Bytes()
	if len(data) <= 65535 && len(deflated) >= len(data)+5 {
		n := uint16(len(data))
		deflated = append([]byte{1, byte(n), byte(n >> 8), byte(^n), byte(^n >> 8)}, data...)
	}
	var out []byte
	if gz {
		out = append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, deflated...)
		out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	} else {
		out = append([]byte{0x78, 0x01}, deflated...)
		out = binary.BigEndian.AppendUint32(out, adler32.Checksum(data))
	}
	return base64.StdEncoding.EncodeToString(out)
}

func unpack64(s string, gz bool) string {
	b, ok := unbase64(s)
	if !ok {
		return ""
	}
	var r io.ReadCloser
	var err error
	if gz {
		r, err = gzip.NewReader(bytes.NewReader(b))
	} else {
		r, err = zlib.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return ""
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil || len(out) > maxUnpacked || !utf8.Valid(out) {
		return ""
	}
	return string(out)
}

func urlEncode(s, blank string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteString(blank)
		case c < utf8.RuneSelf && isTermRune(rune(c)) || strings.IndexByte("-_.!*()", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

func urlDecode(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if x, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, x[0])
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b = append(b, ' ')
			continue
		}
		b = append(b, s[i])
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}
