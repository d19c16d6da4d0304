package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/table"
)

// numbers is a store with a table Numbers(n:long, s:string, d:dynamic) of n rows.
func numbers(t testing.TB, st store.Store, n int) store.Store {
	t.Helper()
	def := table.Def{Name: "Numbers", Columns: table.Schema{{Name: "n", Type: table.Long}, {Name: "s", Type: table.String}, {Name: "d", Type: table.Dynamic}}}
	if err := st.Define(context.Background(), def); err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(def.Columns, n)
	for i := range n {
		b.AppendRow([]table.Value{table.LongValue(int64(i)), table.StringValue(strings.Repeat("x", 100) + fmt.Sprint(i)), table.DynamicText(fmt.Sprintf(`{"k":%d}`, i))})
	}
	offset := int64(0)
	load := store.Load{Tables: []store.TableRows{{Table: "Numbers", Rows: physical(&def, b, &offset)}}}
	if err := st.Append(context.Background(), load); err != nil {
		t.Fatal(err)
	}
	return st
}

// drain runs a query to its end.
func drain(ctx context.Context, e *Engine, st store.Store, req Request) (int, error) {
	a, err := e.Run(ctx, st, req)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	rows := 0
	for {
		b, err := a.Tables[0].Rows.Next(ctx)
		if err != nil || b == nil {
			return rows, err
		}
		rows += b.Rows
	}
}

// Every limit ends a query with a fault.Limit that says what would work, in the
// engine and in Go alike.
func TestLimits(t *testing.T) {
	none := -1
	st := numbers(t, openDuckDB(t), 20_000)
	f := func(name string, o Options, req Request, words string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			o.Clock = clockAt(kqltest.Now)
			begin := time.Now()
			_, err := drain(context.Background(), New(o), st, req)
			if fault.KindOf(err) != fault.Limit && !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), words) {
				t.Fatalf("ends with %v; a limit with the word %q is wanted", err, words)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	f("rows in SQL", Options{MaxRows: 100}, Request{Text: "Numbers"}, "100 rows")
	f("rows in Go", Options{MaxRows: 100}, Request{Text: "Numbers", Split: &none}, "100 rows")
	f("rows of the request", Options{MaxRows: 100}, Request{Text: "Numbers", MaxRows: 10}, "10 rows")
	f("memory of the engine", Options{EngineBytes: 16 << 20}, Request{Text: "Numbers | join kind=inner (Numbers | extend s = strcat(s, tostring(n % 7))) on n | extend k = 1 | summarize make_list(s), make_list(s1) by n, s"}, "memory")
	f("memory in Go", Options{MaxBytes: 1 << 20}, Request{Text: "Numbers | summarize make_list(s) by s", Split: &none}, "may hold")
	for _, split := range []*int{nil, &none} {
		f(fmt.Sprintf("time, split %v", split != nil), Options{Timeout: 300 * time.Millisecond},
			Request{Text: "Numbers | extend k = 1 | join kind=inner (Numbers | extend k = 1) on k | where n * n1 == -1 | count", Split: split}, "")
	}
}

// A cross join ends within 100 ms of its deadline, and of its cancellation.
func TestEndsSoon(t *testing.T) {
	st := numbers(t, openDuckDB(t), 20_000)
	e := New(Options{Clock: clockAt(kqltest.Now)})
	const late = 100 * time.Millisecond
	none := -1
	for _, split := range []*int{nil, &none} {
		req := Request{Text: "Numbers | extend k = 1 | join kind=inner (Numbers | extend k = 1) on k | where n * n1 == -1 | count", Split: split}
		best := time.Hour // of three: other processes share the machine
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			begin := time.Now()
			_, err := drain(ctx, e, st, req)
			over := time.Since(begin) - 200*time.Millisecond
			cancel()
			if err == nil {
				t.Fatal("the join came to an end; the test needs a larger one")
			}
			best = min(best, over)
		}
		if best > late {
			t.Errorf("in Go %v: it ended %v after its deadline", split != nil, best)
		}
	}
}

// Who asked what is told once for each query, failed ones included.
func TestAsked(t *testing.T) {
	st := numbers(t, openMemory(t), 10)
	var heard []Asked
	e := New(Options{Clock: clockAt(kqltest.Now), Asked: func(a Asked) { heard = append(heard, a) }})
	if _, err := drain(context.Background(), e, st, Request{Text: "Numbers | where n > 3", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if _, err := drain(context.Background(), e, st, Request{Text: "Nombers", By: "bob"}); err == nil {
		t.Fatal("there is no such table")
	}
	if len(heard) != 2 || heard[0].By != "ann" || heard[0].Rows != 6 || heard[0].Error != nil || heard[1].By != "bob" || heard[1].Error == nil {
		t.Errorf("heard %+v", heard)
	}
}

// Names and values that are meant to break out of SQL do not.
func TestHostile(t *testing.T) {
	ctx := context.Background()
	hostile := []string{"'", `"`, `\`, `\'`, "';DROP TABLE t;--", `"; SELECT 1; --`, "a\nb", "naïve 日本語 😀", "%_", "$1", "?", "{}", "c0", "t1", "SELECT", strings.Repeat("long ", 2000), " ", "--", "/*", "\t"}
	st := openDuckDB(t)
	def := table.Def{Name: `t"';--`, Columns: table.Schema{{Name: "key", Type: table.Long}}}
	for i, h := range hostile[:15] {
		def.Columns = append(def.Columns, table.Column{Name: fmt.Sprintf("%s%d", h, i), Type: table.String})
	}
	// Names that differ in case alone are two columns.
	def.Columns = append(def.Columns, table.Column{Name: "Same", Type: table.String}, table.Column{Name: "same", Type: table.String})
	if err := st.Define(ctx, def); err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(def.Columns, len(hostile))
	for i := range hostile {
		row := []table.Value{table.LongValue(int64(i))}
		for k := range len(def.Columns) - 1 {
			row = append(row, table.StringValue(hostile[(i+k)%len(hostile)]))
		}
		b.AppendRow(row)
	}
	offset := int64(0)
	if err := st.Append(ctx, store.Load{Tables: []store.TableRows{{Table: def.Name, Rows: physical(&def, b, &offset)}}}); err != nil {
		t.Fatal(err)
	}
	e := New(Options{Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { t.Errorf("%v\n%s", err, sql) }})
	lit := func(s string) string { return string(table.AppendQuoted(nil, s)) }
	name := func(s string) string { return "[" + lit(s) + "]" }
	for _, h := range hostile {
		for _, c := range def.Columns[1:] {
			for _, q := range []string{"| where %s == %s | summarize n = count() by %[1]s", "| where %s has_cs %s or %[1]s startswith_cs %[2]s | project key, x = strcat(%[1]s, %[2]s)",
				"| extend %[1]s = strcat(%[2]s, %[1]s) | distinct %[1]s", "| where %[1]s in~ (%[2]s, 'x') | project-rename y = %[1]s | join kind=leftouter (" + name(def.Name) + " | project key, z = %[2]s) on key"} {
				text := name(def.Name) + " " + fmt.Sprintf(q, name(c.Name), lit(h))
				if _, _, err := agree(e, st, text, false); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
			}
			if testing.Short() {
				break
			}
		}
	}
}
