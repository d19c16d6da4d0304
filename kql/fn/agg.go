package fn

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
	"github.com/zeebo/xxh3"

	"sextant/table"
)

// named is the usual name of an aggregate's column: its own and the argument's.
func named(prefix string) func(string) string {
	return func(arg string) string { return prefix + "_" + arg }
}

// conditional runs a state over the rows where the argument at the given place is
// true, with that argument taken out.
type conditional struct {
	State
	at   int
	args []table.Value
}

func (s *conditional) Add(args []table.Value) {
	if !args[s.at].Bool() {
		return
	}
	s.args = append(append(s.args[:0], args[:s.at]...), args[s.at+1:]...)
	s.State.Add(s.args)
}

// onlyIf is the …if twin of an aggregate: the predicate is argument at.
func onlyIf(at int, state func(c *Context, args []Arg) State) func(c *Context, args []Arg) State {
	return func(c *Context, args []Arg) State {
		rest := append(append([]Arg{}, args[:at]...), args[at+1:]...)
		return &conditional{State: state(c, rest), at: at}
	}
}

// counting is the table of the aggregates that count.
func counting() []Aggregate {
	count := func(*Context, []Arg) State { return &countState{} }
	countIf := onlyIf(0, count)
	countAny := func(c *Context, args []Arg) State {
		if len(args) == 1 && args[0].Type == table.Bool {
			return countIf(c, args)
		}
		return count(c, args)
	}
	distinct := func(*Context, []Arg) State { return &distinctState{seen: map[xxh3.Uint128]struct{}{}} }
	return []Aggregate{
		{Name: "count", Sigs: sigs("-> long", "value:scalar -> long"), ResultName: named("count"), New: countAny, SQL: duckAgg(countSQL), Doc: "Number of rows (for which a predicate is true)."},
		{Name: "cnt", Sigs: sigs("-> long"), ResultName: func(string) string { return "cnt_" }, New: count, SQL: duckAgg(countSQL), Doc: "As count()."},
		{Name: "countif", Sigs: sigs("predicate:bool -> long"), ResultName: named("countif"), New: countIf, SQL: duckAgg(countSQL), Doc: "Number of rows for which the predicate is true."},
		{Name: "dcount", Sigs: sigs("expr:scalar, accuracy?:integer! -> long"), ResultName: named("dcount"), New: distinct, SQL: duckAgg(distinctSQL(false)), Doc: "Number of distinct values that are not null; exact here, whatever the accuracy asked for."},
		{Name: "dcountif", Sigs: sigs("expr:scalar, predicate:bool, accuracy?:integer! -> long"), ResultName: named("dcountif"), New: onlyIf(1, distinct), SQL: duckAgg(distinctSQL(true)), Doc: "dcount of the rows for which the predicate is true."},
		{Name: "count_distinct", Sigs: sigs("expr:notdynamic -> long"), ResultName: named("count_distinct"), New: distinct, SQL: duckAgg(distinctSQL(false)), Doc: "Number of distinct values that are not null."},
		{Name: "count_distinctif", Sigs: sigs("expr:notdynamic, predicate:bool -> long"), ResultName: named("count_distinctif"), New: onlyIf(1, distinct), SQL: duckAgg(distinctSQL(true)), Doc: "count_distinct of the rows for which the predicate is true."},
	}
}

type countState struct{ n int64 }

func (s *countState) Add([]table.Value)      { s.n++ }
func (s *countState) Results() []table.Value { return []table.Value{table.LongValue(s.n)} }
func (s *countState) Bytes() int64           { return 16 }

// distinctState keeps 128-bit hashes of the values: a clash needs more rows than
// fit on a disk.
type distinctState struct {
	seen map[xxh3.Uint128]struct{}
	buf  []byte
}

func (s *distinctState) Add(args []table.Value) {
	if args[0].IsNull() {
		return
	}
	s.buf = appendKey(s.buf[:0], args[0])
	s.seen[xxh3.Hash128(s.buf)] = struct{}{}
}
func (s *distinctState) Results() []table.Value {
	return []table.Value{table.LongValue(int64(len(s.seen)))}
}
func (s *distinctState) Bytes() int64 { return 64 + 40*int64(len(s.seen)) }

// appendKey writes a text that values of one type share exactly when they are the
// same group.
func appendKey(b []byte, v table.Value) []byte {
	switch v.Type() {
	case table.String, table.Guid:
		return append(b, v.Str()...)
	case table.Dynamic:
		return append(b, dynKey(v.Dyn())...)
	case table.Decimal:
		var d apd.Decimal
		d.Reduce(v.Dec())
		return append(b, d.String()...)
	case table.Real:
		f := v.Float64()
		if f == 0 {
			f = 0 // -0 too
		}
		if math.IsNaN(f) {
			f = math.NaN()
		}
		n := math.Float64bits(f)
		return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
	}
	n := uint64(v.Int64())
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
}

// totals is the table of sum, avg, min, max and the binary ones.
func totals() []Aggregate {
	sum := func(_ *Context, args []Arg) State { return &sumState{typ: promoted(args[0].Type)} }
	avg := func(_ *Context, args []Arg) State { return &avgState{typ: args[0].Type} }
	extremum := func(sign int) func(*Context, []Arg) State {
		return func(_ *Context, args []Arg) State { return &extremeState{best: table.Null(args[0].Type), sign: sign} }
	}
	sumSigs := sigs("expr:integer -> long", "expr:summable -> $0")
	sumIfSigs := sigs("expr:integer, predicate:bool -> long", "expr:summable, predicate:bool -> $0")
	avgSigs := sigs("expr:long|int|real -> real", "expr:decimal|timespan|datetime -> $0")
	avgIfSigs := sigs("expr:long|int|real, predicate:bool -> real", "expr:decimal|timespan|datetime, predicate:bool -> $0")
	for _, ss := range [][]Sig{sumSigs, sumIfSigs, avgSigs, avgIfSigs} {
		for i := range ss {
			ss[i].Convert = nil // summed as they are
		}
	}
	binary := func(name, doc string, f func(a, b int64) int64) Aggregate {
		return Aggregate{Name: name, Sigs: sigs("expr:integer -> $0"), ResultName: func(arg string) string {
			if arg == "" {
				return name + "_"
			}
			return arg
		}, New: func(_ *Context, args []Arg) State { return &bitsState{typ: args[0].Type, f: f} }, Doc: doc}
	}
	return []Aggregate{
		{Name: "sum", Sigs: sumSigs, ResultName: named("sum"), New: sum, SQL: duckAgg(sumSQL(false)), Doc: "Sum of the values that are not null; 0 of none. Longs wrap around."},
		{Name: "sumif", Sigs: sumIfSigs, ResultName: named("sumif"), New: onlyIf(1, sum), SQL: duckAgg(sumSQL(true)), Doc: "Sum where the predicate is true."},
		{Name: "avg", Sigs: avgSigs, ResultName: named("avg"), New: avg, SQL: duckAgg(avgSQL(false)), Doc: "Mean of the values that are not null; NaN of no numbers."},
		{Name: "avgif", Sigs: avgIfSigs, ResultName: named("avgif"), New: onlyIf(1, avg), SQL: duckAgg(avgSQL(true)), Doc: "Mean where the predicate is true."},
		{Name: "min", Sigs: sigs("expr:orderable -> $0"), ResultName: named("min"), New: extremum(-1), SQL: duckAgg(extremeSQL("min", false)), Doc: "The least value; null of none. NaN wins."},
		{Name: "max", Sigs: sigs("expr:orderable -> $0"), ResultName: named("max"), New: extremum(1), SQL: duckAgg(extremeSQL("max", false)), Doc: "The greatest value; null of none. NaN wins."},
		{Name: "minif", Sigs: sigs("expr:orderable, predicate:bool -> $0"), ResultName: named("minif"), New: onlyIf(1, extremum(-1)), SQL: duckAgg(extremeSQL("min", true)), Doc: "The least value where the predicate is true."},
		{Name: "maxif", Sigs: sigs("expr:orderable, predicate:bool -> $0"), ResultName: named("maxif"), New: onlyIf(1, extremum(1)), SQL: duckAgg(extremeSQL("max", true)), Doc: "The greatest value where the predicate is true."},
		binary("binary_all_and", "Binary and of all values.", func(a, b int64) int64 { return a & b }),
		binary("binary_all_or", "Binary or of all values.", func(a, b int64) int64 { return a | b }),
		binary("binary_all_xor", "Binary exclusive or of all values.", func(a, b int64) int64 { return a ^ b }),
	}
}

// sumState sums by the type of the column.
type sumState struct {
	typ  table.Type
	n    int64
	f, c float64 // and the compensation of Kahan and Neumaier
	d    apd.Decimal
}

func (s *sumState) Add(args []table.Value) {
	v := args[0]
	if v.IsNull() {
		return
	}
	switch s.typ {
	case table.Real:
		x := v.Number()
		t := s.f + x
		if math.Abs(s.f) >= math.Abs(x) {
			s.c += s.f - t + x
		} else {
			s.c += x - t + s.f
		}
		s.f = t
	case table.Decimal:
		_, _ = decimals.Add(&s.d, &s.d, v.Dec())
	default:
		s.n += v.Int64()
	}
}

func (s *sumState) real() float64 {
	if math.IsNaN(s.c) || math.IsInf(s.f, 0) {
		return s.f
	}
	return s.f + s.c
}

func (s *sumState) Results() []table.Value {
	var v table.Value
	switch s.typ {
	case table.Real:
		v = table.RealValue(s.real())
	case table.Decimal:
		d := s.d
		v = table.DecimalValue(&d)
	case table.DateTime:
		v = dateTimeOrNull(table.LongValue(s.n))
	case table.TimeSpan:
		v = table.TimeSpanValue(s.n)
	default:
		v = table.LongValue(s.n)
	}
	return []table.Value{v}
}
func (s *sumState) Bytes() int64 { return 96 }

type avgState struct {
	typ   table.Type
	sum   sumState
	count int64
	ticks [2]uint64 // high and low half of the sum of datetimes
}

func (s *avgState) Add(args []table.Value) {
	v := args[0]
	if v.IsNull() {
		return
	}
	s.count++
	switch s.typ {
	case table.DateTime:
		low, carry := bits.Add64(s.ticks[1], uint64(v.Int64()), 0)
		s.ticks = [2]uint64{s.ticks[0] + carry, low}
	default:
		s.sum.typ = s.typ
		s.sum.Add(args)
	}
}

func (s *avgState) Results() []table.Value {
	if s.count == 0 {
		switch s.typ {
		case table.DateTime, table.TimeSpan, table.Decimal:
			return []table.Value{table.Null(s.typ)}
		}
		return []table.Value{table.RealValue(math.NaN())}
	}
	var v table.Value
	switch s.typ {
	case table.Real:
		v = table.RealValue(s.sum.real() / float64(s.count))
	case table.Decimal:
		var d apd.Decimal
		_, _ = decimals.Quo(&d, &s.sum.d, apd.New(s.count, 0))
		v = table.DecimalValue(&d)
	case table.DateTime:
		mean, _ := bits.Div64(s.ticks[0], s.ticks[1], uint64(s.count))
		v = table.DateTimeValue(int64(mean))
	case table.TimeSpan:
		v = table.TimeSpanValue(s.sum.n / s.count)
	default:
		v = table.RealValue(float64(s.sum.n) / float64(s.count))
	}
	return []table.Value{v}
}
func (s *avgState) Bytes() int64 { return 128 }

type extremeState struct {
	best table.Value
	sign int
	set  bool
}

func (s *extremeState) Add(args []table.Value) {
	v := args[0]
	if v.IsNull() {
		return
	}
	if !s.set || better(v, s.best, s.sign) {
		s.best, s.set = v, true
	}
}
func (s *extremeState) Results() []table.Value { return []table.Value{s.best} }
func (s *extremeState) Bytes() int64           { return 16 + s.best.Bytes() }

type bitsState struct {
	typ table.Type
	f   func(a, b int64) int64
	n   int64
	set bool
}

func (s *bitsState) Add(args []table.Value) {
	v := args[0]
	switch {
	case v.IsNull():
	case s.set:
		s.n = s.f(s.n, v.Int64())
	default:
		s.n, s.set = v.Int64(), true
	}
}
func (s *bitsState) Results() []table.Value {
	switch {
	case !s.set:
		return []table.Value{table.Null(s.typ)}
	case s.typ == table.Int:
		return []table.Value{table.IntValue(s.n)}
	}
	return []table.Value{table.LongValue(s.n)}
}
func (s *bitsState) Bytes() int64 { return 40 }
