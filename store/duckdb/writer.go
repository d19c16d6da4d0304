package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// part is some rows of a batch: rows, or all that are alive where rows is nil.
type part struct {
	batch *headBatch
	rows  []int32
}

func (p part) count() int {
	if p.rows != nil {
		return len(p.rows)
	}
	return p.batch.count()
}

// newTable is what one segment of a new file is made of.
type newTable struct {
	def   *tableDef
	parts []part
}

func (t *newTable) rows() int {
	n := 0
	for _, p := range t.parts {
		n += p.count()
	}
	return n
}

const (
	metaTable = "meta"

	// rowColumn numbers the rows of a segment, so that a range of them can be read
	// alone: DuckDB skips row groups by what a column holds, not by rowid.
	rowColumn = "r"

	// Wide text compresses worse and everything is written more slowly in small
	// blocks; a file never has less than a few of them.
	smallBlock = 16 << 10
	largeBlock = 64 << 10
	largeFrom  = 4096 // rows

	// DuckDB holds a row group uncompressed until it is full, and one thread
	// writes it. Its size is bounded in bytes, so that wide rows fit the writer's memory.
	rowGroupBytes = 80 << 20
	maxRowGroup   = 122_880
	minRowGroup   = 4 * vectorSize
)

// writer is an instance that writes files of ours.
type writer struct {
	*instance
	views headViews
}

func openWriter(memory int64, threads int) (*writer, error) {
	i, err := openInstance(memory, threads)
	if err != nil {
		return nil, err
	}
	w := &writer{instance: i}
	err = registerHead(i, &w.views)
	if err == nil {
		// A commit then goes straight into the file and never through the WAL.
		err = i.exec("SET checkpoint_threshold = '1KB'")
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return w, nil
}

// createTable says how the columns of a definition lie in a file.
func createTable(def *tableDef, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE out.%s (%s BIGINT", name, rowColumn)
	for i, k := range def.kinds {
		b.WriteString(", " + physName(i) + " " + k.sql())
		if def.wideText(i) {
			b.WriteString(" USING COMPRESSION zstd")
		}
	}
	b.WriteString(")")
	return b.String()
}

// wideText is true for columns worth a strong compression.
func (d *tableDef) wideText(i int) bool {
	if d.kinds[i] != kindString && d.kinds[i] != kindDynamic {
		return false
	}
	name := d.phys[i].Name
	for _, t := range d.Text {
		if t == name {
			return true
		}
	}
	return false
}

// rowGroupFor rows of about so many bytes each, uncompressed.
func rowGroupFor(rowBytes int64) int64 {
	n := rowGroupBytes / max(rowBytes, 1)
	return min(max(n/vectorSize*vectorSize, minRowGroup), maxRowGroup)
}

func attachOut(path string, rows, rowBytes int64) string {
	block := smallBlock
	if rows >= largeFrom {
		block = largeBlock
	}
	// Without the storage version DuckDB ignores zstd, silently.
	return fmt.Sprintf("ATTACH %s AS out (TYPE duckdb, BLOCK_SIZE %d, ROW_GROUP_SIZE %d, STORAGE_VERSION 'latest')", literal(path), block, rowGroupFor(rowBytes))
}

// writeFile makes a file of rows in memory. On success it is whole and on disk,
// under a name that is not yet durable.
func writeFile(ctx context.Context, w *writer, dir string, meta *fileMeta, tables []newTable, reach func(string)) (err error) {
	path := segmentPath(dir, meta.ID)
	var idx indexBuilder
	var all, bytes int64
	for i := range tables {
		for _, p := range tables[i].parts {
			n := int64(p.count())
			all += n
			bytes += p.batch.bytes * n / max(int64(p.batch.rows.Rows), 1)
		}
	}
	if err := w.exec(attachOut(path, all, bytes/max(all, 1))); err != nil {
		return err
	}
	defer func() {
		if e := w.exec("DETACH out"); err == nil {
			err = e
		}
	}()
	if err := w.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.exec("ROLLBACK"))
		}
	}()
	for i := range tables {
		t := &tables[i]
		m := segmentMeta{Table: t.def.Name, Name: fmt.Sprintf("t%d", i), Version: t.def.version, Def: &t.def.Def}
		sp, ranges := emptySpan, placeRanges(nil)
		if err := w.exec(createTable(t.def, m.Name)); err != nil {
			return err
		}
		for _, p := range t.parts {
			if err := ctx.Err(); err != nil {
				return err
			}
			m.Rows += int64(p.count())
			if p.rows == nil && p.batch.alive == nil {
				sp.join(p.batch.span)
			} else {
				p.each(func(r int) {
					if d := p.batch.def; d.time < 0 || p.batch.rows.Cols[d.time].IsNull(r) {
						sp.Undated++
					} else {
						sp.add(p.batch.rows.Cols[d.time].N[r])
					}
				})
			}
			for _, r := range p.batch.ranges {
				ranges.join(r)
			}
		}
		if err := appendParts(w, m.Name, t); err != nil {
			return err
		}
		idx.parts(m.Name, t)
		m.Min, m.Max, m.Undated = sp.Min, sp.Max, sp.Undated
		for _, r := range ranges {
			m.Places = append(m.Places, placesMeta{r.Topic, r.Partition, r.Min, r.Max})
		}
		meta.Segments = append(meta.Segments, m)
		meta.Rows += m.Rows
	}
	reach("rows of a file")
	if meta.Index, err = idx.save(indexPath(dir, meta.ID)); err != nil {
		return err
	}
	if err := writeMeta(w, meta); err != nil {
		return err
	}
	return w.exec("COMMIT; CHECKPOINT out")
}

func (p part) each(f func(r int)) {
	if p.rows == nil {
		p.batch.each(func(r int32) { f(int(r)) })
		return
	}
	for _, r := range p.rows {
		f(int(r))
	}
}

// writeMeta adds the file's own description, in the running transaction.
func writeMeta(w *writer, meta *fileMeta) error {
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	return w.exec(fmt.Sprintf("CREATE TABLE out.%s (format INTEGER, file VARCHAR); INSERT INTO out.%[1]s VALUES (%d, %s)",
		metaTable, formatVersion, literal(string(text))))
}

// appendParts writes the rows of a segment. They come through the function by
// which queries read rows in memory: DuckDB's appender would copy them once more.
func appendParts(w *writer, name string, t *newTable) error {
	view := &headView{def: t.def}
	for _, p := range coalesce(t.def, t.parts) {
		b := p.batch
		if p.rows != nil {
			c := *b
			c.alive = p.rows
			b = &c
		}
		view.batches = append(view.batches, b)
		view.rows += b.count()
	}
	id := w.views.add(view)
	defer w.views.remove(id)
	return w.insert(name, fmt.Sprintf("SELECT * FROM %s(%d)", headFunction, id))
}

// insert the rows of a query, numbered in their order.
func (w *writer) insert(name, rows string) error {
	err := w.exec("CREATE OR REPLACE TEMP SEQUENCE rows MINVALUE 0 START 0")
	if err != nil {
		return err
	}
	return w.exec(fmt.Sprintf("INSERT INTO out.%s SELECT nextval('temp.main.rows'), * FROM (%s)", name, rows))
}

// inOrder reads columns of a segment that lies in an attached file, in the order of
// its rows. One thread reads them as they lie; sorting them would hold all their text.
func (w *writer) inOrder(ctx context.Context, from string, def *tableDef, cols []int, give func(*table.Batch) error) error {
	schema := make(table.Schema, 0, len(cols)+1)
	list := make([]string, 0, len(cols)+1)
	for _, c := range cols {
		schema = append(schema, def.phys[c])
		list = append(list, physName(c))
	}
	schema, list = append(schema, table.Column{Name: rowColumn, Type: table.Long}), append(list, rowColumn)
	next := int64(0)
	return w.each(ctx, fmt.Sprintf("SELECT %s FROM %s", strings.Join(list, ", "), from), schema, func(b *table.Batch) error {
		for _, r := range b.Cols[len(cols)].N {
			if r != next {
				return fault.New(fault.Internal, "row %d of segment %s came in the place of row %d", r, from, next)
			}
			next++
		}
		b.Schema, b.Cols = b.Schema[:len(cols)], b.Cols[:len(cols)]
		return give(b)
	})
}

// coalesce joins small neighbours: a live feed brings batches of a few rows, and
// a chunk costs the same with one row as with two thousand.
func coalesce(def *tableDef, parts []part) []part {
	const small = vectorSize / 2
	var out []part
	for i := 0; i < len(parts); {
		n, j := 0, i
		for j < len(parts) && parts[j].count() < small && n < vectorSize {
			n += parts[j].count()
			j++
		}
		if j-i < 2 {
			out = append(out, parts[i])
			i++
			continue
		}
		rows := table.NewBatch(def.phys, n)
		var vals []table.Value
		for _, p := range parts[i:j] {
			p.each(func(r int) {
				vals = p.batch.rows.Row(r, vals)
				rows.AppendRow(vals)
			})
		}
		out = append(out, part{batch: &headBatch{def: def, rows: rows}})
		i = j
	}
	return out
}
