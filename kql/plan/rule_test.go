package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

var update = flag.Bool("update", false, "accept what the rules give now")

// env is the tables that a script declares.
type env map[string]table.Def

func (e env) Table(name string) (table.Def, bool) { d, ok := e[name]; return d, ok }
func (e env) Tables() []string {
	var out []string
	for n := range e {
		out = append(out, n)
	}
	return out
}
func (e env) Function(string) (*syntax.Let, bool) { return nil, false }

// TestRules runs testdata/rule_*.txt. A script declares tables:
//
//	table Name(column:type, …) time=column ids=a,b promote=Column.path:type,…
//
// and has queries for one rule or for "all", with the plan that comes out. What
// the rule gets is the bound query; the last word "sure" says that no row is odd.
func TestRules(t *testing.T) {
	files, _ := filepath.Glob("testdata/rule_*.txt")
	if len(files) == 0 {
		t.Fatal("no scripts in testdata")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { script(t, f) })
	}
}

func script(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tables := env{}
	var out strings.Builder
	ran := 0
	for _, part := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
		head, want, ok := strings.Cut(part, "\n----")
		if !ok {
			out.WriteString(part + "\n\n")
			if strings.HasPrefix(part, "table ") {
				tables.declare(t, part)
			}
			continue
		}
		want = strings.TrimPrefix(want, "\n")
		rule, query, _ := strings.Cut(head, "\n")
		have := rewritten(t, rule, query, tables)
		ran++
		if have != want && !*update {
			t.Errorf("%s: %s\n%s\nhave:\n%s\nwant:\n%s", file, rule, query, have, want)
		}
		out.WriteString(head + "\n----\n" + have + "\n\n")
	}
	if ran == 0 {
		t.Error("nothing to run")
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const now = "2026-01-31T12:00:00Z"

func rewritten(t *testing.T, rule, query string, tables env) string {
	t.Helper()
	file, ds := syntax.Parse(query)
	if ds.Err() != nil {
		t.Fatalf("%s: %v", query, ds)
	}
	cat := fn.New()
	q, ds := bind.Bind(file, tables, cat, bind.Options{})
	if ds.Err() != nil {
		t.Fatalf("%s: %v", query, ds)
	}
	ticks, _ := fn.ParseDateTime(now)
	r := &plan.Rewriting{Cat: cat, Now: ticks}
	rule, sure := strings.CutSuffix(rule, " sure")
	if sure {
		r.Odd = func(table.Def) bool { return false }
	}
	r.Empty = func(d table.Def) bool { return strings.HasPrefix(d.Name, "Empty") }
	r.Excluded = func(s *plan.Scan) bool { // no row has this word
		return slices.ContainsFunc(s.Terms, func(t plan.Terms) bool { return len(t.Any) == 1 && slices.Contains(t.Any[0], "nobody") })
	}
	before := q.Pipelines[0]
	after := before
	if rule == "all" {
		after = plan.Optimize(r, before)
	} else {
		found := false
		for _, x := range plan.Rules() {
			if x.Name == rule && !found {
				after, found = plan.Apply(r, x, before), true
			}
		}
		if !found {
			t.Fatalf("no rule %s", rule)
		}
	}
	if a, b := before.Schema().String(), after.Schema().String(); a != b {
		t.Errorf("%s: the schema was %s and is %s", query, a, b)
	}
	if err := check(after); err != nil {
		t.Errorf("%s: %v\n%s", query, err, after)
	}
	return strings.ReplaceAll(after.String(), " | ", "\n| ")
}

func (e env) declare(t *testing.T, text string) {
	t.Helper()
	name, rest, _ := strings.Cut(strings.TrimPrefix(text, "table "), "(")
	cols, tail, ok := strings.Cut(rest, ")")
	if !ok {
		t.Fatalf("no table: %s", text)
	}
	d := table.Def{Name: name}
	for _, c := range strings.Split(cols, ", ") {
		n, typ, _ := strings.Cut(c, ":")
		ct, ok := table.ParseType(typ)
		if !ok {
			t.Fatalf("no type: %s", c)
		}
		d.Columns = append(d.Columns, table.Column{Name: n, Type: ct})
	}
	for _, f := range strings.Fields(tail) {
		k, v, _ := strings.Cut(f, "=")
		switch k {
		case "time":
			d.Time = v
		case "ids":
			d.IDs = strings.Split(v, ",")
		case "promote":
			for _, p := range strings.Split(v, ",") {
				path, typ, _ := strings.Cut(p, ":")
				ct, _ := table.ParseType(typ)
				i := strings.IndexAny(path, ".[")
				pr := table.Promoted{Column: path[:i], Path: strings.TrimPrefix(path[i:], "."), Type: ct}
				d.Promoted = append(d.Promoted, pr)
			}
		}
	}
	e[name] = d
}

// check sees that every expression finds its columns, with their types.
func check(p *plan.Pipeline) error {
	if u, ok := p.Source.(*plan.Union); ok {
		for i, in := range u.Inputs {
			if err := check(in); err != nil {
				return err
			}
			s := in.Schema()
			for k, from := range u.From[i] {
				if j := s.Index(from); from != "" && (j < 0 || s[j].Type != u.Out[k].Type) {
					return fmt.Errorf("input %d of the union has no %s", i, from)
				}
			}
		}
	}
	in := p.Source.Schema()
	for _, op := range p.Ops {
		for _, e := range plan.Expressions(op) {
			var err error
			plan.Walk(e, func(e plan.Expr) bool {
				if c, ok := e.(*plan.Col); ok {
					if i := in.Index(c.Name); i < 0 || in[i].Type != c.T {
						err = fmt.Errorf("%s: no column %s:%s in %s", op, c.Name, c.T, in)
					}
				}
				return true
			})
			if err != nil {
				return err
			}
		}
		switch o := op.(type) {
		case *plan.Join:
			if err := check(o.Right); err != nil {
				return err
			}
			for _, c := range o.LeftCols {
				if in.Index(c) < 0 {
					return fmt.Errorf("%s: no left column %s", op, c)
				}
			}
			for _, c := range o.RightCols {
				if o.Right.Schema().Index(c) < 0 {
					return fmt.Errorf("%s: no right column %s", op, c)
				}
			}
		case *plan.MvApply:
			if err := check(o.Sub); err != nil {
				return err
			}
			for _, c := range o.Keep {
				if in.Index(c) < 0 {
					return fmt.Errorf("%s: no column %s", op, c)
				}
			}
			if a, b := o.Sub.Source.Schema().String(), o.Expand.Out.String(); a != b {
				return fmt.Errorf("%s: the subquery sees %s of %s", op, a, b)
			}
		case *plan.Partition:
			if err := check(o.Sub); err != nil {
				return err
			}
			if a, b := o.Sub.Source.Schema().String(), in.String(); a != b {
				return fmt.Errorf("%s: the subquery sees %s of %s", op, a, b)
			}
		case *plan.Filter:
			if a, b := o.In.String(), in.String(); a != b {
				return fmt.Errorf("%s: made for %s, has %s", op, a, b)
			}
		case *plan.Distinct:
			if a, b := o.In.String(), in.String(); a != b {
				return fmt.Errorf("%s: made for %s, has %s", op, a, b)
			}
		}
		in = op.Schema()
	}
	return nil
}
