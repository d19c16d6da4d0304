package table

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"
	"unicode/utf8"
)

// Object is a property bag that keeps the order of its keys. Its zero value is
// empty and ready. A repeated key keeps its first place and its last value.
type Object struct {
	keys []string
	vals []any
	at   map[string]int // only for bags with more than a few keys
}

const objectIndexFrom = 12

// Len is the number of keys.
func (o *Object) Len() int { return len(o.keys) }

// Key and Val of the i-th entry.
func (o *Object) Key(i int) string { return o.keys[i] }
func (o *Object) Val(i int) any    { return o.vals[i] }

// Keys in order; the caller must not change the slice.
func (o *Object) Keys() []string { return o.keys }

func (o *Object) find(key string) int {
	if o.at != nil {
		if i, ok := o.at[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range o.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Get the value of a key; ok is false where there is none.
func (o *Object) Get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.vals[i], true
	}
	return nil, false
}

// Set a key. Only its maker may change an object, before anybody else sees it.
func (o *Object) Set(key string, val any) {
	if i := o.find(key); i >= 0 {
		o.vals[i] = val
		return
	}
	o.keys = append(o.keys, key)
	o.vals = append(o.vals, val)
	switch {
	case o.at != nil:
		o.at[key] = len(o.keys) - 1
	case len(o.keys) >= objectIndexFrom:
		o.at = make(map[string]int, 2*len(o.keys))
		for i, k := range o.keys {
			o.at[k] = i
		}
	}
}

// lazy holds the parsed form of a dynamic's text, made once.
type lazy struct {
	once sync.Once
	val  any
}

// Dyn is the parsed form of a dynamic: nil, bool, int64, float64, string, []any,
// *Object, or a Value (datetime, timespan, guid, decimal). It must not be changed.
func (v Value) Dyn() any {
	if l, ok := v.d.(*lazy); ok {
		l.once.Do(func() {
			val, err := ParseJSON(v.s)
			if err != nil {
				val = v.s
			}
			l.val = val
		})
		return l.val
	}
	return v.d
}

// JSON is the text of a dynamic: the exact text it came with, or its compact form.
func (v Value) JSON() string {
	if !v.ok {
		return "null"
	}
	if _, ok := v.d.(*lazy); ok && v.s != "" {
		return v.s
	}
	return string(AppendJSON(nil, v.d))
}

// Source is the exact text that a dynamic came with; false where it was made of
// its parsed form.
func (v Value) Source() (string, bool) {
	_, ok := v.d.(*lazy)
	return v.s, ok && v.s != ""
}

// MaxJSONDepth is how deep a text may nest before ParseJSON refuses it.
const MaxJSONDepth = 1000

// AppendJSON writes the compact JSON text of a parsed dynamic the way Kusto
// prints it: no spaces, reals with a decimal point, datetimes with seven digits.
func AppendJSON(b []byte, d any) []byte {
	switch x := d.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case float64:
		return append(b, FormatReal(x, true)...)
	case string:
		return AppendQuoted(b, x)
	case []any:
		b = append(b, '[')
		for i, e := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, e)
		}
		return append(b, ']')
	case *Object:
		b = append(b, '{')
		for i := range x.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendQuoted(b, x.keys[i])
			b = append(b, ':')
			b = AppendJSON(b, x.vals[i])
		}
		return append(b, '}')
	case Value:
		switch x.typ {
		case Dynamic:
			return append(b, x.JSON()...)
		case Bool, Int, Long, Real, Decimal:
			if !x.ok {
				return append(b, "null"...)
			}
			if x.typ == Bool {
				return strconv.AppendBool(b, x.n != 0)
			}
			if x.typ == Real {
				return append(b, FormatReal(x.Float64(), true)...)
			}
			return append(b, x.Text()...)
		}
		if !x.ok {
			return append(b, "null"...)
		}
		return AppendQuoted(b, x.Text())
	}
	return append(b, "null"...)
}

// AppendQuoted writes a JSON string. Only what JSON demands is escaped.
func AppendQuoted(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF" // as Kusto and DuckDB write them
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\ufffd"...)
				i++
				start = i
				continue
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// Compact is text without the white space between its tokens; text that is not
// JSON comes back as it is.
func Compact(text string) string {
	var buf bytes.Buffer
	if json.Compact(&buf, []byte(text)) != nil {
		return text
	}
	return buf.String()
}

// FromDyn gives a parsed element of a dynamic the type of its own: a dynamic
// Value whose null is null. It is what d[i] and d.key give.
func FromDyn(d any) Value {
	if v, ok := d.(Value); ok && v.typ == Dynamic {
		return v
	}
	return DynamicValue(d)
}
