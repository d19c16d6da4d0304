package fn

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sextant/table"
)

// TestAggregateSQLAgrees holds each aggregate's SQL form to its state, over small
// groups of hostile values. Sets compare without order, and keys of arg_max are
// distinct, since which of equals wins is nobody's promise.
func TestAggregateSQLAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("asks DuckDB some ten thousand questions")
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, a := range New().Aggregates() {
		if a.SQL[DuckDB] == nil {
			continue
		}
		reached := 0
		t.Run(a.Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				sig := &a.Sigs[rapid.IntRange(0, len(a.Sigs)-1).Draw(rt, "signature")]
				n := 0
				for _, p := range sig.Params {
					if !p.Optional || rapid.Bool().Draw(rt, "optional") {
						n++
					} else {
						break
					}
				}
				if sig.Variadic && n == len(sig.Params) {
					n += rapid.IntRange(0, 2).Draw(rt, "more")
				}
				args := make([]Arg, n)
				for i := range args {
					p := sig.Params[min(i, len(sig.Params)-1)]
					accepts := p.Accepts
					if len(accepts) == 0 {
						accepts = concrete
					}
					args[i] = Arg{Type: rapid.SampledFrom(accepts).Draw(rt, "type"), Name: fmt.Sprintf("c%d", i)}
					if args[i].Type == table.Decimal {
						return
					}
					if p.Const {
						v := anyValue(rt, args[i].Type, "constant")
						args[i].Const = &v
					}
				}
				count := rapid.IntRange(0, 6).Draw(rt, "rows")
				rows := make([][]table.Value, count)
				picks := strings.HasPrefix(a.Name, "arg")
				keys := map[string]bool{}
				for r := range rows {
					rows[r] = make([]table.Value, n)
					for i := range args {
						rows[r][i] = anyValue(rt, args[i].Type, "cell")
						if args[i].Const != nil {
							rows[r][i] = *args[i].Const
						}
					}
					if picks {
						if k := rows[r][0].String(); keys[k] {
							return
						} else {
							keys[k] = true
						}
					}
				}
				result := table.Schema{{Name: "r", Type: sig.Result}}
				if sig.ResultOf != nil {
					result[0].Type = sig.ResultOf(args)
				}
				if a.Several != nil {
					result = a.Several(args)
				}
				names := make([]string, n)
				for i := range names {
					names[i] = args[i].Name
				}
				exprs, ok := a.SQL[DuckDB](names, args, result)
				if !ok {
					return
				}
				reached++
				state := a.New(NewContext(context.Background(), 0, 1, nil), args)
				for _, r := range rows {
					state.Add(r)
				}
				want := state.Results()
				q := "SELECT " + strings.Join(exprs, ", ") + " FROM " + rowsSQL(args, rows)
				got := make([]any, len(exprs))
				ptrs := make([]any, len(exprs))
				for i := range got {
					ptrs[i] = &got[i]
				}
				if err := db.QueryRow(q).Scan(ptrs...); err != nil {
					rt.Fatalf("%v\n%s", err, q)
				}
				for i := range got {
					g := fromSQL(want[i].Type(), got[i])
					w := want[i]
					if strings.HasPrefix(a.Name, "make_set") {
						g, w = sortedSet(g), sortedSet(w)
						if args[len(args)-1].Const != nil { // which values a limit keeps is open
							g, w = table.LongValue(int64(len(g.Dyn().([]any)))), table.LongValue(int64(len(w.Dyn().([]any))))
						}
					}
					if n > 0 && args[0].Type == table.Real && (strings.HasPrefix(a.Name, "sum") || strings.HasPrefix(a.Name, "avg")) && nearSum(g.Float64(), w.Float64(), rows) {
						continue
					}
					if !sameCell(g, w) {
						rt.Fatalf("column %d: SQL %s, Go %s\n%s", i, show(g), show(w), q)
					}
				}
			})
			if reached == 0 {
				t.Error("no drawn arguments reach the SQL form")
			}
		})
	}
}

// nearSum says whether two sums of the first column differ by no more than the order of
// its cells explains.
func nearSum(a, b float64, rows [][]table.Value) bool {
	size := 0.0
	for _, r := range rows {
		size += math.Abs(r[0].Float64())
	}
	return math.Abs(a-b) <= 1e-12*size
}

func sortedSet(v table.Value) table.Value {
	list, _ := v.Dyn().([]any)
	list = slices.Clone(list)
	slices.SortFunc(list, DynCompare)
	return table.DynamicValue(list)
}

// rowsSQL writes rows as a table that keeps their order.
func rowsSQL(args []Arg, rows [][]table.Value) string {
	head, none := "one", "1"
	for i, a := range args {
		lit, _ := Literal(DuckDB, table.Null(a.Type))
		none += ", " + lit
		head += fmt.Sprintf(", c%d", i)
	}
	if len(rows) == 0 {
		return "(SELECT * FROM (VALUES (" + none + ")) t(" + head + ") WHERE FALSE)"
	}
	var lines []string
	for _, r := range rows {
		line := "(1"
		for _, v := range r {
			lit, _ := Literal(DuckDB, v)
			line += ", " + lit
		}
		lines = append(lines, line+")")
	}
	return "(VALUES " + strings.Join(lines, ", ") + ") t(" + head + ")"
}
