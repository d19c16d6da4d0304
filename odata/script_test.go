package odata_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/query"
	"sextant/store"
	"sextant/store/duckdb"
	"sextant/store/memory"
	"sextant/table"
)

var update = flag.Bool("update", false, "accept what comes out")

// A script has a model, rows, and cases, apart by lines ====. The rows are objects of
// the first entity; the columns of their table are its properties: typed where a
// column of KQL has the type, dynamic where the type is complex or a collection, and
// text that holds JSON where the property's name ends in Text. A case is a $filter or
// a $orderby, and below ---- what comes out: the ids of the rows in their order, or
// the error with its place.
type script struct {
	t       *testing.T
	model   *odata.Model
	entity  *odata.Type
	def     table.Def
	store   store.Store
	engine  *query.Engine
	rows    []string
	objects []table.Value
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, engine := range []string{"duckdb", "memory", "go"} {
		for _, file := range files {
			t.Run(engine+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { run(t, file, engine) })
		}
	}
}

func run(t *testing.T, file, engine string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t}
	var out []string
	for n, part := range strings.Split(strings.TrimRight(string(text), "\n"), "\n====\n") {
		input, want, _ := strings.Cut(part+"\n", "\n----\n")
		lines := strings.Split(strings.TrimSpace(input), "\n")
		for len(lines) > 1 && strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		head, rest, _ := strings.Cut(lines[0], " ")
		got := ""
		switch head {
		case "model":
			if s.model, err = odata.ReadModel(strings.Join(lines[1:], "\n"), "v1.0", "v1.0", "beta"); err != nil {
				t.Fatal(err)
			}
			s.entity = s.model.Types()[0]
		case "rows":
			s.rows = lines[1:]
			s.load(engine)
		case "filter", "order":
			got = s.ask(head, rest, engine == "go")
		default:
			t.Fatalf("case %d: %q", n+1, lines[0])
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) && !*update {
			t.Errorf("case %d: %s\ngot:  %s\nwant: %s", n+1, lines[0], got, strings.TrimSpace(want))
		}
		out = append(out, strings.TrimRight(input, "\n")+"\n----\n"+got)
	}
	if *update && engine == "duckdb" {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n====\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func columnType(r odata.Ref, name string) table.Type {
	switch {
	case strings.HasSuffix(name, "Text"):
		return table.String
	case r.Collection || r.Kind == odata.Complex:
		return table.Dynamic
	}
	switch r.Name {
	case "Boolean":
		return table.Bool
	case "Int32", "Int64":
		return table.Long
	case "Double":
		return table.Real
	case "DateTimeOffset":
		return table.DateTime
	case "Duration":
		return table.TimeSpan
	}
	return table.String
}

// load the rows into a store.
func (s *script) load(engine string) {
	s.t.Helper()
	ctx := context.Background()
	s.def = table.Def{Name: "T", IDs: []string{"id", "items[].id"}, Promoted: []table.Promoted{{Column: "place", Path: "city", Type: table.String}, {Column: "items", Path: "[].id", Type: table.Dynamic}}}
	for _, p := range s.entity.Props {
		s.def.Columns = append(s.def.Columns, table.Column{Name: p.Name, Type: columnType(p.Type, p.Name)})
	}
	if engine == "duckdb" {
		d, err := duckdb.Open(ctx, s.t.TempDir(), duckdb.Options{})
		if err != nil {
			s.t.Fatal(err)
		}
		s.store = d
	} else {
		s.store = memory.New()
	}
	s.t.Cleanup(func() { s.store.Close() })
	if err := s.store.Define(ctx, s.def); err != nil {
		s.t.Fatal(err)
	}
	s.engine = query.New(query.Options{Fallback: func(sql string, err error) { s.t.Errorf("fell back to Go: %v\n%s", err, sql) }})
	b := table.NewBatch(s.def.Physical(), len(s.rows))
	for i, line := range s.rows {
		doc, err := table.ParseJSON(line)
		if err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		o := doc.(*table.Object)
		s.objects = append(s.objects, table.DynamicValue(doc))
		row := make([]table.Value, len(s.def.Physical()))
		odd := false
		for j, c := range s.def.Physical() {
			row[j] = table.Null(c.Type)
			if j < len(s.def.Columns) {
				v, _ := o.Get(c.Name)
				if v == nil {
					continue
				}
				if text, ok := v.(string); ok && c.Type == table.String {
					row[j] = table.StringValue(text)
				} else if c.Type == table.String {
					row[j] = table.StringValue(string(table.AppendJSON(nil, v)))
				} else if row[j] = fn.Convert(table.DynamicValue(v), c.Type); c.Type == table.Dynamic {
					row[j] = table.DynamicValue(v)
				}
			} else if k := j - len(s.def.Columns); k < len(s.def.Promoted) {
				v, _ := o.Get(s.def.Promoted[k].Column)
				var o bool
				row[j], o = s.def.Promoted[k].Of(v)
				odd = odd || o
			}
		}
		at := len(row) - len(table.Hidden)
		row[at], row[at+1], row[at+2], row[at+3], row[at+4] = table.LongValue(int64(i)), table.StringValue("t"), table.IntValue(0), table.LongValue(int64(i)), table.IntValue(0)
		row[at+5], row[at+6], row[at+7] = table.DateTimeValue(int64(i)), table.IntValue(1), table.BoolValue(odd)
		b.AppendRow(row)
	}
	if err := s.store.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "T", Rows: b}}}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Flush(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) binding(memory bool) *odata.Binding {
	return &odata.Binding{Model: s.model, Entity: s.entity, Cat: s.engine.Catalogue(), Column: func(property string) (odata.Column, bool) {
		i := s.def.Columns.Index(property)
		c := s.def.Columns[i]
		if memory {
			return odata.Column{Expr: &plan.Col{Name: property, T: table.Dynamic}}, true
		}
		out := odata.Column{Expr: &plan.Col{Name: c.Name, T: c.Type}, In: c.Name}
		if strings.HasSuffix(property, "Text") {
			f := s.engine.Catalogue().Scalar("parse_json")
			out.Expr = &plan.Call{Fn: f, Args: []plan.Expr{out.Expr}, T: table.Dynamic, Info: []fn.Arg{{Type: table.String, Name: c.Name}}}
		}
		return out, true
	}}
}

// ask for rows, through the store or over the objects in memory.
func (s *script) ask(what, text string, inGo bool) string {
	b := s.binding(inGo)
	filter, keys := &odata.Filter{Pred: b.And()}, []odata.SortKey(nil)
	var err error
	if what == "filter" {
		var e odata.Expr
		if e, err = odata.ParseFilter(text); err == nil {
			if again, err := odata.ParseFilter(odata.Print(e)); err != nil || odata.Print(again) != odata.Print(e) {
				s.t.Errorf("%s is printed as %s, which reads as something else: %v", text, odata.Print(e), err)
			}
			filter, err = b.Filter(e)
		}
	} else {
		var order []odata.OrderKey
		if order, err = odata.ParseOrder(text); err == nil {
			keys, err = b.Order(order)
		}
	}
	if err != nil {
		ds, ok := err.(fault.Diagnostics)
		if !ok {
			s.t.Fatalf("%s: %v is no diagnostic", text, err)
		}
		return fmt.Sprintf("%d-%d: %s", ds[0].Span.Start, ds[0].Span.End(), ds[0].Text)
	}
	if inGo {
		return strings.Join(s.inMemory(filter.Pred, keys), " ")
	}
	return strings.Join(s.inStore(filter, keys), " ")
}

func (s *script) inMemory(pred plan.Expr, keys []odata.SortKey) []string {
	c := fn.NewContext(context.Background(), 639_500_000_000_000_000, 0, nil)
	cell := func(i int) func(string) table.Value {
		return func(name string) table.Value {
			v, _ := s.objects[i].Dyn().(*table.Object).Get(name)
			if v == nil {
				return table.Null(table.Dynamic)
			}
			return table.DynamicValue(v)
		}
	}
	var at []int
	for i := range s.objects {
		if odata.Evaluate(c, pred, cell(i)).Bool() {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(x, y int) int {
		for _, k := range keys {
			n := fn.SortCompare(odata.Evaluate(c, k.Expr, cell(x)), odata.Evaluate(c, k.Expr, cell(y)))
			if k.Desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	var out []string
	for _, i := range at {
		out = append(out, cell(i)("id").Dyn().(string))
	}
	return out
}

func (s *script) inStore(filter *odata.Filter, keys []odata.SortKey) []string {
	ctx := context.Background()
	a, err := s.engine.RunPlan(ctx, s.store, query.Planned{Plan: func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
		def, _ := snap.Def("T")
		scan := &plan.Scan{Def: def, Out: append(slices.Clone(def.Columns), table.Column{Name: table.HiddenOffset, Type: table.Long})}
		for _, h := range filter.Hints {
			if slices.Contains(def.IDs, h.Column) {
				scan.Equal = append(scan.Equal, plan.Equal(h))
			}
		}
		top := &plan.Top{In: scan.Out, N: 1000}
		for _, k := range keys {
			top.Keys = append(top.Keys, plan.SortKey{Expr: k.Expr, Desc: k.Desc, NullsFirst: !k.Desc})
		}
		top.Keys = append(top.Keys, plan.SortKey{Expr: &plan.Col{Name: table.HiddenOffset, T: table.Long}})
		return &plan.Pipeline{Source: scan, Ops: []plan.Op{&plan.Filter{In: scan.Out, Pred: filter.Pred}, top, &plan.Project{Cols: []plan.Named{{Name: "id", Expr: &plan.Col{Name: "id", T: table.String}}}}}}, nil
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Close()
	b, err := query.All(ctx, a.Tables[0].Rows)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for i := range b.Rows {
		out = append(out, b.Cols[0].At(i).Str())
	}
	return out
}

func TestSplit(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		m, err := odata.Split(in)
		text, _ := json.Marshal(m)
		got := string(text)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	f("", "{}")
	f("$filter=a eq 'b'&$top=5", `{"filter":"a eq 'b'","top":"5"}`)
	f("%24filter=a%20eq%20%27b%26c%27&TOP=5", `{"filter":"a eq 'b\u0026c'","top":"5"}`)
	f("$filter=a+eq+'x;y'", `{"filter":"a eq 'x;y'"}`)
	f("other=1&$count=true", `{"count":"true"}`)
	f("$top=1&$Top=2", "the query option '$top' is given more than once")
	f("$nope=1", "the query option '$nope' is not known; $filter, $select, $orderby, $top, $skip, $count, $expand and $format are")
	f("$filter=%zz", `the query "$filter=%zz" is not percent-encoded as it should be`)
}

func TestLimits(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := odata.ParseFilter(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	f(strings.Repeat("(", 100)+"a"+strings.Repeat(")", 100), "nested more than 64 deep")
	f(strings.Repeat("not ", 100)+"a", "nested more than 64 deep")
	f(strings.Repeat("- ", 100)+"a", "nested more than 64 deep")
	f("a eq 1"+strings.Repeat(" or a eq 1", 1500), "more than 2000 parts")
	f("a eq '"+strings.Repeat("x", 20_000)+"'", "16384 are the most")
	f("a eq '\xff'", "not UTF-8")
	f(strings.Repeat("a/any(x:", 70)+"1"+strings.Repeat(")", 70), "nested more than 64 deep")
}
