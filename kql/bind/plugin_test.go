package bind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sextant/kql/bind"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// run a plan that reads no stored table.
func run(p *plan.Pipeline) ([][]table.Value, error) {
	ctx := context.Background()
	r, err := eval.Run(fn.NewContext(ctx, 0, 0, nil), p, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out [][]table.Value
	for {
		b, err := r.Next(ctx)
		if err != nil || b == nil {
			return out, err
		}
		for i := range b.Rows {
			out = append(out, b.Row(i, nil))
		}
	}
}

// TestColumnsFromRows: bag_unpack and pivot ask what the rows hold.
func TestColumnsFromRows(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		file, ds := syntax.Parse(query)
		if ds.Err() != nil {
			t.Fatal(ds)
		}
		q, ds := bind.Bind(file, fuzzEnv{}, fn.New(), bind.Options{Rows: run})
		if ds.Err() != nil {
			if ds.Error() != want {
				t.Errorf("%s: %v", query, ds)
			}
			return
		}
		rows, err := run(q.Pipelines[0])
		if err != nil {
			t.Fatal(err)
		}
		lines := []string{q.Pipelines[0].Schema().String()}
		for _, r := range rows {
			var cells []string
			for _, v := range r {
				cells = append(cells, fmt.Sprint(v))
			}
			lines = append(lines, strings.Join(cells, " "))
		}
		if have := strings.Join(lines, "\n"); have != want {
			t.Errorf("%s\nhave\n%s\nwant\n%s", query, have, want)
		}
	}
	f(`datatable(n:long, d:dynamic)[1, dynamic({"b":1,"a":"x"}), 2, dynamic({"b":2.5,"c":[1]}), 3, dynamic(null), 4, dynamic({"c":5})] | evaluate bag_unpack(d)`,
		"(n:long, a:string, b:real, c:dynamic)\n1 x 1 dynamic(null)\n2  2.5 [1]\n3  real(null) dynamic(null)\n4  real(null) 5")
	f(`print d = dynamic({"x":true,"y":null,"z":1}) | evaluate bag_unpack(d, "p_", ignoredProperties=dynamic(["z"]))`,
		"(p_x:bool, p_y:dynamic)\ntrue dynamic(null)")
	f(`datatable(Name:string, d:dynamic)["J", dynamic({"Name":"K","Age":20})] | evaluate bag_unpack(d, columnsConflict='replace_source')`,
		"(Name:string, Age:long)\nK 20")
	f(`datatable(Name:string, d:dynamic)["J", dynamic({"Name":"K"})] | evaluate bag_unpack(d)`,
		"'evaluate' operator: The property 'Name' has the name of a column; give a prefix as the second argument, or columnsConflict='replace_source' or 'keep_source'")
	f(`datatable(u:string, op:string, n:long)["a","x",1, "a","y",2, "b","x",3, "b","x",4] | evaluate pivot(op, sum(n)) | sort by u asc`,
		"(u:string, x:long, y:long)\na 1 2\nb 7 0")
	f(`datatable(u:string, op:string)["a","x", "a","y", "b","x"] | evaluate pivot(op) | sort by u asc`,
		"(u:string, x:long, y:long)\na 1 1\nb 1 0")
}

// BenchmarkBind binds and rewrites a query of the usual size.
func BenchmarkBind(b *testing.B) {
	cols := table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "User", Type: table.String}, {Name: "Code", Type: table.Int}, {Name: "Status", Type: table.Dynamic}}
	env := fuzzEnv{"Sign": {Name: "Sign", Columns: cols, Time: "TimeGenerated"}}
	cat := fn.New()
	query := `let lookback = 7d; let failed = Sign | where TimeGenerated > ago(lookback) | extend e = tostring(Status.errorCode) | where e != "0";
failed | summarize n = count(), last = arg_max(TimeGenerated, *) by User, bin(TimeGenerated, 1h) | where n > 5
| join kind=inner (failed | summarize total = count() by User) on User | project User, n, total, last | sort by n | take 10`
	b.ReportAllocs()
	for b.Loop() {
		file, _ := syntax.Parse(query)
		q, ds := bind.Bind(file, env, cat, bind.Options{})
		if ds.Err() != nil {
			b.Fatal(ds)
		}
		plan.Optimize(&plan.Rewriting{Cat: cat}, q.Pipelines[0])
	}
}
