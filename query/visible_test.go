package query

import (
	"context"
	"strings"
	"testing"

	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/table"
)

// A hidden table is as one that was never there, in every engine, in every way of
// naming it.
func TestVisible(t *testing.T) {
	ctx := context.Background()
	for name, st := range map[string]store.Store{"memory": openMemory(t), "duckdb": openDuckDB(t)} {
		t.Run(name, func(t *testing.T) {
			for _, table := range []string{"People", "Secrets", "Trees"} {
				addNames(t, st, table, table+"1", table+"2")
			}
			open := func() store.Snapshot {
				snap, err := st.Snapshot(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return Visible(snap, func(table string) bool { return table != "Secrets" })
			}
			_, sql := open().(store.SQLSnapshot)
			if _, calls := open().(store.CallingSnapshot); sql != (name == "duckdb") || calls != sql {
				t.Errorf("what the engine can do is lost: sql %v, calls %v", sql, calls)
			}
			for _, text := range []string{
				"union * | distinct Name | sort by Name asc", "union withsource=T * | where T startswith 'S' | project Name",
				"search 'Secrets1' | project Name", "search in (*) 'Secrets2' | project Name", "union isfuzzy=true Secrets, People | project Name | sort by Name asc",
				"union S* | project Name", "find where Name has 'Secrets1' project Name",
			} {
				if got := answer(t, open(), Request{Text: text}); strings.Contains(got, "Secret") && !strings.HasPrefix(got, "error: ") {
					t.Errorf("%s: %s", text, got)
				}
			}
			// An error says of it what it says of a name that nobody ever gave.
			for _, text := range []string{
				"XXXXXXX | count", "table('XXXXXXX') | count", "People | join XXXXXXX on Name", "union People, XXXXXXX", "search in (XXXXXXX) 'a'", "People | where Name in (XXXXXXX)",
				"let f = () { XXXXXXX }; f", "People | lookup XXXXXXX on Name", "XXXXXXX", "Secret | count", "union Secre*", "find in (XXXXXXX) where Name == 'a'",
				"XXXXXXX | getschema", "print toscalar(XXXXXXX | count)", "People | evaluate bag_unpack(XXXXXXX)",
			} {
				hidden := answer(t, open(), Request{Text: strings.ReplaceAll(text, "XXXXXXX", "Secrets")})
				never := answer(t, open(), Request{Text: strings.ReplaceAll(text, "XXXXXXX", "Zqwrtyp")})
				if strings.ReplaceAll(hidden, "Secrets", "Zqwrtyp") != never || !strings.Contains(text, "XXXXXXX") && strings.Contains(hidden, "Secrets") {
					t.Errorf("%s:\n%s\n%s", text, hidden, never)
				}
			}
			snap := open()
			if _, ok := snap.Def("Secrets"); ok || strings.Join(snap.Tables(), " ") != "People Trees" || snap.Stats("Secrets").Rows != 0 {
				t.Error("the snapshot tells of it")
			}
			if _, err := snap.Scan(ctx, store.Scan{Table: "Secrets", Columns: []string{"Name"}}); err == nil {
				t.Error("it can be scanned")
			}
			if s, ok := snap.(store.SQLSnapshot); ok {
				if _, err := s.Relation(store.Scan{Table: "Secrets", Columns: []string{"Name"}}); err == nil {
					t.Error("it can stand in SQL")
				}
			}
			if err := snap.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// addNames makes a table of names.
func addNames(t *testing.T, st store.Store, name string, names ...string) {
	t.Helper()
	def := table.Def{Name: name, Columns: table.Schema{{Name: "Name", Type: table.String}}}
	b := table.NewBatch(def.Physical(), len(names))
	for i, n := range names {
		b.AppendRow([]table.Value{
			table.StringValue(n), table.LongValue(int64(i)), table.StringValue(name), table.IntValue(0), table.LongValue(int64(i)),
			table.IntValue(0), table.DateTimeValue(kqltest.Now), table.IntValue(1), table.BoolValue(false),
		})
	}
	if err := st.Define(context.Background(), def); err != nil {
		t.Fatal(err)
	}
	if err := st.Append(context.Background(), store.Load{Tables: []store.TableRows{{Table: name, Rows: b}}}); err != nil {
		t.Fatal(err)
	}
}
