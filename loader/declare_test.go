package loader

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sextant/commitlog"
	"sextant/record"
	"sextant/store"
	"sextant/table"
)

// Rows that are on their way while their table gets its columns, and gets more of
// them, all arrive.
func TestTablesAreDeclaredUnderLoad(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	ctx := context.Background()
	const records = 300
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range records {
			e := fmt.Appendf(nil, `{"time":"2026-01-02T00:00:00Z","category":"Shop_CL","tenantId":"t","properties":{"Item":"i%d","Note":"n"}}`, i)
			if _, err := w.log.Append(ctx, "insights-logs-shop-cl", []commitlog.Event{{Value: record.BuildEvent(nil, [][]byte{e})}}); err != nil {
				t.Error(err)
			}
		}
	})
	declare := func(names ...string) error {
		var cols table.Schema
		for _, n := range names {
			cols = append(cols, table.Column{Name: n, Type: table.String})
		}
		return w.load.Declare(ctx, "Shop_CL", func(old table.Schema) (table.Def, error) { return record.Declared("Shop_CL", cols, old) })
	}
	for i := range 20 {
		if err := declare("Item", "Note", fmt.Sprintf("More%d", i)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	w.settle()
	if err := w.load.Err(); err != nil {
		t.Fatal(err)
	}
	snap, err := w.store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	r, err := snap.Scan(ctx, store.Scan{Table: "Shop_CL", Columns: []string{"Item", "More19"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for {
		b, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		n += b.Rows
	}
	if n != records {
		t.Errorf("%d rows, want %d", n, records)
	}
}
