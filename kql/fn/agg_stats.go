package fn

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"sextant/table"
)

// statistics is the table of variance, standard deviation, covariance and
// percentiles.
func statistics() []Aggregate {
	moment := func(name, doc string, sample, root bool, iff bool) Aggregate {
		text := "expr:summable -> real"
		state := func(*Context, []Arg) State { return &momentState{sample: sample, root: root} }
		if iff {
			text = "expr:summable, predicate:bool -> real"
			state = onlyIf(1, state)
		}
		s := sigs(text)
		s[0].Convert = nil
		return Aggregate{Name: name, Sigs: s, ResultName: named(name), New: state, Doc: doc}
	}
	cov := func(name, doc string, sample, iff bool) Aggregate {
		text := "x:summable, y:summable -> real"
		state := func(*Context, []Arg) State { return &covState{sample: sample} }
		if iff {
			text = "x:summable, y:summable, predicate:bool -> real"
			state = onlyIf(2, state)
		}
		s := sigs(text)
		s[0].Convert = nil
		return Aggregate{Name: name, Sigs: s, ResultName: named(name), New: state, Doc: doc}
	}
	pct := func(name string, weighted, array bool, doc string) Aggregate {
		params := []Param{{Name: "expr"}}
		if weighted {
			params = append(params, Param{Name: "weight", Accepts: integers})
		}
		first := len(params)
		last := Param{Name: "percentile", Accepts: numbers, Const: true}
		if array {
			last.Accepts = append(slices.Clone(numbers), table.Dynamic)
		}
		result := func(a []Arg) table.Type {
			if array {
				return table.Dynamic
			}
			return percentileType(a[0].Type)
		}
		agg := Aggregate{Name: name, Sigs: []Sig{{Params: append(params, last), Variadic: !strings.HasSuffix(name, "percentile") && name != "percentilew", ResultOf: result}},
			ResultName: func(arg string) string { return "percentile_" + arg },
			New: func(_ *Context, args []Arg) State {
				return &percentileState{typ: percentileType(args[0].Type), weighted: weighted, array: array, at: percentilesOf(args[first:])}
			}, Doc: doc}
		if array {
			agg.ResultName = named("percentiles")
			return agg
		}
		agg.Several = func(args []Arg) table.Schema {
			var out table.Schema
			for _, p := range percentilesOf(args[first:]) {
				text := strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "_")
				out = append(out, table.Column{Name: "percentile_" + args[0].Name + "_" + text, Type: percentileType(args[0].Type)})
			}
			return out
		}
		return agg
	}
	return []Aggregate{
		moment("stdev", "Standard deviation of a sample; 0 of one value.", true, true, false),
		moment("stdevif", "stdev where the predicate is true.", true, true, true),
		moment("stdevp", "Standard deviation of a population.", false, true, false),
		moment("variance", "Variance of a sample; 0 of one value.", true, false, false),
		moment("varianceif", "variance where the predicate is true.", true, false, true),
		moment("variancep", "Variance of a population.", false, false, false),
		moment("variancepif", "variancep where the predicate is true.", false, false, true),
		cov("covariance", "Covariance of a sample of pairs.", true, false),
		cov("covarianceif", "covariance where the predicate is true.", true, true),
		cov("covariancep", "Covariance of a population of pairs.", false, false),
		cov("covariancepif", "covariancep where the predicate is true.", false, true),
		pct("percentile", false, false, "The least value that a share of the values does not exceed (nearest rank)."),
		pct("percentiles", false, false, "Several percentiles, a column for each."),
		pct("percentiles_array", false, true, "Several percentiles in an array."),
		pct("percentilew", true, false, "percentile of values that count by their weight."),
		pct("percentilesw", true, false, "percentiles of values that count by their weight."),
		pct("percentilesw_array", true, true, "percentiles_array of values that count by their weight."),
	}
}

// momentState is Welford's: the mean and the sum of squared differences from it.
type momentState struct {
	sample, root bool
	n, mean, m2  float64
}

func (s *momentState) Add(args []table.Value) {
	if args[0].IsNull() {
		return
	}
	x := args[0].Number()
	s.n++
	d := x - s.mean
	s.mean += d / s.n
	s.m2 += d * (x - s.mean)
}

func (s *momentState) Results() []table.Value {
	v := 0.0
	switch {
	case s.n == 0:
		v = math.NaN()
	case s.sample && s.n > 1:
		v = s.m2 / (s.n - 1)
	case !s.sample:
		v = s.m2 / s.n
	case math.IsNaN(s.m2):
		v = s.m2
	}
	if s.root {
		v = math.Sqrt(v)
	}
	return []table.Value{table.RealValue(v)}
}
func (s *momentState) Bytes() int64 { return 48 }

type covState struct {
	sample             bool
	n, meanX, meanY, c float64
}

func (s *covState) Add(args []table.Value) {
	if args[0].IsNull() || args[1].IsNull() {
		return
	}
	x, y := args[0].Number(), args[1].Number()
	s.n++
	dx := x - s.meanX
	s.meanX += dx / s.n
	s.meanY += (y - s.meanY) / s.n
	s.c += dx * (y - s.meanY)
}

func (s *covState) Results() []table.Value {
	v := 0.0
	switch {
	case s.n == 0:
		v = math.NaN()
	case s.sample && s.n > 1:
		v = s.c / (s.n - 1)
	case !s.sample:
		v = s.c / s.n
	}
	return []table.Value{table.RealValue(v)}
}
func (s *covState) Bytes() int64 { return 56 }

// percentileType is the type of a percentile of a column: an int gives a long, a
// decimal a real.
func percentileType(t table.Type) table.Type {
	switch t {
	case table.Int:
		return table.Long
	case table.Decimal:
		return table.Real
	}
	return t
}

// percentilesOf the constant arguments: numbers, or one array of numbers.
func percentilesOf(args []Arg) []float64 {
	var out []float64
	for _, a := range args {
		if a.Const == nil {
			continue
		}
		if list, ok := a.Const.Dyn().([]any); ok && a.Type == table.Dynamic {
			for _, e := range list {
				if f := toReal(table.DynamicValue(e)); !f.IsNull() {
					out = append(out, f.Float64())
				}
			}
			continue
		}
		out = append(out, toReal(*a.Const).Float64())
	}
	return out
}

// percentileState keeps all values and sorts them in the end.
type percentileState struct {
	typ             table.Type
	weighted, array bool
	at              []float64
	vals            []table.Value
	weights         []int64
	bytes           int64
}

func (s *percentileState) Add(args []table.Value) {
	v := args[0]
	if v.IsNull() || s.weighted && (args[1].IsNull() || args[1].Int64() <= 0) {
		return
	}
	v = Convert(v, s.typ)
	s.vals = append(s.vals, v)
	s.bytes += v.Bytes()
	if s.weighted {
		s.weights = append(s.weights, args[1].Int64())
		s.bytes += 8
	}
}

func (s *percentileState) Results() []table.Value {
	order := make([]int, len(s.vals))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return SortCompare(s.vals[i], s.vals[j]) })
	total := float64(len(order))
	if s.weighted {
		total = 0
		for _, w := range s.weights {
			total += float64(w)
		}
	}
	out := make([]table.Value, len(s.at))
	for k, p := range s.at {
		out[k] = table.Null(s.typ)
		if len(order) == 0 {
			continue
		}
		want := p / 100 * total
		out[k] = s.vals[order[len(order)-1]]
		if !s.weighted {
			i := int(math.Ceil(want-1e-9)) - 1
			out[k] = s.vals[order[max(0, min(i, len(order)-1))]]
			continue
		}
		sum := 0.0
		for _, i := range order {
			if sum += float64(s.weights[i]); sum >= want-1e-9 {
				out[k] = s.vals[i]
				break
			}
		}
	}
	if s.array {
		list := make([]any, len(out))
		for i, v := range out {
			list[i] = dynOf(v)
		}
		return []table.Value{table.DynamicValue(list)}
	}
	return out
}
func (s *percentileState) Bytes() int64 { return 96 + s.bytes }
