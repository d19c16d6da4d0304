package query

import (
	"context"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// Visible is a snapshot of the tables that sees says yes to. The others are not
// there: not for names, wildcards, searches and suggestions, and not for the engine's
// SQL either. It keeps what else the snapshot can do.
func Visible(snap store.Snapshot, sees func(table string) bool) store.Snapshot {
	v := visible{snap, sees}
	sql, ok := snap.(store.SQLSnapshot)
	if !ok {
		return v
	}
	calling, ok := snap.(store.CallingSnapshot)
	if !ok {
		return visibleSQL{v, sql}
	}
	return visibleCalling{visibleSQL{v, sql}, calling}
}

type visible struct {
	store.Snapshot
	sees func(string) bool
}

func (v visible) Def(name string) (table.Def, bool) {
	if !v.sees(name) {
		return table.Def{}, false
	}
	return v.Snapshot.Def(name)
}

func (v visible) Tables() []string {
	var out []string
	for _, name := range v.Snapshot.Tables() {
		if v.sees(name) {
			out = append(out, name)
		}
	}
	return out
}

func (v visible) Stats(name string) store.Stats {
	if !v.sees(name) {
		return store.Stats{Max: -1}
	}
	return v.Snapshot.Stats(name)
}

func (v visible) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	if !v.sees(scan.Table) {
		return nil, noTable(scan.Table)
	}
	return v.Snapshot.Scan(ctx, scan)
}

func noTable(name string) error { return fault.New(fault.NotFound, "there is no table %q", name) }

type visibleSQL struct {
	visible
	sql store.SQLSnapshot
}

func (v visibleSQL) Dialect() string { return v.sql.Dialect() }

func (v visibleSQL) Relation(scan store.Scan) (string, error) {
	if !v.sees(scan.Table) {
		return "", noTable(scan.Table)
	}
	return v.sql.Relation(scan)
}

func (v visibleSQL) Query(ctx context.Context, sql string, args []any, schema table.Schema, limits store.Limits) (store.Reader, error) {
	return v.sql.Query(ctx, sql, args, schema, limits)
}

type visibleCalling struct {
	visibleSQL
	calling store.CallingSnapshot
}

func (v visibleCalling) Call(n int, result table.Type, args []string) string {
	return v.calling.Call(n, result, args)
}

func (v visibleCalling) CallList(n int, args []string) string { return v.calling.CallList(n, args) }

func (v visibleCalling) QueryCalling(ctx context.Context, sql string, functions []store.Function, schema table.Schema, limits store.Limits) (store.Reader, error) {
	return v.calling.QueryCalling(ctx, sql, functions, schema, limits)
}
