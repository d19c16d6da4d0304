package table

// Vector is one column of a batch. Only the slice that its type uses is set
// (package comment); all set slices have the same length. Valid is nil when
// nothing is null.
type Vector struct {
	Type  Type
	Valid []bool
	N     []int64
	F     []float64
	S     []string
	D     []any
}

// NewVector makes an empty vector with room for n cells.
func NewVector(t Type, n int) Vector {
	v := Vector{Type: t}
	switch t {
	case Bool, Int, Long, DateTime, TimeSpan:
		v.N = make([]int64, 0, n)
	case Real:
		v.F = make([]float64, 0, n)
	case String, Guid:
		v.S = make([]string, 0, n)
	case Decimal:
		v.D = make([]any, 0, n)
	default:
		v.S = make([]string, 0, n)
		v.D = make([]any, 0, n)
	}
	return v
}

// Len is the number of cells.
func (v *Vector) Len() int {
	switch v.Type {
	case Bool, Int, Long, DateTime, TimeSpan:
		return len(v.N)
	case Real:
		return len(v.F)
	case String, Guid:
		return len(v.S)
	case Decimal:
		return len(v.D)
	}
	return max(len(v.S), len(v.D))
}

// IsNull of cell i.
func (v *Vector) IsNull(i int) bool { return v.Valid != nil && !v.Valid[i] }

// At is cell i as a value.
func (v *Vector) At(i int) Value {
	if v.Valid != nil && !v.Valid[i] {
		return Null(v.Type)
	}
	switch v.Type {
	case Bool, Int, Long, DateTime, TimeSpan:
		return Value{typ: v.Type, ok: true, n: v.N[i]}
	case Real:
		return RealValue(v.F[i])
	case String, Guid:
		return Value{typ: v.Type, ok: true, s: v.S[i]}
	case Decimal:
		return Value{typ: Decimal, ok: true, d: v.D[i]}
	}
	if v.D != nil {
		if d := v.D[i]; d != nil {
			s := ""
			if v.S != nil {
				s = v.S[i]
			}
			return Value{typ: Dynamic, ok: true, s: s, d: d}
		}
	}
	if v.S != nil {
		return DynamicText(v.S[i])
	}
	return Null(v.Type)
}

// Append a cell. The value must be of the vector's type, or a null of any.
func (v *Vector) Append(x Value) {
	null := x.IsNull()
	n := v.Len()
	switch v.Type {
	case Bool, Int, Long, DateTime, TimeSpan:
		v.N = append(v.N, x.n)
	case Real:
		v.F = append(v.F, x.Float64())
	case String, Guid:
		v.S = append(v.S, x.s)
	case Decimal:
		v.D = append(v.D, x.d)
	default:
		v.S = append(v.S, x.s)
		v.D = append(v.D, x.d)
	}
	if null && v.Type == String {
		return
	}
	switch {
	case v.Valid != nil:
		v.Valid = append(v.Valid, !null)
	case null:
		v.Valid = make([]bool, n+1, max(cap(v.N), n+1))
		for i := range n {
			v.Valid[i] = true
		}
	}
}

// Slice is cells [from, to) sharing memory with v.
func (v *Vector) Slice(from, to int) Vector {
	out := Vector{Type: v.Type}
	if v.Valid != nil {
		out.Valid = v.Valid[from:to]
	}
	if v.N != nil {
		out.N = v.N[from:to]
	}
	if v.F != nil {
		out.F = v.F[from:to]
	}
	if v.S != nil {
		out.S = v.S[from:to]
	}
	if v.D != nil {
		out.D = v.D[from:to]
	}
	return out
}

// BatchRows is about how many rows a batch holds while a query runs.
const BatchRows = 2048

// Batch is some rows of one schema. Once handed on it is not changed.
type Batch struct {
	Schema Schema
	Cols   []Vector
	Rows   int
}

// NewBatch makes an empty batch with room for n rows.
func NewBatch(s Schema, n int) *Batch {
	b := &Batch{Schema: s, Cols: make([]Vector, len(s))}
	for i, c := range s {
		b.Cols[i] = NewVector(c.Type, n)
	}
	return b
}

// AppendRow adds one row; vals has one value for each column.
func (b *Batch) AppendRow(vals []Value) {
	for i := range b.Cols {
		b.Cols[i].Append(vals[i])
	}
	b.Rows++
}

// Row copies row i into dst (grown as needed) and returns it.
func (b *Batch) Row(i int, dst []Value) []Value {
	dst = dst[:0]
	for c := range b.Cols {
		dst = append(dst, b.Cols[c].At(i))
	}
	return dst
}

// Slice is rows [from, to) sharing memory with b.
func (b *Batch) Slice(from, to int) *Batch {
	out := &Batch{Schema: b.Schema, Cols: make([]Vector, len(b.Cols)), Rows: to - from}
	for i := range b.Cols {
		out.Cols[i] = b.Cols[i].Slice(from, to)
	}
	return out
}

// Bytes is about how much memory the batch holds; budgets are charged with it.
func (b *Batch) Bytes() int64 {
	var n int64
	for i := range b.Cols {
		c := &b.Cols[i]
		n += int64(len(c.Valid) + 8*len(c.N) + 8*len(c.F) + 16*len(c.S) + 16*len(c.D))
		for _, s := range c.S {
			n += int64(len(s))
		}
		for _, d := range c.D {
			n += DynBytes(d)
		}
	}
	return n
}

// DynBytes is about how much memory a parsed dynamic holds, where no two places of it
// share a part. It stops counting at DynMost: a few bags, each with the one before in it
// twice, stand for more than any memory.
func DynBytes(d any) int64 {
	n := int64(0)
	countDyn(d, &n)
	return n
}

// DynMost is where DynBytes stops.
const DynMost = 4 << 30

func countDyn(d any, n *int64) {
	switch x := d.(type) {
	case string:
		*n += int64(len(x))
	case []any:
		*n += int64(24 + 16*len(x))
		for _, e := range x {
			if *n >= DynMost {
				return
			}
			countDyn(e, n)
		}
	case *Object:
		*n += 64
		for i := range x.keys {
			if *n >= DynMost {
				return
			}
			*n += int64(32 + len(x.keys[i]))
			countDyn(x.vals[i], n)
		}
	}
}

// Bytes is about how much memory the value holds.
func (v Value) Bytes() int64 { return 48 + int64(len(v.s)) + DynBytes(v.d) }
