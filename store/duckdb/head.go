package duckdb

import (
	"math"
	"sync"

	"sextant/store"
	"sextant/table"
)

// tableDef is one version of a table's definition. It never changes.
type tableDef struct {
	table.Def
	version int // counts from 1 for each table
	phys    table.Schema
	kinds   []kind
	time    int // physical column of the time, -1 without
}

func newTableDef(def table.Def, version int) *tableDef {
	d := &tableDef{Def: def, version: version, phys: def.Physical(), time: -1}
	d.kinds = kindsOf(&d.Def)
	if def.Time != "" {
		d.time = def.Columns.Index(def.Time)
	}
	return d
}

// hidden is the physical column of a hidden one.
func (d *tableDef) hidden(name string) int {
	return len(d.phys) - len(table.Hidden) + table.Hidden.Index(name)
}

// headBatch is a batch that was appended and is not yet in a segment. It never
// changes: when rows of it are superseded, another takes its place.
type headBatch struct {
	def   *tableDef
	load  uint64 // the load that brought it
	rows  *table.Batch
	alive []int32 // the rows that are to be seen; nil is all
	bytes int64
	span  span
	*headPlaces
}

// span of the time column in ticks; rows without a time are counted apart.
type span struct {
	Min, Max int64
	Undated  int64
}

var emptySpan = span{Min: math.MaxInt64, Max: math.MinInt64}

func (s *span) add(ticks int64) { s.Min, s.Max = min(s.Min, ticks), max(s.Max, ticks) }

func (s *span) join(o span) {
	s.Min, s.Max, s.Undated = min(s.Min, o.Min), max(s.Max, o.Max), s.Undated+o.Undated
}

// outside is true when no row can lie in [from, to); to 0 is no bound.
func (s span) outside(from, to int64) bool {
	if from <= 0 && to == 0 {
		return false
	}
	return s.Max < from || to != 0 && s.Min >= to
}

// headPlaces finds rows of a batch by place. Shared by the versions of a batch.
type headPlaces struct {
	ranges placeRanges
	once   sync.Once
	byRow  map[store.Place]int32
}

func newHeadBatch(def *tableDef, load uint64, rows *table.Batch) *headBatch {
	b := &headBatch{def: def, load: load, rows: rows, bytes: rows.Bytes(), span: emptySpan, headPlaces: &headPlaces{}}
	for r := range rows.Rows {
		if def.time < 0 || rows.Cols[def.time].IsNull(r) {
			b.span.Undated++
		} else {
			b.span.add(rows.Cols[def.time].N[r])
		}
		b.ranges.add(b.place(r))
	}
	return b
}

func (b *headBatch) place(r int) store.Place {
	d, c := b.def, b.rows.Cols
	return store.Place{
		TopicPartition: store.TopicPartition{Topic: c[d.hidden(table.HiddenTopic)].S[r], Partition: int32(c[d.hidden(table.HiddenPartition)].N[r])},
		Offset:         c[d.hidden(table.HiddenOffset)].N[r],
		Index:          int32(c[d.hidden(table.HiddenIndex)].N[r]),
	}
}

// find the row of a place; false when it is not here.
func (b *headBatch) find(p store.Place) (int32, bool) {
	if !b.ranges.has(p) {
		return 0, false
	}
	b.once.Do(func() {
		b.byRow = make(map[store.Place]int32, b.rows.Rows)
		for r := range b.rows.Rows {
			b.byRow[b.place(r)] = int32(r)
		}
	})
	r, ok := b.byRow[p]
	return r, ok
}

func (b *headBatch) count() int {
	if b.alive != nil {
		return len(b.alive)
	}
	return b.rows.Rows
}

// each row that is to be seen.
func (b *headBatch) each(f func(r int32)) {
	if b.alive != nil {
		for _, r := range b.alive {
			f(r)
		}
		return
	}
	for r := range int32(b.rows.Rows) {
		f(r)
	}
}

// without is the batch with rows gone.
func (b *headBatch) without(gone map[int32]bool) *headBatch {
	out := *b
	out.alive = make([]int32, 0, b.count())
	b.each(func(r int32) {
		if !gone[r] {
			out.alive = append(out.alive, r)
		}
	})
	return &out
}

// adapted is the batch under a newer definition.
func (b *headBatch) adapted(def *tableDef) *headBatch {
	out := *b
	out.def = def
	out.rows = store.Adapt(b.rows, &def.Def)
	out.bytes = out.rows.Bytes()
	return &out
}

// placeRange is the offsets of one partition that rows lie between.
type placeRange struct {
	store.TopicPartition
	Min, Max int64
}

type placeRanges []placeRange

func (l *placeRanges) add(p store.Place) { l.join(placeRange{p.TopicPartition, p.Offset, p.Offset}) }

func (l *placeRanges) join(r placeRange) {
	for i := range *l {
		if x := &(*l)[i]; x.TopicPartition == r.TopicPartition {
			x.Min, x.Max = min(x.Min, r.Min), max(x.Max, r.Max)
			return
		}
	}
	*l = append(*l, r)
}

func (l placeRanges) has(p store.Place) bool {
	for i := range l {
		if l[i].TopicPartition == p.TopicPartition {
			return p.Offset >= l[i].Min && p.Offset <= l[i].Max
		}
	}
	return false
}
