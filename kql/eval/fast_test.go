package eval

import (
	"fmt"
	"math"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// The loops over whole vectors give cell for cell what the catalogue's evaluators do.
func TestFastAgreesWithCatalogue(t *testing.T) {
	cat := fn.New()
	cells := map[table.Type][]table.Value{
		table.Bool:     {truthy(true), truthy(false), table.Null(table.Bool)},
		table.Int:      {table.IntValue(1), table.IntValue(-2147483648), table.Null(table.Int)},
		table.Long:     {long(0), long(-1), long(5), long(math.MaxInt64), long(math.MinInt64), long(1 << 32), null},
		table.Real:     {real(0), real(math.Copysign(0, -1)), real(1.5), real(math.NaN()), real(math.Inf(1)), table.Null(table.Real)},
		table.String:   {str(""), str("a"), str("A"), str("é"), str("ab")},
		table.DateTime: {table.DateTimeValue(0), table.DateTimeValue(5), table.Null(table.DateTime)},
		table.TimeSpan: {table.TimeSpanValue(-7), table.TimeSpanValue(0), table.Null(table.TimeSpan)},
		table.Guid:     {table.GuidValue("6f9619ff-8b86-d011-b42d-00c04fc964ff"), table.Null(table.Guid)},
	}
	fast := 0
	for typ, vals := range cells {
		s := table.Schema{{Name: "l", Type: typ}, {Name: "r", Type: typ}}
		b := table.NewBatch(s, 0)
		for _, l := range vals {
			for _, r := range vals {
				b.AppendRow([]table.Value{l, r})
			}
		}
		for _, op := range []string{"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "and", "or"} {
			f := cat.Scalar(op)
			result := table.Bool
			switch {
			case f == nil:
				t.Fatalf("no %s in the catalogue", op)
			case (op == "and" || op == "or") && typ != table.Bool:
				continue
			case op == "+" || op == "-" || op == "*":
				if typ != table.Long && typ != table.Real {
					continue
				}
				result = typ
			case typ == table.Guid && op != "==" && op != "!=":
				continue
			}
			col := func(n string) plan.Expr { return &plan.Col{Name: n, T: typ} }
			sides := [][2]plan.Expr{{col("l"), col("r")}}
			for _, v := range vals {
				sides = append(sides, [2]plan.Expr{col("l"), con(v)}, [2]plan.Expr{con(v), col("r")})
			}
			for _, side := range sides {
				for rows := range 2 { // without nulls the loops are others
					in := b
					if rows == 1 {
						var keep []int32
						for i := range b.Rows {
							if !b.Cols[0].IsNull(i) && !b.Cols[1].IsNull(i) {
								keep = append(keep, int32(i))
							}
						}
						in = pickRows(b, keep)
						in.Cols[0].Valid, in.Cols[1].Valid = nil, nil
					}
					sc := &scope{compiler: newCompiler(background(), nil, Options{}), pipe: &pipe{}, schema: s}
					n, err := sc.expr(&plan.Call{Fn: f, Args: side[:], T: result})
					if err != nil {
						t.Fatal(err)
					}
					if n.vec == nil {
						continue
					}
					fast++
					v := n.vec(in)
					if v.Len() != in.Rows || v.Type != result {
						t.Fatalf("%s gives %d cells of type %s for %d rows", op, v.Len(), v.Type, in.Rows)
					}
					for i := range in.Rows {
						got, want := v.At(i), n.at(in, i)
						if got.String() != want.String() || got.IsNull() != want.IsNull() {
							t.Errorf("%s %s %s is %s by vector and %s by row", in.Cols[0].At(i), op, in.Cols[1].At(i), got, want)
						}
					}
				}
			}
		}
	}
	if fast < 300 {
		t.Errorf("only %d loops were tried", fast)
	}
}

// A long list looked up in a set gives what walking it does.
func TestFastInAgreesWithCatalogue(t *testing.T) {
	cat := fn.New()
	var words, numbers []table.Value
	for i := range 10 {
		words = append(words, str(fmt.Sprintf("Wört%d", i)))
		numbers = append(numbers, long(int64(i*i)))
	}
	f := func(op string, x table.Value, list []table.Value) {
		t.Helper()
		args := []plan.Expr{&plan.Col{Name: "x", T: x.Type()}}
		vals := []table.Value{x}
		for _, v := range list {
			args, vals = append(args, con(v)), append(vals, v)
		}
		s := table.Schema{{Name: "x", Type: x.Type()}}
		b := table.NewBatch(s, 1)
		b.AppendRow([]table.Value{x})
		sc := &scope{compiler: newCompiler(background(), nil, Options{}), pipe: &pipe{}, schema: s}
		n, err := sc.expr(&plan.Call{Fn: cat.Scalar(op), Args: args, T: table.Bool})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := n.at(b, 0), cat.Scalar(op).Eval(background(), vals); got.String() != want.String() {
			t.Errorf("%s %s is %s by set and %s by list", x, op, got, want)
		}
	}
	for _, op := range []string{"in", "!in", "in~", "!in~"} {
		for _, w := range []string{"Wört3", "wört3", "WÖRT3", "", "x"} {
			f(op, str(w), words)
			f(op, str(w), []table.Value{table.DynamicText(`["a","b","c","d","e","f","g","WÖRT3"]`)})
		}
	}
	for _, op := range []string{"in", "!in"} {
		for _, n := range []table.Value{long(4), long(5), null, table.IntValue(9), table.Null(table.Int)} {
			f(op, n, numbers)
		}
	}
}
