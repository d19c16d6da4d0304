package query

import (
	"errors"
	"testing"

	"sextant/store"
	"sextant/table"
)

// TestUnionTellsWorkspaces names, over several workspaces asked as one, columns that the
// table does not publish.
func TestUnionTellsWorkspaces(t *testing.T) {
	schema := table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "DisplayName", Type: table.String}}
	alerts := func(name string) store.Snapshot {
		b := table.NewBatch(schema, 1)
		b.AppendRow([]table.Value{table.DateTimeValue(0), table.StringValue(name)})
		return Rows(table.Def{Name: "SecurityAlert", Columns: schema, Time: "TimeGenerated"}, b)
	}
	both := Union(InWorkspace(alerts("x"), "w1"), InWorkspace(alerts("y"), "w2"))
	one := Union(InWorkspace(alerts("x"), "w1"))
	f := func(snap store.Snapshot, text, want string) {
		t.Helper()
		if got := answer(t, snap, Request{Text: text, Workspace: "w1"}); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	f(both, "SecurityAlert | where TenantId == 'w2' | project DisplayName, Type", "y SecurityAlert")
	f(both, "SecurityAlert | summarize n = count() by TenantId | sort by TenantId asc", "w1 1\nw2 1")
	f(both, "SecurityAlert | getschema | count", "2")
	f(one, "SecurityAlert | project TenantId, DisplayName", "w1 x")
}

// fixed lists of a workspace.
type fixed map[string][]string // by alias: a column's name and its cells

func (f fixed) Watchlist(alias string) (table.Schema, [][]table.Value, bool, error) {
	cells, ok := f[alias]
	if !ok {
		return nil, nil, false, nil
	}
	if len(cells) == 0 {
		return nil, nil, false, errors.New("damaged")
	}
	var rows [][]table.Value
	for _, c := range cells[1:] {
		rows = append(rows, []table.Value{table.StringValue(c), table.StringValue(c)})
	}
	return table.Schema{{Name: "SearchKey", Type: table.String}, {Name: cells[0], Type: table.String}}, rows, true, nil
}

func (f fixed) Aliases() ([]string, error) {
	var out []string
	for a := range f {
		out = append(out, a)
	}
	return out, nil
}

func (f fixed) Rows(columns table.Schema) ([][]table.Value, error) {
	return make([][]table.Value, len(f)), nil
}

// TestTogetherWatchlists reads the lists of several workspaces as one.
func TestTogetherWatchlists(t *testing.T) {
	lists := TogetherWatchlists(fixed{"vip": {"User", "ann", "bob"}, "ours": {"Net", "10.0.0.0/8"}}, fixed{"vip": {"Team", "red"}})
	tab := Rows(table.Def{Name: "Watchlist", Columns: table.Schema{{Name: "Alias", Type: table.String}}}, table.NewBatch(table.Schema{{Name: "Alias", Type: table.String}}, 0))
	f := func(text, want string) {
		t.Helper()
		if got := answer(t, tab, Request{Text: text, Watchlists: lists}); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	f("_GetWatchlist('vip') | sort by SearchKey asc | project SearchKey, User, Team", "ann ann \nbob bob \nred  red")
	f("_GetWatchlist('ours') | project Net", "10.0.0.0/8")
	f("_GetWatchlistAlias | sort by WatchlistAlias asc", "ours\nvip")
	f("Watchlist | count", "3")
	if one := (fixed{}); TogetherWatchlists(one) == nil || TogetherWatchlists() != nil {
		t.Error("the lists of one workspace, or of none, are not as they are")
	}
	_, _, _, err := TogetherWatchlists(fixed{}, fixed{"bad": nil}).Watchlist("bad")
	if err == nil {
		t.Error("a list that cannot be read is no error")
	}
}
