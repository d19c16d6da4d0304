package kqltest

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/syntax"
	"sextant/table"
)

// Engine answers queries over tables that it is given. It must not change them.
type Engine interface {
	// Name of the engine, for skips: "eval", "duckdb", …
	Name() string
	// Query gives the columns and rows of the query's first result. A query that
	// cannot be understood fails with fault.Diagnostics.
	Query(ctx context.Context, tables map[string]*table.Batch, text string) (table.Schema, [][]table.Value, error)
}

// Planner is an engine that can say how it would run a query. Others skip plan
// blocks.
type Planner interface {
	Plan(ctx context.Context, tables map[string]*table.Batch, text string) (string, error)
}

var update = flag.Bool("update", false, "rewrite the answers of KQL scripts")

// Option of a run.
type Option func(*run)

// Accept lets -update rewrite the scripts of this run: for the one engine whose
// answers are the reference.
func Accept() Option { return func(r *run) { r.accept = true } }

// Only runs the cases that f picks.
func Only(f func(*Case) bool) Option { return func(r *run) { r.only = f } }

type run struct {
	engine  Engine
	accept  bool
	only    func(*Case) bool
	skipped int
}

//go:embed testdata/*.kql
var builtin embed.FS

// Builtin are the scripts of this package, which every engine must pass.
func Builtin() ([]*Script, error) {
	sub, err := fs.Sub(builtin, "testdata")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}

// RunBuiltin runs the scripts of this package.
func RunBuiltin(t *testing.T, e Engine, opts ...Option) {
	t.Helper()
	scripts, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	newRun(e, opts).scripts(t, scripts, "")
}

// Run runs all scripts (*.kql) of a folder.
func Run(t *testing.T, dir string, e Engine, opts ...Option) {
	t.Helper()
	scripts, err := Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatalf("no script in %s", dir)
	}
	newRun(e, opts).scripts(t, scripts, dir)
}

// Load reads the scripts (*.kql) of a folder, in name order.
func Load(dir fs.FS) ([]*Script, error) {
	names, err := fs.Glob(dir, "*.kql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []*Script
	for _, n := range names {
		text, err := fs.ReadFile(dir, n)
		if err != nil {
			return nil, err
		}
		s, err := Parse(n, string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func newRun(e Engine, opts []Option) *run {
	r := &run{engine: e}
	for _, o := range opts {
		o(r)
	}
	return r
}

func (r *run) scripts(t *testing.T, scripts []*Script, dir string) {
	t.Helper()
	for _, s := range scripts {
		t.Run(strings.TrimSuffix(path.Base(s.Name), ".kql"), func(t *testing.T) {
			answers := map[*Case][]string{}
			for _, c := range s.Cases {
				if r.only != nil && !r.only(c) {
					continue
				}
				t.Run(fmt.Sprintf("%d", c.Line), func(t *testing.T) {
					if got, changed := r.one(t, s, c); changed {
						answers[c] = got
					}
				})
			}
			if len(answers) > 0 && dir != "" {
				if err := os.WriteFile(filepath.Join(dir, s.Name), []byte(s.update(answers)), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if r.skipped > 0 {
		t.Logf("%d cases are skipped for engine %s", r.skipped, r.engine.Name())
	}
}

// one runs a case. The answer that it gives is new when it is to be accepted.
func (r *run) one(t *testing.T, s *Script, c *Case) (answer []string, accepted bool) {
	t.Helper()
	if c.Kind == "plan" {
		if _, ok := r.engine.(Planner); !ok {
			t.Skipf("engine %s does not show plans", r.engine.Name())
		}
	}
	got, failed, same, err := r.answer(c)
	if err != nil {
		t.Fatalf("%s:%d: %v", s.Name, c.Line, err)
	}
	for _, skip := range c.Skips {
		if skip.Engine != "" && skip.Engine != r.engine.Name() {
			continue
		}
		if same {
			t.Errorf("%s:%d passes: take away its skip (%s)", s.Name, c.Line, skip.Reason)
			return nil, false
		}
		r.skipped++
		t.Skipf("%s:%d: %s", s.Name, c.Line, skip.Reason)
	}
	if same {
		return nil, false
	}
	if *update && r.accept && failed == (c.Kind == "error") {
		return got, true
	}
	t.Errorf("%s:%d: engine %s\n%s\n%s\n%s\nwant\n%s", s.Name, c.Line, r.engine.Name(), c.Text, bar, strings.Join(got, "\n"), strings.Join(c.Want, "\n"))
	return nil, false
}

// answer of the engine, whether it is an error, and whether it is the wanted one.
// The error is the script's.
func (r *run) answer(c *Case) (got []string, failed, same bool, err error) {
	ctx := context.Background()
	if c.Kind == "plan" {
		text, err := r.engine.(Planner).Plan(ctx, c.Tables, c.Text)
		if err != nil {
			return failure(c.Text, err), true, false, nil
		}
		got = strings.Split(text, "\n")
		return got, false, slices.Equal(got, trimmed(c.Want)), nil
	}
	schema, rows, qerr := r.engine.Query(ctx, c.Tables, c.Text)
	if qerr != nil {
		got = failure(c.Text, qerr)
		return got, true, c.Kind == "error" && slices.Equal(got, trimmed(c.Want)), nil
	}
	got = render(schema, rows)
	if c.Kind == "error" || len(c.Want) == 0 {
		return got, false, false, nil
	}
	want, wantRows, err := parseAnswer(c.Want)
	if err != nil {
		return got, false, false, ignoreWhenAccepting(r, err)
	}
	return got, false, slices.Equal(want, schema) && equalRows(wantRows, rows, Ordered(c.Text)), nil
}

// parseAnswer reads a line of columns and the rows behind it.
func parseAnswer(lines []string) (table.Schema, [][]table.Value, error) {
	var schema table.Schema
	for _, h := range cells(lines[0]) {
		col, err := parseColumn(h)
		if err != nil {
			return nil, nil, err
		}
		schema = append(schema, col)
	}
	var rows [][]table.Value
	for _, l := range lines[1:] {
		row, err := ParseRow(l, schema)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return schema, rows, nil
}

// ignoreWhenAccepting: an answer that is about to be rewritten need not be one.
func ignoreWhenAccepting(r *run, err error) error {
	if *update && r.accept {
		return nil
	}
	return err
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(l, " \t")
	}
	return out
}

// failure prints an error as error blocks hold it.
func failure(text string, err error) []string {
	var ds fault.Diagnostics
	if !errors.As(err, &ds) {
		return strings.Split(strings.TrimSpace(err.Error()), "\n")
	}
	var out []string
	for _, d := range ds {
		if d.Severity != fault.Bad {
			continue
		}
		line, column := fault.Position(text, d.Span.Start)
		out = append(out, fmt.Sprintf("%d:%d: %s", line, column, strings.Join(append([]string{d.Text}, d.Notes...), "; ")))
	}
	return out
}

// Ordered tells whether the query's rows have an order: whether its last pipe sorts
// and nothing behind that loses the order.
func Ordered(text string) bool {
	file, _ := syntax.Parse(text)
	if file == nil || len(file.Stmts) == 0 {
		return false
	}
	for i := len(file.Stmts) - 1; i >= 0; i-- {
		if q, ok := file.Stmts[i].(*syntax.QueryStmt); ok {
			return orderedExpr(q.Value)
		}
	}
	return false
}

func orderedExpr(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.Paren:
		return orderedExpr(e.X)
	case *syntax.Pipe:
		for i := len(e.Ops) - 1; i >= 0; i-- {
			switch e.Ops[i].(type) {
			case *syntax.Sort, *syntax.Top, *syntax.Range:
				return true
			case *syntax.Where, *syntax.Extend, *syntax.Project, *syntax.ProjectAway, *syntax.ProjectKeep, *syntax.ProjectRename,
				*syntax.ProjectReorder, *syntax.Take, *syntax.Serialize, *syntax.ParseOp, *syntax.ParseKV, *syntax.MvExpand, *syntax.As, *syntax.Render, *syntax.Scan:
			default:
				return false
			}
		}
		return e.Source != nil && orderedExpr(e.Source)
	}
	return false
}
