package query

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// Rows is a snapshot of one table that lives in memory: the rows of a batch. The
// batch may have the visible columns alone.
func Rows(def table.Def, rows *table.Batch) store.Snapshot { return &inMemory{def, rows} }

type inMemory struct {
	def  table.Def
	rows *table.Batch
}

func (m *inMemory) Def(name string) (table.Def, bool) { return m.def, name == m.def.Name }
func (m *inMemory) Tables() []string                  { return []string{m.def.Name} }
func (m *inMemory) Close() error                      { return nil }

func (m *inMemory) Stats(string) store.Stats {
	return store.Stats{Rows: int64(m.rows.Rows), Bytes: m.rows.Bytes(), Max: -1, Undated: int64(m.rows.Rows), Segments: 1}
}

func (m *inMemory) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	if scan.Table != m.def.Name {
		return nil, fault.New(fault.NotFound, "there is no table %q", scan.Table)
	}
	return &projected{want: schemaOf(&m.def, scan.Columns), rest: []*table.Batch{m.rows}}, nil
}

// schemaOf columns by their physical names.
func schemaOf(def *table.Def, names []string) table.Schema {
	all := def.Physical()
	out := make(table.Schema, len(names))
	for i, n := range names {
		out[i] = table.Column{Name: n, Type: table.String}
		if at := all.Index(n); at >= 0 {
			out[i] = all[at]
		}
	}
	return out
}

// projected gives batches in the order and with the columns wanted; a column that
// a batch lacks, or has with another type, is null. The rows are of a workspace.
type projected struct {
	want      table.Schema
	rest      []*table.Batch
	from      store.Reader // or nil
	workspace string
}

func (p *projected) Schema() table.Schema { return p.want }

func (p *projected) Close() error {
	if p.from == nil {
		return nil
	}
	return p.from.Close()
}

func (p *projected) Next(ctx context.Context) (*table.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.from != nil {
		b, err := p.from.Next(ctx)
		if b == nil || err != nil {
			return nil, err
		}
		return p.project(b), nil
	}
	if len(p.rest) == 0 {
		return nil, nil
	}
	b := p.rest[0]
	n := min(b.Rows, table.BatchRows)
	out := p.project(b.Slice(0, n))
	if p.rest[0] = b.Slice(n, b.Rows); n == b.Rows {
		p.rest = p.rest[1:]
	}
	return out, nil
}

func (p *projected) project(b *table.Batch) *table.Batch {
	out := &table.Batch{Schema: p.want, Cols: make([]table.Vector, len(p.want)), Rows: b.Rows}
	for i, c := range p.want {
		if at := b.Schema.Index(c.Name); at >= 0 && b.Schema[at].Type == c.Type {
			out.Cols[i] = b.Cols[at]
			continue
		}
		out.Cols[i].Type = c.Type
		cell := table.Null(c.Type)
		if c.Name == table.HiddenWorkspace {
			cell = table.StringValue(p.workspace)
		}
		for range b.Rows {
			out.Cols[i].Append(cell)
		}
	}
	return out
}

// InWorkspace is a snapshot of the workspace of that id: in a union the rows tell it
// in the column table.HiddenWorkspace.
func InWorkspace(snap store.Snapshot, id string) store.Snapshot { return &inWorkspace{snap, id} }

type inWorkspace struct {
	store.Snapshot
	id string
}

// together says whether a snapshot tells the workspaces of its rows.
func together(snap store.Snapshot) bool {
	u, ok := snap.(union)
	return ok && !slices.ContainsFunc(u, func(s store.Snapshot) bool { _, ok := s.(*inWorkspace); return !ok })
}

// Union is one snapshot over several: a table has the rows of all that have it. A
// table that they define differently has the columns of all; where two give a
// column different types the first one's stands, and the others' cells are null.
// Closing it closes all. Of one snapshot it is that one.
func Union(of ...store.Snapshot) store.Snapshot {
	if len(of) == 1 {
		if w, ok := of[0].(*inWorkspace); ok {
			return w.Snapshot // with all that it can do
		}
		return of[0]
	}
	return union(of)
}

type union []store.Snapshot

func (u union) Def(name string) (table.Def, bool) {
	var out table.Def
	found := false
	for _, s := range u {
		d, ok := s.Def(name)
		if !ok {
			continue
		}
		if !found {
			out, found = d, true
			out.Columns = slices.Clone(d.Columns)
			out.Promoted = slices.Clone(d.Promoted)
			continue
		}
		for _, c := range d.Columns {
			if out.Columns.Index(c.Name) < 0 {
				out.Columns = append(out.Columns, c)
			}
		}
		// A promoted path must be there for every row.
		out.Promoted = slices.DeleteFunc(out.Promoted, func(p table.Promoted) bool { return !slices.Contains(d.Promoted, p) })
	}
	return out, found
}

func (u union) Tables() []string {
	var out []string
	for _, s := range u {
		out = append(out, s.Tables()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (u union) Stats(name string) store.Stats {
	out := store.Stats{Max: -1}
	for _, s := range u {
		st := s.Stats(name)
		if st.Max >= st.Min && (out.Max < out.Min || st.Min < out.Min) {
			out.Min = st.Min
		}
		out.Rows, out.Bytes, out.Segments, out.Max = out.Rows+st.Rows, out.Bytes+st.Bytes, out.Segments+st.Segments, max(out.Max, st.Max)
		out.Undated += st.Undated
	}
	return out
}

func (u union) Close() error {
	var err error
	for _, s := range u {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (u union) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	def, ok := u.Def(scan.Table)
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no table %q", scan.Table)
	}
	out := &chained{schema: schemaOf(&def, scan.Columns)}
	for _, s := range u {
		own, ok := s.Def(scan.Table)
		if !ok {
			continue
		}
		part := scan
		physical := own.Physical()
		part.Columns = slices.DeleteFunc(slices.Clone(scan.Columns), func(c string) bool { return physical.Index(c) < 0 })
		part.Bounds = slices.DeleteFunc(slices.Clone(scan.Bounds), func(b store.Bound) bool { return physical.Index(b.Column) < 0 })
		part.Equal = slices.DeleteFunc(slices.Clone(scan.Equal), func(e store.Equal) bool { return physical.Index(e.Column) < 0 })
		r, err := s.Scan(ctx, part)
		if err != nil {
			return nil, errors.Join(err, out.Close())
		}
		p := &projected{want: out.schema, from: r}
		if w, ok := s.(*inWorkspace); ok {
			p.workspace = w.id
		}
		out.parts = append(out.parts, p)
	}
	return out, nil
}

// chained reads one reader after the other.
type chained struct {
	schema table.Schema
	parts  []store.Reader
	at     int
}

func (c *chained) Schema() table.Schema { return c.schema }

func (c *chained) Next(ctx context.Context) (*table.Batch, error) {
	for c.at < len(c.parts) {
		b, err := c.parts[c.at].Next(ctx)
		if b != nil || err != nil {
			return b, err
		}
		c.at++
	}
	return nil, nil
}

func (c *chained) Close() error {
	var err error
	for _, p := range c.parts {
		err = errors.Join(err, p.Close())
	}
	return err
}

// Within is a snapshot of the rows that belong to one resource, by their column
// _ResourceId: those of the resource itself and of what lies below it. Tables
// without that column have no rows in it.
func Within(snap store.Snapshot, resource string) store.Snapshot {
	return &within{snap, strings.ToLower(strings.TrimSuffix(resource, "/"))}
}

// resourceColumn says which resource a row is of.
const resourceColumn = "_ResourceId"

type within struct {
	store.Snapshot
	resource string
}

// Stats are not known without reading; no table has more rows than there are of it.
func (w *within) Stats(name string) store.Stats {
	return store.Stats{Rows: w.Snapshot.Stats(name).Rows, Max: -1}
}

func (w *within) Scan(ctx context.Context, scan store.Scan) (store.Reader, error) {
	def, ok := w.Def(scan.Table)
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no table %q", scan.Table)
	}
	want := schemaOf(&def, scan.Columns)
	if i := def.Columns.Index(resourceColumn); i < 0 || def.Columns[i].Type != table.String {
		return &projected{want: want}, nil
	}
	scan.Columns = append(slices.Clone(scan.Columns), resourceColumn)
	r, err := w.Snapshot.Scan(ctx, scan)
	if err != nil {
		return nil, err
	}
	return &withinReader{r, want, w.resource}, nil
}

type withinReader struct {
	store.Reader
	want     table.Schema
	resource string
}

func (r *withinReader) Schema() table.Schema { return r.want }

func (r *withinReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.Reader.Next(ctx)
		if b == nil || err != nil {
			return nil, err
		}
		ids := &b.Cols[len(b.Cols)-1]
		out := table.NewBatch(r.want, 0)
		var row []table.Value
		for i := range b.Rows {
			id := strings.ToLower(ids.At(i).Str())
			if id == r.resource || strings.HasPrefix(id, r.resource+"/") {
				row = b.Row(i, row)
				out.AppendRow(row[:len(row)-1])
			}
		}
		if out.Rows > 0 {
			return out, nil
		}
	}
}
