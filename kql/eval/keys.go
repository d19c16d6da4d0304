package eval

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"sextant/kql/fn"
	"sextant/table"
)

// Hash keys. Two cells of one type have the same bytes exactly when they are the
// same value; no key is a prefix of another's, so that keys of several columns are
// the keys of each, one behind the other. Nulls are equal, NaNs are equal, and -0 is
// 0. A dynamic is equal to one with the same compact JSON text.

const (
	keyNull  = 0
	keyValue = 1
)

// appendKey adds the key of cell i.
func appendKey(b []byte, v *table.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(b, keyNull)
	}
	switch v.Type {
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		return binary.LittleEndian.AppendUint64(append(b, keyValue), uint64(v.N[i]))
	case table.Real:
		return binary.LittleEndian.AppendUint64(append(b, keyValue), realBits(v.F[i]))
	case table.String, table.Guid:
		return appendText(append(b, keyValue), v.S[i])
	}
	return appendCell(b, v.At(i), false)
}

// appendCell adds the key of one value; fold takes strings without case.
func appendCell(b []byte, v table.Value, fold bool) []byte {
	if v.IsNull() {
		return append(b, keyNull)
	}
	switch v.Type() {
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		return binary.LittleEndian.AppendUint64(append(b, keyValue), uint64(v.Int64()))
	case table.Real:
		return binary.LittleEndian.AppendUint64(append(b, keyValue), realBits(v.Float64()))
	case table.Decimal:
		return appendDecimal(append(b, keyValue), v.Dec())
	case table.String, table.Guid:
		s := v.Str()
		if fold {
			s = fn.Lower(s)
		}
		return appendText(append(b, keyValue), s)
	}
	d := v.Dyn()
	if d == nil {
		return append(b, keyNull)
	}
	if s, ok := d.(string); ok && fold {
		d = fn.Lower(s)
	}
	b = append(b, keyValue)
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = table.AppendJSON(b, d)
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func realBits(f float64) uint64 {
	if f == 0 {
		return 0
	}
	if math.IsNaN(f) {
		return math.MaxUint64
	}
	return math.Float64bits(f)
}

// Sort keys: bytes.Compare orders them as the rows must be. Of one sort they hold
// every key column, directions and places of nulls included. NaN has no direction
// either: it stands between the nulls and the numbers.

// sortOrder of one key column.
type sortOrder struct{ desc, nullsFirst bool }

func appendSortKey(b []byte, v *table.Vector, i int, o sortOrder) []byte {
	const nullFirst, nanFirst, value, nanLast, nullLast = 0, 1, 2, 3, 4
	if v.IsNull(i) {
		if o.nullsFirst {
			return append(b, nullFirst)
		}
		return append(b, nullLast)
	}
	at := len(b) + 1
	b = append(b, value)
	switch v.Type {
	case table.Bool, table.Int, table.Long, table.DateTime, table.TimeSpan:
		b = binary.BigEndian.AppendUint64(b, uint64(v.N[i])^(1<<63))
	case table.Real:
		f := v.F[i]
		if math.IsNaN(f) {
			b[at-1] = nanLast
			if o.nullsFirst {
				b[at-1] = nanFirst
			}
			return b
		}
		b = binary.BigEndian.AppendUint64(b, orderedBits(f))
	case table.Decimal:
		b = appendDecimal(b, v.At(i).Dec())
	case table.String, table.Guid:
		b = appendOrderedText(b, v.S[i])
	default:
		d := v.At(i)
		if d.Dyn() == nil {
			b[at-1] = nullLast
			if o.nullsFirst {
				b[at-1] = nullFirst
			}
			return b
		}
		b = appendOrderedDynamic(b, d)
	}
	if o.desc {
		for k := at; k < len(b); k++ {
			b[k] = ^b[k]
		}
	}
	return b
}

func orderedBits(f float64) uint64 {
	if f == 0 {
		f = 0 // -0 is 0
	}
	u := math.Float64bits(f)
	if u>>63 == 1 {
		return ^u
	}
	return u | 1<<63
}

// appendOrderedText escapes the zero byte so that the end of a text sorts first.
func appendOrderedText(b []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			break
		}
		b = append(b, s[:i]...)
		b = append(b, 0, 0xff)
		s = s[i+1:]
	}
	b = append(b, s...)
	return append(b, 0, 0)
}

// appendOrderedDynamic puts numbers before strings before what is left by text.
func appendOrderedDynamic(b []byte, v table.Value) []byte {
	switch d := v.Dyn().(type) {
	case bool:
		if d {
			return append(b, 1, 1)
		}
		return append(b, 1, 0)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 2), orderedBits(float64(d)))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 2), orderedBits(d))
	case string:
		return appendOrderedText(append(b, 3), d)
	case table.Value:
		return appendOrderedText(append(b, 4), d.Text())
	}
	return appendOrderedText(append(b, 5), v.JSON())
}

// appendDecimal is an ordered form: sign, exponent of the first digit, digits.
// Equal numbers (1.0 and 1.00) have equal bytes.
func appendDecimal(b []byte, d *apd.Decimal) []byte {
	if d == nil || d.Form != apd.Finite {
		return append(b, 3) // KQL has no such decimal; they are all alike
	}
	if d.IsZero() {
		return append(b, 1)
	}
	digits := strings.TrimRight(d.Coeff.String(), "0")
	exp := uint32(int64(d.Exponent)+d.NumDigits()) ^ 1<<31
	if !d.Negative {
		b = binary.BigEndian.AppendUint32(append(b, 2), exp)
		b = append(b, digits...)
		return append(b, 0)
	}
	at := len(b) + 1
	b = binary.BigEndian.AppendUint32(append(b, 0), exp)
	b = append(b, digits...)
	b = append(b, 0)
	for k := at; k < len(b); k++ {
		b[k] = ^b[k]
	}
	return b
}
