package duckdb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// Relation unites the rows in memory with every segment that may hold rows of
// the scan.
func (s *snapshot) Relation(scan store.Scan) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", store.ErrClosed
	}
	def := s.state.defs[scan.Table]
	if def == nil {
		return "", fault.New(fault.NotFound, "there is no table %q", scan.Table)
	}
	cols := make([]int, len(scan.Columns))
	for i, name := range scan.Columns {
		if cols[i] = def.phys.Index(name); cols[i] < 0 {
			return "", fault.New(fault.NotFound, "table %q has no column %q", scan.Table, name)
		}
	}
	var b strings.Builder
	branch := func(from string, cell func(i int) string) {
		named := b.Len() == 0
		if !named {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT ")
		for i, name := range scan.Columns {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(cell(i))
			if named {
				b.WriteString(" AS " + quote(name))
			}
		}
		if len(cols) == 0 {
			b.WriteString(`1 AS "$row"`)
		}
		b.WriteString(from)
	}
	plain := func(i int) string { return physName(cols[i]) }

	view, left := s.inMemory(def, scan), maxExactAll
	for _, seg := range s.state.segs[scan.Table] {
		if seg.span.outside(scan.From, scan.To) {
			continue
		}
		exact, known, ok := seg.exactRows(scan)
		if ok && len(exact) == 0 {
			continue
		}
		if ok = ok && len(exact) <= min(maxExact, left); ok {
			left -= len(exact)
			if b := seg.covered(def, cols, exact, known); b != nil {
				view.batches = append(view.batches, b)
				view.rows += b.count()
				continue
			}
		}
		ranges, all := seg.rowsFor(scan)
		if !all && len(ranges) == 0 {
			continue
		}
		all = !ok && (all || worthless(ranges, seg.rows))
		cell := plain
		if seg.def != def {
			cell = func(i int) string { return seg.cell(def, cols[i], cols) }
		}
		from := fmt.Sprintf(" FROM %s.%s", seg.file.alias(), seg.name)
		dead := ""
		if len(seg.dead) > 0 {
			dead = seg.notDead()
		}
		if all {
			if dead != "" {
				from += " WHERE " + dead
			}
			branch(from, cell)
			continue
		}
		if dead != "" {
			dead = " AND " + dead
		}
		if ok && len(exact) > 1 {
			// A subquery is answered by rows, where a list of them is looked for in all.
			branch(fmt.Sprintf("%s WHERE rowid IN (SELECT unnest(%s))%s", from, numbers(exact), dead), cell)
			continue
		}
		if ok {
			ranges = []rowRange{{exact[0], exact[0] + 1}}
		}
		for _, r := range joinRanges(ranges, maxRanges) {
			branch(fmt.Sprintf("%s WHERE r >= %d AND r < %d%s", from, r.from, r.to, dead), cell)
		}
	}
	if view.rows > 0 {
		id := s.store.views.add(view)
		s.views = append(s.views, id)
		branch(fmt.Sprintf(" FROM %s(%d)", headFunction, id), plain)
	}
	if b.Len() == 0 {
		branch(" WHERE false", func(i int) string { return "CAST(NULL AS " + def.kinds[cols[i]].sql() + ")" })
	}
	return b.String(), nil
}

// maxRanges of rows are read from one segment. DuckDB skips row groups for one
// range of them in a branch, not for several.
const maxRanges = 16

// maxExact rows of a segment are read one by one; more are found sooner by reading the
// columns that the scan asks for. maxExactAll bounds what a statement takes of all segments
// so, for their rows, or their numbers, are held in memory meanwhile.
const (
	maxExact    = 4096
	maxExactAll = 1 << 16
)

// Excludes implements store.Excluder: no rows in memory, and no segment that may hold
// rows of the scan.
func (s *snapshot) Excludes(scan store.Scan) bool {
	for _, b := range s.state.head[scan.Table] {
		if b.count() > 0 && !b.span.outside(scan.From, scan.To) {
			return false
		}
	}
	for _, seg := range s.state.segs[scan.Table] {
		if seg.span.outside(scan.From, scan.To) {
			continue
		}
		if exact, _, ok := seg.exactRows(scan); ok && len(exact) == 0 {
			continue
		}
		if ranges, all := seg.rowsFor(scan); all || len(ranges) > 0 {
			return false
		}
	}
	return true
}

// worthless ranges leave out so little that reading all rows in one go is cheaper.
func worthless(ranges []rowRange, rows int64) bool {
	n := int64(0)
	for _, r := range ranges {
		n += r.to - r.from
	}
	return 2*n > rows && len(ranges) > 1
}

// joinRanges closes the smallest gaps until there are at most n.
func joinRanges(ranges []rowRange, n int) []rowRange {
	ranges = slices.Clone(ranges)
	for len(ranges) > n {
		best := 1
		for i := 2; i < len(ranges); i++ {
			if ranges[i].from-ranges[i-1].to < ranges[best].from-ranges[best-1].to {
				best = i
			}
		}
		ranges[best-1].to = ranges[best].to
		ranges = slices.Delete(ranges, best, best+1)
	}
	return ranges
}

// inMemory is the rows in memory that the scan may need.
func (s *snapshot) inMemory(def *tableDef, scan store.Scan) *headView {
	v := &headView{def: def}
	for _, b := range s.state.head[def.Name] {
		if n := b.count(); n > 0 && !b.span.outside(scan.From, scan.To) {
			v.batches = append(v.batches, b)
			v.rows += n
		}
	}
	return v
}

// numbers as a list in SQL.
func numbers(list []int64) string {
	b := []byte("[")
	for i, n := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}

// notDead excludes the rows that were superseded after the segment was written.
func (s *segment) notDead() string {
	topic, partition, offset, index := physName(s.def.hidden(table.HiddenTopic)), physName(s.def.hidden(table.HiddenPartition)),
		physName(s.def.hidden(table.HiddenOffset)), physName(s.def.hidden(table.HiddenIndex))
	by := map[store.TopicPartition][]store.Place{}
	for _, p := range s.dead {
		by[p.TopicPartition] = append(by[p.TopicPartition], p)
	}
	var all []string
	for tp, places := range by {
		var b strings.Builder
		fmt.Fprintf(&b, "NOT (%s = %s AND %s = %d AND (%s, %s) IN (", topic, literal(tp.Topic), partition, tp.Partition, offset, index)
		for i, p := range places {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%d, %d)", p.Offset, p.Index)
		}
		b.WriteString("))")
		all = append(all, b.String())
	}
	return strings.Join(all, " AND ")
}

// cell is physical column i of a newer definition over a segment of an older
// one. asked are the columns of the same scan: the odd flag speaks for the
// promoted ones among them.
func (s *segment) cell(def *tableDef, i int, asked []int) string {
	name := def.phys[i].Name
	if at := s.def.phys.Index(name); at >= 0 {
		own := physName(at)
		if name != table.HiddenOdd {
			return own
		}
		for _, a := range asked {
			if p := a - len(def.Columns); p >= 0 && p < len(def.Promoted) && s.def.phys.Index(def.phys[a].Name) < 0 {
				if src := s.def.Columns.Index(def.Promoted[p].Column); src >= 0 {
					own += " OR " + promotedOdd(physName(src), def.Promoted[p])
				}
			}
		}
		return "(" + own + ")"
	}
	if p := i - len(def.Columns); p >= 0 && p < len(def.Promoted) {
		if src := s.def.Columns.Index(def.Promoted[p].Column); src >= 0 {
			return promotedCell(physName(src), def.Promoted[p])
		}
	}
	if def.kinds[i] == kindString {
		return "''"
	}
	return "CAST(NULL AS " + def.kinds[i].sql() + ")"
}

// jsonPath is a path of keys as DuckDB's JSON functions take it.
func jsonPath(path string) string {
	if strings.ContainsAny(path, `"\`) { // only a pointer can say it
		r := strings.NewReplacer("~", "~0", "/", "~1", ".", "/")
		return literal("/" + r.Replace(path))
	}
	return literal(`$."` + strings.ReplaceAll(path, ".", `"."`) + `"`)
}

// typed is the cell, and the test for a type that the path must not have, of the
// JSON value e at a path. They say in SQL what table.Promoted.Of says in Go.
func typed(e, path string, t table.Type) (cell, odd string) {
	typ := fmt.Sprintf("json_type(%s, %s)", e, path)
	text := fmt.Sprintf("json_extract_string(%s, %s)", e, path)
	switch t {
	case table.String:
		return fmt.Sprintf("CASE WHEN %s = 'VARCHAR' THEN %s ELSE '' END", typ, text),
			fmt.Sprintf("coalesce(%s NOT IN ('VARCHAR', 'NULL'), false)", typ)
	case table.Bool:
		return fmt.Sprintf("CASE WHEN %s = 'BOOLEAN' THEN %s = 'true' END", typ, text),
			fmt.Sprintf("coalesce(%s NOT IN ('BOOLEAN', 'NULL'), false)", typ)
	case table.Long:
		cell = fmt.Sprintf("CASE WHEN %s IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(%s AS BIGINT) END", typ, text)
	default:
		// An integer of 64 bits counts where a double holds it exactly.
		cell = fmt.Sprintf("CASE %s WHEN 'DOUBLE' THEN TRY_CAST(%s AS DOUBLE) WHEN 'BIGINT' THEN %s WHEN 'UBIGINT' THEN %[3]s END", typ, text,
			fmt.Sprintf("CASE WHEN TRY_CAST(%s AS BIGINT) IS NULL OR TRY_CAST(TRY_CAST(%[1]s AS DOUBLE) AS BIGINT) = TRY_CAST(%[1]s AS BIGINT) THEN TRY_CAST(%[1]s AS DOUBLE) END", text))
	}
	return cell, fmt.Sprintf("coalesce(%s <> 'NULL' AND (%s) IS NULL, false)", typ, cell)
}

func promotedCell(col string, p table.Promoted) string {
	if p.InElements() {
		cell, _ := typed("e", jsonPath(p.Path[len("[]."):]), table.String)
		return fmt.Sprintf("CASE WHEN json_valid(%s) AND json_type(%[1]s) = 'ARRAY' THEN list_transform(json_extract(%[1]s, '$[*]'), lambda e: %s) END",
			col, strings.Replace(cell, "ELSE ''", "ELSE NULL", 1))
	}
	cell, _ := typed(col, jsonPath(p.Path), p.Type)
	if p.Type == table.String {
		return fmt.Sprintf("CASE WHEN json_valid(%s) THEN %s ELSE '' END", col, cell)
	}
	return fmt.Sprintf("CASE WHEN json_valid(%s) THEN %s END", col, cell)
}

func promotedOdd(col string, p table.Promoted) string {
	if p.InElements() {
		_, odd := typed("e", jsonPath(p.Path[len("[]."):]), table.String)
		return fmt.Sprintf("coalesce(CASE WHEN json_valid(%s) THEN CASE json_type(%[1]s) WHEN 'ARRAY' THEN list_bool_or(list_transform(json_extract(%[1]s, '$[*]'), lambda e: %s)) WHEN 'NULL' THEN false ELSE true END END, false)", col, odd)
	}
	_, odd := typed(col, jsonPath(p.Path), p.Type)
	return fmt.Sprintf("coalesce(CASE WHEN json_valid(%s) THEN %s END, false)", col, odd)
}
