package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/query"
	"sextant/store"
	"sextant/store/memory"
	"sextant/table"
)

func TestAPlanRunsAsAQueryDoes(t *testing.T) {
	ctx := context.Background()
	st := memory.New()
	defer st.Close()
	def := table.Def{Name: "T", Columns: table.Schema{{Name: "A", Type: table.Long}}}
	if err := st.Define(ctx, def); err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(def.Physical(), 3)
	for i := range 3 {
		row := []table.Value{table.LongValue(int64(i))}
		for _, h := range table.Hidden {
			row = append(row, table.Null(h.Type))
		}
		b.AppendRow(row)
	}
	if err := st.Append(ctx, store.Load{Tables: []store.TableRows{{Table: "T", Rows: b}}}); err != nil {
		t.Fatal(err)
	}
	var asked []query.Asked
	e := query.New(query.Options{Asked: func(a query.Asked) { asked = append(asked, a) }})
	scan := func(snap store.Snapshot, cat *fn.Catalogue) (*plan.Pipeline, error) {
		def, _ := snap.Def("T")
		return &plan.Pipeline{Source: &plan.Scan{Def: def, Out: def.Columns}}, nil
	}
	a, err := e.RunPlan(ctx, st, query.Planned{Text: "GET /things", By: "ann", Plan: scan})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := query.All(ctx, a.Tables[0].Rows)
	if err != nil || rows.Rows != 3 {
		t.Errorf("%v, %d rows", err, rows.Rows)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	if len(asked) != 1 || asked[0].By != "ann" || asked[0].Text != "GET /things" || asked[0].Rows != 3 {
		t.Errorf("%+v", asked)
	}
	if a, err = e.RunPlan(ctx, st, query.Planned{Plan: scan, MaxRows: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := query.All(ctx, a.Tables[0].Rows); err == nil || !strings.Contains(err.Error(), "more than the 2 rows") {
		t.Errorf("a limit: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	wrong := errors.New("no such thing")
	if _, err := e.RunPlan(ctx, st, query.Planned{Plan: func(store.Snapshot, *fn.Catalogue) (*plan.Pipeline, error) { return nil, wrong }}); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	text, err := e.ExplainPlan(ctx, st, query.Planned{Plan: scan})
	if err != nil || !strings.Contains(text, "plan: Scan T") {
		t.Errorf("%v: %s", err, text)
	}
}
