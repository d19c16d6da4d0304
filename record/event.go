package record

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"sextant/fault"
)

// SplitEvent gives the exact bytes of each record of an event: {"records":[…]},
// an array, or a bare record. It looks for where records end and no further;
// whether each is one, Identify says. Where the event breaks off or is no JSON,
// the records before the break have been given, and the error is fault.Invalid
// with the byte offset. An error of emit ends it.
func SplitEvent(value []byte, emit func(index int, record []byte) error) error {
	return Bounds(value, func(index, from, to int) error { return emit(index, value[from:to:to]) })
}

// Bounds is SplitEvent that says where each record lies: from its first byte up to, and
// without, the byte behind its last.
func Bounds(value []byte, emit func(index, from, to int) error) error {
	i := space(value, 0)
	if i == len(value) {
		return fault.New(fault.Invalid, "at byte %d: the event is empty", i)
	}
	switch value[i] {
	case '[':
		end, err := splitArray(value, i, emit)
		if err != nil {
			return err
		}
		return nothingBehind(value, end)
	case '{':
		j := space(value, i+1)
		const key = `"records"`
		if len(value) > j+len(key) && string(value[j:j+len(key)]) == key {
			j = space(value, j+len(key))
			if j < len(value) && value[j] == ':' {
				if j = space(value, j+1); j < len(value) && value[j] == '[' {
					end, err := splitArray(value, j, emit)
					if err != nil {
						return err
					}
					if end = space(value, end); end < len(value) && value[end] == '}' {
						return nothingBehind(value, end+1)
					}
					return behindRecords(value, end)
				}
			}
		}
		return splitOther(value, i, emit)
	}
	return emit(0, i, trimmed(value))
}

// splitOther is for objects that do not start with records: a bare record, or an
// event with other members before them.
func splitOther(value []byte, i int, emit func(index, from, to int) error) error {
	end, ok := skip(value, i)
	if !ok {
		return emit(0, i, trimmed(value)) // Identify says what is wrong with it
	}
	for j := space(value, i+1); j < end && value[j] == '"'; {
		k, ok := skipString(value, j)
		if !ok {
			break
		}
		v := space(value, k)
		if v >= end || value[v] != ':' {
			break
		}
		v = space(value, v+1)
		if string(value[j:k]) == `"records"` && v < end && value[v] == '[' {
			if _, err := splitArray(value, v, emit); err != nil {
				return err
			}
			return nothingBehind(value, end)
		}
		if v, ok = skip(value, v); !ok {
			break
		}
		if v = space(value, v); v >= end || value[v] != ',' {
			break
		}
		j = space(value, v+1)
	}
	return emit(0, i, trimmed(value))
}

// behindRecords accepts further members of the event's object.
func behindRecords(value []byte, i int) error {
	for i < len(value) && value[i] == ',' {
		k, ok := skip(value, space(value, i+1))
		if !ok {
			break
		}
		if k = space(value, k); k >= len(value) || value[k] != ':' {
			i = k
			break
		}
		if i, ok = skip(value, space(value, k+1)); !ok {
			break
		}
		i = space(value, i)
		if i < len(value) && value[i] == '}' {
			return nothingBehind(value, i+1)
		}
	}
	return fault.New(fault.Invalid, "at byte %d: the event should end behind its records%s", min(i, len(value)), found(value, i))
}

func nothingBehind(value []byte, i int) error {
	if i = space(value, i); i < len(value) {
		return fault.New(fault.Invalid, "at byte %d: nothing should stand behind the end of the event%s", i, found(value, i))
	}
	return nil
}

// splitArray gives the elements of the array that opens at i, and the offset
// behind it.
func splitArray(b []byte, i int, emit func(index, from, to int) error) (int, error) {
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for n := 0; ; n++ {
		end, ok := skip(b, i)
		if !ok {
			return 0, fault.New(fault.Invalid, "at byte %d: the event breaks off inside record %d", len(b), n)
		}
		if end == i {
			return 0, fault.New(fault.Invalid, "at byte %d: record %d of the event should stand here%s", i, n, found(b, i))
		}
		if err := emit(n, i, end); err != nil {
			return 0, err
		}
		i = space(b, end)
		switch {
		case i >= len(b):
			return 0, fault.New(fault.Invalid, "at byte %d: the event breaks off behind record %d", i, n)
		case b[i] == ']':
			return i + 1, nil
		case b[i] != ',':
			return 0, fault.New(fault.Invalid, "at byte %d: a comma or the end of the records should stand here%s", i, found(b, i))
		}
		i = space(b, i+1)
	}
}

func space(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// trimmed is the length of b without white space at its end.
func trimmed(b []byte) int {
	n := len(b)
	for n > 0 && isSpace(b[n-1]) {
		n--
	}
	return n
}

// skip finds the end of the value at b[i] by its quotes and brackets alone.
func skip(b []byte, i int) (end int, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	if b[i] != '{' && b[i] != '[' {
		if b[i] == '"' {
			return skipString(b, i)
		}
		for i < len(b) && !isSpace(b[i]) && b[i] != ',' && b[i] != ']' && b[i] != '}' && b[i] != ':' {
			i++
		}
		return i, true
	}
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i, ok = skipString(b, i); !ok {
				return 0, false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
		i++
	}
	return 0, false
}

// skipString finds the offset behind the string that opens at b[i].
func skipString(b []byte, i int) (end int, ok bool) {
	i++
	for i < len(b) {
		if i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			q, s := x^(lows*'"'), x^(lows*'\\')
			m := ((q-lows)&^q | (s-lows)&^s) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
		i++
	}
	return 0, false
}

// BuildEvent appends {"records":[…]} to dst, the records as they are.
func BuildEvent(dst []byte, records [][]byte) []byte {
	n := len(`{"records":[]}`)
	for _, r := range records {
		n += len(r) + 1
	}
	dst = slices.Grow(dst, n)
	dst = append(dst, `{"records":[`...)
	for i, r := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, r...)
	}
	return append(dst, `]}`...)
}
