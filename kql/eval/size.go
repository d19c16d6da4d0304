package eval

import (
	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// sizes counts what the large cells take that an expression makes of a batch: a few
// functions, each over the result of the one before, make gigabytes of one row.
type sizes struct {
	bytes int64 // of the last batch
	most  int64 // that they may take
}

// largeCell is from how many bytes on a cell is counted: the others of a batch cannot be
// many times what the batch itself may take.
const largeCell = 64 << 10

// mostOf a budget is what one expression may make of a batch.
func mostOf(b *fn.Budget) int64 {
	if b.MaxBytes > 0 {
		return b.MaxBytes
	}
	return 1 << 30
}

// count a cell. Over the limit it panics with fault.Limit, which ends the query: the
// evaluators of functions return values alone.
func (s *sizes) count(v table.Value) {
	if n := made(v); n >= largeCell {
		if s.bytes += n; s.bytes > s.most {
			panic(tooLarge(s.most))
		}
	}
}

// small is a cell that takes no more than a whole query may.
func small(most int64, v table.Value) table.Value {
	if made(v) > most {
		panic(tooLarge(most))
	}
	return v
}

func tooLarge(most int64) error {
	return fault.New(fault.Limit, "an expression makes more than the %d MB that a query may hold of some rows; make less of each, or filter earlier", most>>20)
}

// made is what a cell takes besides the values that it was made of: the elements of an
// array are shared with those that they came from.
func made(v table.Value) int64 {
	switch v.Type() {
	case table.String:
		return int64(len(v.Str()))
	case table.Dynamic:
		if text, ok := v.Source(); ok {
			return int64(len(text))
		}
		switch d := v.Dyn().(type) {
		case string:
			return int64(len(d))
		case []any:
			return 16 * int64(len(d))
		case *table.Object:
			return 48 * int64(d.Len())
		}
	}
	return 0
}
