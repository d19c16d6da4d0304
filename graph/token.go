package graph

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"time"

	"sextant/table"
)

// tokenLife is how long the token of a page is good for.
const tokenLife = 30 * 24 * time.Hour

// cursor says where a sequence of pages stands: behind which row, and which records
// had come when it began. It travels in $skiptoken, sealed, so that it outlives the
// process and nobody can make one up.
type cursor struct {
	Query  string    `json:"q"` // what the pages are of: see queryHash
	Issued int64     `json:"t"` // Unix seconds
	Bound  int64     `json:"b"` // arrival, in ticks, of the last record that is of the sequence
	Keys   []sortKey `json:"k"` // of the last row of the page before
	ID     int64     `json:"i"`
	Count  *int64    `json:"c,omitempty"` // @odata.count of the first page
}

// sortKey is one sort key of a row.
type sortKey struct {
	Type table.Type `json:"y"`
	Null bool       `json:"z,omitempty"`
	N    int64      `json:"n,omitempty"`
	S    string     `json:"s,omitempty"`
}

func keyValue(v table.Value) sortKey {
	k := sortKey{Type: v.Type(), Null: v.IsNull()}
	switch {
	case k.Null:
	case v.Type() == table.Real:
		k.N = int64(math.Float64bits(v.Float64()))
	case v.Type() == table.String:
		k.S = v.Str()
	case v.Type() == table.Bool:
		if v.Bool() {
			k.N = 1
		}
	default:
		k.N = v.Int64()
	}
	return k
}

// value of the key; false where there can be no such key.
func (k sortKey) value() (table.Value, bool) {
	if k.Null {
		return table.Null(k.Type), true
	}
	switch k.Type {
	case table.Bool:
		return table.BoolValue(k.N != 0), true
	case table.Int:
		return table.IntValue(k.N), true
	case table.Long:
		return table.LongValue(k.N), true
	case table.Real:
		return table.RealValue(math.Float64frombits(uint64(k.N))), true
	case table.String:
		return table.StringValue(k.S), true
	case table.DateTime:
		return table.DateTimeValue(k.N), true
	case table.TimeSpan:
		return table.TimeSpanValue(k.N), true
	}
	return table.Value{}, false
}

// queryHash tells requests apart that a cursor must not be taken from one to the
// other: their tenant, path and options.
func queryHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

const sealBytes = 16

func (f *Face) mac(body []byte) []byte {
	m := hmac.New(sha256.New, f.o.Key)
	m.Write([]byte("sextant graph page 1\x00"))
	m.Write(body)
	return m.Sum(nil)[:sealBytes]
}

// seal a cursor.
func (f *Face) seal(c *cursor) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(f.mac(body), body...)), nil
}

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 16 << 10

// unseal a token of the pages of a query. A token that is not ours, that is of
// something else, or too old, is the problem that Graph has for it.
func (f *Face) unseal(token, query string) (*cursor, error) {
	expired := &Problem{Status: 400, Code: "Directory_ExpiredPageToken", Message: "The specified page token value has expired and can no longer be included in your request."}
	if len(token) > maxToken {
		return nil, expired
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < sealBytes || !hmac.Equal(b[:sealBytes], f.mac(b[sealBytes:])) {
		return nil, expired
	}
	c := &cursor{}
	if err := json.Unmarshal(b[sealBytes:], c); err != nil || c.Query != query {
		return nil, expired
	}
	if age := f.o.Clock().Sub(time.Unix(c.Issued, 0)); age > tokenLife || age < -tokenLife {
		return nil, expired
	}
	return c, nil
}
