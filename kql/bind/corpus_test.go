package bind

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/table"
)

const shared = "../../../shared"

// tables is an environment of tables alone.
type tables struct {
	defs  map[string]table.Def
	names []string
}

func (e *tables) Table(name string) (table.Def, bool)      { d, ok := e.defs[name]; return d, ok }
func (e *tables) Tables() []string                         { return e.names }
func (e *tables) Function(name string) (*syntax.Let, bool) { return nil, false }

func (e *tables) add(d table.Def) {
	if _, ok := e.defs[d.Name]; !ok {
		e.defs[d.Name] = d
		e.names = append(e.names, d.Name)
	}
}

// documented is the environment of all documented tables.
func documented(t testing.TB) *tables {
	t.Helper()
	e := &tables{defs: map[string]table.Def{}}
	files, _ := filepath.Glob(shared + "/schemas/log-analytics/*.json")
	if len(files) == 0 {
		t.Skip("the reference schemas are not at " + shared)
	}
	for _, f := range files {
		var s struct {
			Table   string
			Columns []struct{ Name, Type string }
		}
		read(t, f, &s)
		if s.Table == "" {
			continue
		}
		d := table.Def{Name: s.Table}
		for _, c := range s.Columns {
			typ, _ := table.ParseType(c.Type)
			d.Columns = append(d.Columns, table.Column{Name: c.Name, Type: typ})
		}
		if i := d.Columns.Index("TimeGenerated"); i >= 0 {
			d.Time = "TimeGenerated"
		}
		e.add(d)
	}
	var groups map[string]map[string][]string
	read(t, shared+"/schemas/all-tables-compact.json", &groups)
	for _, group := range []string{"logAnalytics", "defenderXdr"} { // the first of a name counts
		for name, cols := range groups[group] {
			d := table.Def{Name: name}
			for _, c := range cols {
				i := strings.LastIndexByte(c, ':')
				typ, _ := table.ParseType(c[i+1:])
				d.Columns = append(d.Columns, table.Column{Name: c[:i], Type: typ})
			}
			e.add(d)
		}
	}
	slices.Sort(e.names)
	return e
}

func read(t testing.TB, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("no reference at hand: %v", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// lines gives each JSON line of a file.
func lines[T any](t testing.TB, file string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(shared, file))
	if err != nil {
		t.Skipf("no reference at hand: %v", err)
	}
	defer f.Close()
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var x T
		if err := json.Unmarshal(sc.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

type verdict struct {
	ID      string
	Errors  []struct{ Code, Message string }
	Columns []struct{ Name, Type string }
}

func bindText(text string, env Environment, cat *fn.Catalogue, opts Options) (*Query, fault.Diagnostics) {
	file, ds := syntax.Parse(text)
	if ds.Err() != nil {
		return nil, ds
	}
	return Bind(file, env, cat, opts)
}

// atLeast are the floors of the corpus tests; they only rise.
var atLeast = struct{ rules, workbooks, run, calls int }{rules: 825, workbooks: 915, run: 902, calls: 1751}

// TestRules binds every query that Microsoft's binder takes: same columns, same
// order, same types.
func TestRules(t *testing.T) {
	env, cat := documented(t), fn.New()
	queries := map[string]string{}
	for _, q := range lines[struct{ ID, Query string }](t, "rules-corpus/dev.jsonl") {
		queries[q.ID] = q.Query
	}
	good, runs, all := 0, 0, 0
	for _, v := range lines[verdict](t, "rules-corpus/dev-verdicts.jsonl") {
		if len(v.Errors) > 0 {
			continue
		}
		all++
		text := queries[v.ID]
		if _, ds := bindText(text, env, cat, Options{}); ds.Err() == nil {
			runs++
		}
		q, ds := bindText(text, env, cat, Options{Check: true})
		if err := ds.Err(); err != nil {
			t.Logf("%s: %s", v.ID, fault.Render(text, ds))
			continue
		}
		var want []string
		for _, c := range v.Columns {
			want = append(want, c.Name+":"+c.Type)
		}
		var have []string
		if n := len(q.Pipelines); n > 0 {
			for _, c := range q.Pipelines[n-1].Schema() {
				have = append(have, c.Name+":"+c.Type.String())
			}
		}
		if len(v.Columns) > 0 && !slices.Equal(want, have) {
			t.Logf("%s: columns\n have %s\n want %s", v.ID, strings.Join(have, " "), strings.Join(want, " "))
			continue
		}
		good++
	}
	t.Logf("%d of %d have the columns; %d can run", good, all, runs)
	if good < atLeast.rules {
		t.Errorf("%d of %d rules bind as Microsoft's binder says; %d did before", good, all, atLeast.rules)
	}
}

type conformance struct {
	ID, Query   string
	Executable  bool
	ParseOnly   bool `json:"parse_only"`
	ExpectError bool `json:"expect_error"`
	Columns     []string
	Types       []string
}

// TestConformance binds what Microsoft's engine runs, and sees what of what it
// refuses is refused here.
func TestConformance(t *testing.T) {
	env, cat := &tables{defs: map[string]table.Def{}}, fn.New()
	for _, set := range []struct {
		file            string
		columns, errors int
	}{{"emulator-dev", 908, 73}, {"docs-dev", 404, 0}, {"loco-dev", 351, 0}} {
		var good, all, refused, toRefuse int
		for _, c := range lines[conformance](t, "kql-conformance/"+set.file+".jsonl") {
			if !c.Executable && !c.ExpectError {
				continue
			}
			q, ds := bindText(c.Query, env, cat, Options{})
			switch {
			case c.ExpectError:
				toRefuse++
				if ds.Err() != nil {
					refused++
				} else {
					t.Logf("taken: %s: %s", c.ID, c.Query)
				}
			case ds.Err() != nil:
				all++
				t.Logf("refused: %s: %s\n%s", c.ID, fault.Render(c.Query, ds), c.Query)
			default:
				all++
				if len(q.Pipelines) == 0 {
					continue
				}
				s := q.Pipelines[len(q.Pipelines)-1].Schema()
				if len(c.Columns) > 0 && !slices.Equal(s.Names(), c.Columns) {
					t.Logf("names: %s: %s\n have %v\n want %v", c.ID, c.Query, s.Names(), c.Columns)
					continue
				}
				good++
			}
		}
		t.Logf("%s: %d of %d have the columns, %d of %d are refused", set.file, good, all, refused, toRefuse)
		if good < set.columns || refused < set.errors {
			t.Errorf("%s: %d have the right columns and %d are refused; before it was %d and %d", set.file, good, refused, set.columns, set.errors)
		}
	}
}

// TestWorkbooks counts the workbook queries that have a meaning over the documented
// tables, and those that can run over them, though nobody else gives them watchlists,
// files or rows.
func TestWorkbooks(t *testing.T) {
	env, cat := documented(t), fn.New()
	good, run, all := 0, 0, 0
	for _, q := range lines[struct{ ID, Query string }](t, "rules-corpus/workbooks-dev.jsonl") {
		all++
		if _, ds := bindText(q.Query, env, cat, Options{Check: true}); ds.Err() != nil {
			t.Logf("%s: %v", q.ID, ds.Err())
			continue
		}
		good++
		if _, ds := bindText(q.Query, env, cat, Options{}); ds.Err() == nil {
			run++
		}
	}
	t.Logf("%d of %d bind, %d run", good, all, run)
	if good < atLeast.workbooks || run < atLeast.run {
		t.Errorf("%d of %d workbook queries bind and %d run; before it was %d and %d", good, all, run, atLeast.workbooks, atLeast.run)
	}
}
