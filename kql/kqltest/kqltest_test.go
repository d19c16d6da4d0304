package kqltest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/kql/plan"
	"sextant/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestScripts(t *testing.T) {
	kqltest.Run(t, "testdata", kqltest.Eval{Catalogue: fn.New()}, kqltest.Accept())
}

// One row at a time, and everything through files: the same answers.
func TestScriptsInSmallSteps(t *testing.T) {
	kqltest.RunBuiltin(t, kqltest.Eval{
		Catalogue: fn.New(), Options: eval.Options{BatchRows: 1, TempDir: t.TempDir(), SpillBytes: 1},
		Budget: func() *fn.Budget { return &fn.Budget{MaxBytes: 64 << 20} },
	})
}

// cut runs the first operators by themselves and gives their rows to the rest, as it
// is done when an engine's SQL has made them.
type cut struct {
	at  int
	cat *fn.Catalogue
}

func (cut) Name() string { return "cut" }

func (e cut) Query(ctx context.Context, tables map[string]*table.Batch, text string) (table.Schema, [][]table.Value, error) {
	q, err := kqltest.Bind(e.cat, tables, text, kqltest.Now)
	if err != nil {
		return nil, nil, err
	}
	c := fn.NewContext(ctx, kqltest.Now, 1, nil)
	p := q.Pipelines[0]
	n := min(e.at, len(p.Ops))
	session := eval.Options{}.Session(c, kqltest.Tables(tables))
	defer session.Close()
	first, err := session.Run(&plan.Pipeline{Source: p.Source, Ops: p.Ops[:n]})
	if err != nil {
		return nil, nil, err
	}
	r, err := session.RunFrom(first, p.Ops[n:])
	if err != nil {
		return nil, nil, err
	}
	return kqltest.ReadAll(ctx, r)
}

func TestScriptsCutInTwo(t *testing.T) {
	for at := range 5 {
		t.Run(fmt.Sprint(at), func(t *testing.T) { kqltest.RunBuiltin(t, cut{at, fn.New()}) })
	}
}

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("known answers take some seconds")
	}
	kqltest.Conformance(t, "../../../shared/kql-conformance", "testdata/conformance.floor", kqltest.Eval{Catalogue: fn.New()}, kqltest.Accept())
}

// Whatever a text is, it is refused, answered, or ended by a limit: soon, and never
// with a failure of ours.
func FuzzQuery(f *testing.F) {
	scripts, err := kqltest.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	seeds := 0
	for _, s := range scripts {
		for _, c := range s.Cases {
			f.Add(c.Text)
			seeds++
		}
	}
	if seeds < 150 {
		f.Fatalf("only %d seeds", seeds)
	}
	tables := scripts[0].Cases[0].Tables
	for _, s := range scripts {
		for _, c := range s.Cases {
			if len(c.Tables) > len(tables) {
				tables = c.Tables
			}
		}
	}
	cat := fn.New()
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		e := kqltest.Eval{Catalogue: cat, Budget: func() *fn.Budget { return &fn.Budget{MaxBytes: 8 << 20, MaxRows: 10_000} }}
		_, _, err := e.Query(ctx, tables, text)
		if err != nil && fault.KindOf(err) == fault.Internal && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%q fails with %v", text, err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Fatalf("%q took %v", text, took)
		}
	})
}
