package kqltest_test

import (
	"context"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
)

// complete is a graph in which every node has an edge to every other.
const complete = `range a from 1 to 60 step 1 | extend k = 1 | join kind=inner (range b from 1 to 60 step 1 | extend k = 1) on k | where a != b
| make-graph a --> b with_node_id=n | `

// many is a table of a million rows.
const many = `range x from 1 to 1000000 step 1 | extend id = tostring(x), at = datetime(2026-01-01) + x * 1s | `

// What has more work or more rows than a query may have ends with a limit, soon, and
// with nothing left that is charged.
func TestPluginsAndGraphsEnd(t *testing.T) {
	cat := fn.New()
	f := func(name, text string, limit time.Duration, bytes int64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			budget := &fn.Budget{MaxBytes: bytes}
			begin := time.Now()
			_, _, err := kqltest.Eval{Catalogue: cat, Budget: func() *fn.Budget { return budget }}.Query(ctx, nil, text)
			if fault.KindOf(err) != fault.Limit {
				t.Errorf("%v, where a limit was to be reached", err)
			}
			if took := time.Since(begin); took > limit+3*time.Second {
				t.Errorf("took %v", took)
			}
			if held := heldBy(budget); held != 0 {
				t.Errorf("%d bytes are still charged", held)
			}
		})
	}
	const soon, long, mega = 300 * time.Millisecond, 30 * time.Second, 1 << 20
	f("paths", complete+`graph-match (x)-[e*1..30]->(y) where array_length(e) == 1000 project e`, soon, 64*mega)
	f("paths with cycles", complete+`graph-match cycles=all (x)-[e*1..9999]->(y) where array_length(e) == 100000 project e`, soon, 64*mega)
	f("simple paths", complete+`graph-match cycles=none (x)-[e*1..50]->(y) where array_length(e) == 1000 project e`, soon, 64*mega)
	f("shortest paths with a condition", complete+`graph-shortest-paths (x)-[e*1..50]->(y) where array_length(e) == 1000 project e`, soon, 64*mega)
	f("stars", complete+`graph-match (a)-->(b), (a)-->(c), (a)-->(d), (a)-->(e), (a)-->(f) project a.n | count`, soon, 64*mega)
	f("all shortest paths", `range l from 1 to 40 step 1 | extend k = 1 | join kind=inner (range i from 1 to 20 step 1 | extend k = 1) on k
| mv-expand j = range(1, 20) to typeof(long) | project a = l * 100 + i, b = l * 100 + 100 + j | make-graph a --> b with_node_id=n
| graph-shortest-paths output=all (x)-[e*1..60]->(y) where x.n == 101 project y.n | count`, soon, 64*mega)
	f("a large graph", many+`make-graph id --> x with_node_id=n | graph-match (a)-->(b) project a.n | count`, long, 8*mega)
	f("large components", many+`project x, y = x + 1 | make-graph x --> y with_node_id=n | graph-mark-components | graph-to-table nodes | count`, long, 8*mega)
	f("combinations", `range x from 1 to 4000 step 1 | extend a = hash(x, 2), b = hash(x + 1, 2), c = hash(x + 2, 2), d = hash(x + 3, 2), e = hash(x + 4, 2), f = hash(x + 5, 2),
 g = hash(x + 6, 2), h = hash(x + 7, 2), i = hash(x + 8, 2), j = hash(x + 9, 2), k = hash(x + 10, 2), l = hash(x + 11, 2), m = hash(x + 12, 2), n = hash(x + 13, 2) | project-away x | evaluate basket(0.0001, '~', 14) | count`, 2*time.Second, 256*mega)
	f("patterns of many rows", many+`evaluate autocluster() | count`, long, 8*mega)
	f("many IDs", many+`evaluate activity_counts_metrics(id, at, datetime(2026-01-01), datetime(2027-01-01), 1d)`, long, 8*mega)
	f("many steps", `print id = "a", at = datetime(2026-01-02) | evaluate sliding_window_counts(id, at, datetime(2026-01-01), datetime(2026-02-01), 30d, 1tick) | count`, long, 8*mega)
	f("many values", many+`evaluate rolling_percentile(x, 50, at, 1s, 100) | count`, long, 8*mega)
	f("many sequences", many+`evaluate sequence_detect(at, 1h, 1d, a = x % 2 == 0, b = x % 2 == 1) | count`, long, 8*mega)
	f("many networks", `print ip = "10.0.0.1" | evaluate ipv4_lookup((`+many+`project net = format_ipv4(x, 32)), ip, net) | count`, long, 8*mega)
	f("many rows near", many+`evaluate rows_near(x == 1000000, 900000) | count`, long, 8*mega)
	f("one path to many", many+`extend s = "same" | evaluate funnel_sequence(s, at, datetime(2026-01-01), datetime(2027-01-01), 1d, 1d, id, dynamic(["1", "2"]))`, long, 8*mega)
}

// heldBy asks how much is charged: the most that still fits tells.
func heldBy(b *fn.Budget) int64 {
	peak := b.Peak()
	_ = b.Charge(peak+1, "test")
	held := b.Peak() - peak - 1
	_ = b.Charge(-(peak + 1), "test")
	return held
}
