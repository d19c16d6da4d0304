package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"

	"sextant/kql/complete"
	"sextant/query"
	"sextant/record"
	"sextant/table"
)

// CompleteCmd proposes what can be written.
type CompleteCmd struct{}

// Help is shown behind the flags.
func (CompleteCmd) Help() string {
	return `For editors: JSON lines {"id","query","offset"} in, where offset is the cursor's, in bytes, and by default the end;
{"id","start","end","items"} out. Each item has label, kind, insert (what stands in place of the bytes from start to
end), and may have detail and doc. Names are those of the folder or server given, else of ./sextant-data, else the built-in tables.

  echo '{"id":1,"query":"SigninLogs | where Us"}' | sextant kql complete`
}

// Run it.
func (c *CompleteCmd) Run(a *app) error {
	env, done, err := a.names()
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return errors.Join(err, done())
	}
	out := bufio.NewWriterSize(a.out, 256<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = a.questions(out, func(q question) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		at := len(q.Query)
		if q.Offset != nil {
			at = *q.Offset
		}
		return enc.Encode(struct {
			ID json.RawMessage `json:"id"`
			complete.Result
		}{q.ID, engine.Complete(env, q.Query, at)})
	})
	return errors.Join(err, out.Flush(), done())
}

// names that queries may use, of what the flags choose.
func (a *app) names() (*query.Environment, func() error, error) {
	if a.given() {
		b, err := a.open(false)
		if err != nil {
			return nil, nil, err
		}
		env, err := b.Names(a.ctx, a.conf.Tenant)
		if err != nil {
			return nil, nil, errors.Join(err, b.Close())
		}
		return env, b.Close, nil
	}
	model, err := record.New()
	if err != nil {
		return nil, nil, err
	}
	return query.NewEnvironment(model.Defs()), func() error { return nil }, nil
}

// Names of a folder's tables.
func (l *local) Names(ctx context.Context, tenant string) (*query.Environment, error) {
	t, err := l.node.Find(tenant)
	if err != nil {
		return nil, err
	}
	snap, err := t.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var defs []table.Def
	for _, name := range snap.Tables() {
		def, _ := snap.Def(name)
		defs = append(defs, def)
	}
	return query.NewEnvironment(defs), snap.Close()
}

// Names of a server's tables and saved functions. Known paths of dynamic columns are those
// of this program.
func (r *remote) Names(ctx context.Context, tenant string) (*query.Environment, error) {
	m, err := r.c.Metadata(ctx, tenant)
	if err != nil {
		return nil, err
	}
	model, err := record.New()
	if err != nil {
		return nil, err
	}
	known := map[string]table.Def{}
	for _, d := range model.Defs() {
		known[d.Name] = d
	}
	var defs []table.Def
	for _, t := range m.Tables {
		def := table.Def{Name: t.Name, Time: t.TimespanColumn, Promoted: known[t.Name].Promoted}
		for _, c := range t.Columns {
			typ, ok := table.ParseType(c.Type)
			if !ok {
				continue // a newer server's; what is left can still be completed
			}
			def.Columns = append(def.Columns, table.Column{Name: c.Name, Type: typ})
		}
		defs = append(defs, def)
	}
	var saved []query.Function
	for _, f := range m.Functions {
		saved = append(saved, query.Function{Name: f.Name, Params: f.Parameters, Body: f.Body})
	}
	return query.NewEnvironment(defs).WithFunctions(saved), nil
}
