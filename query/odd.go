package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"sextant/kql/fn"
	"sextant/store"
	"sextant/table"
)

// oddness remembers which tables have rows whose promoted paths must be read from
// the text. Where a table has none, and nearly all have none, a plan need not say
// what would be done with them.
type oddness struct {
	mu   sync.Mutex
	seen map[store.Store]map[string]oddTable
}

type oddTable struct {
	of    string // what the table looked like
	stats store.Stats
	odd   bool
}

// marksOf is a text that differs when anything was loaded.
func marksOf(st store.Store) string {
	visible, _ := st.Marks()
	var b strings.Builder
	for _, tp := range slices.SortedFunc(maps.Keys(visible), func(a, b store.TopicPartition) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}) {
		fmt.Fprintf(&b, "%s/%d=%d ", tp.Topic, tp.Partition, visible[tp])
	}
	return b.String()
}

// of gives the question for one snapshot of a store, taken while its marks were
// marks; the store may be nil. Nil means that odd rows must be expected everywhere.
func (o *oddness) of(ctx context.Context, st store.Store, marks string, snap store.Snapshot) func(table.Def) bool {
	sql, ok := snap.(store.SQLSnapshot)
	if !ok {
		return nil
	}
	still := st != nil && marks == marksOf(st)
	return func(def table.Def) bool {
		stats := snap.Stats(def.Name)
		o.mu.Lock()
		have, ok := o.seen[st][def.Name]
		o.mu.Unlock()
		if ok && still && have.of == marks && have.stats == stats {
			return have.odd
		}
		odd, err := anyOdd(ctx, sql, def.Name)
		if err != nil {
			return true // the query itself will say what is wrong
		}
		if still {
			o.mu.Lock()
			if o.seen[st] == nil {
				if o.seen == nil || len(o.seen) >= maxOddStores {
					o.seen = map[store.Store]map[string]oddTable{}
				}
				o.seen[st] = map[string]oddTable{}
			}
			o.seen[st][def.Name] = oddTable{marks, stats, odd}
			o.mu.Unlock()
		}
		return odd
	}
}

// maxOddStores bounds what is remembered of stores that may be closed by now.
const maxOddStores = 1000

func anyOdd(ctx context.Context, snap store.SQLSnapshot, name string) (bool, error) {
	if o, ok := snap.(store.Odder); ok {
		if odd, known := o.Odd(name); known {
			return odd, nil
		}
	}
	d, ok := dialectOf(snap.Dialect())
	if !ok {
		return true, nil
	}
	rel, err := snap.Relation(store.Scan{Table: name, Columns: []string{table.HiddenOdd}})
	if err != nil {
		return false, err
	}
	col := fn.QuoteIdent(d, table.HiddenOdd)
	r, err := snap.Query(ctx, "SELECT "+col+" FROM ("+rel+") AS t WHERE "+col+" LIMIT 1", nil, table.Schema{{Name: "odd", Type: table.Bool}}, store.Limits{})
	if err != nil {
		return false, err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err != nil || b == nil {
			return false, err
		}
		if b.Rows > 0 {
			return true, nil
		}
	}
}
