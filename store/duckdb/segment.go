package duckdb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// A segment is the rows of one table in one file. A file holds one or more
// segments, of different tables, and is never changed once it is in the manifest.

// fileMeta describes a file. It lies in the manifest and, so that a lost manifest
// can be made again, in the file's own table "meta".
type fileMeta struct {
	ID       int64         `json:"id"`
	Bytes    int64         `json:"bytes,omitempty"` // manifest only
	Index    int64         `json:"index,omitempty"` // bytes of the sidecar
	Rows     int64         `json:"rows"`            // as it was written
	Segments []segmentMeta `json:"segments"`

	// The rest is in the file only.

	// Files of one flush or of one merge count only together. Group is the number
	// of the first, Files how many there are.
	Group int64 `json:"group,omitempty"`
	Files int   `json:"files,omitempty"`
	// The last groups that were committed when this file was written: they are
	// whole, even where files of theirs are gone since.
	Flushed int64 `json:"flushed,omitempty"`
	Merged  int64 `json:"merged,omitempty"`

	Marks    []mark       `json:"marks,omitempty"`    // that were durable with it
	Dead     []place      `json:"dead,omitempty"`     // superseded rows of other files
	Replaces []segmentRef `json:"replaces,omitempty"` // what a merge put into it
}

func (m *fileMeta) merged() bool { return len(m.Replaces) > 0 }

// listed is what the manifest keeps of it.
func (m fileMeta) listed() fileMeta {
	out := fileMeta{ID: m.ID, Bytes: m.Bytes, Index: m.Index, Rows: m.Rows, Segments: slices.Clone(m.Segments)}
	for i := range out.Segments {
		out.Segments[i].Def = nil
	}
	return out
}

// measure a file that was written and detached.
func (m *fileMeta) measure(dir string) error {
	path := segmentPath(dir, m.ID)
	if _, err := os.Stat(path + ".wal"); err == nil {
		return fault.New(fault.Internal, "segment %s was not written whole", path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	m.Bytes = st.Size()
	return nil
}

type segmentRef struct {
	File  int64  `json:"file"`
	Table string `json:"table"`
}

type segmentMeta struct {
	Table   string       `json:"table"`
	Name    string       `json:"name"` // of the table in the file
	Version int          `json:"version"`
	Level   int          `json:"level,omitempty"`
	Rows    int64        `json:"rows"`
	Min     int64        `json:"min"`
	Max     int64        `json:"max"`
	Undated int64        `json:"undated,omitempty"`
	Places  []placesMeta `json:"places"`
	Dead    []place      `json:"dead,omitempty"` // manifest only: rows to be seen no more
	Def     *table.Def   `json:"def,omitempty"`  // file only
}

type placesMeta struct {
	Topic     string `json:"t"`
	Partition int32  `json:"p"`
	Min       int64  `json:"min"`
	Max       int64  `json:"max"`
}

type mark struct {
	Topic     string `json:"t"`
	Partition int32  `json:"p"`
	Offset    int64  `json:"o"`
}

// place is a store.Place with short names.
type place struct {
	Topic     string `json:"t"`
	Partition int32  `json:"p"`
	Offset    int64  `json:"o"`
	Index     int32  `json:"i,omitempty"`
}

func packPlace(p store.Place) place { return place{p.Topic, p.Partition, p.Offset, p.Index} }
func (p place) unpack() store.Place {
	return store.Place{TopicPartition: store.TopicPartition{Topic: p.Topic, Partition: p.Partition}, Offset: p.Offset, Index: p.Index}
}

func packMarks(m store.Marks) []mark {
	out := make([]mark, 0, len(m))
	for tp, o := range m {
		out = append(out, mark{tp.Topic, tp.Partition, o})
	}
	slices.SortFunc(out, func(a, b mark) int {
		if a.Topic != b.Topic {
			if a.Topic < b.Topic {
				return -1
			}
			return 1
		}
		return int(a.Partition) - int(b.Partition)
	})
	return out
}

func unpackMarks(l []mark) store.Marks {
	out := make(store.Marks, len(l))
	for _, m := range l {
		out[store.TopicPartition{Topic: m.Topic, Partition: m.Partition}] = m.Offset
	}
	return out
}

// segmentFile is an open file: on disk, counted by the sets that list it.
type segmentFile struct {
	id    int64
	path  string
	bytes int64
	meta  fileMeta              // without segments' rows that changed since; see segment
	index atomic.Pointer[index] // nil: no pruning by value
	terms atomic.Pointer[index] // nil: no pruning by term
	rows  atomic.Pointer[index] // nil: not known where values are

	refs atomic.Int32
	gone atomic.Bool // no longer in the manifest: deleted with the last reference
}

func segmentPath(dir string, id int64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.seg", id))
}

func indexPath(dir string, id int64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.idx", id))
}

func termsPath(dir string, id int64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.trm", id))
}

func rowsPath(dir string, id int64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.row", id))
}

// alias is the name under which every instance attaches the file.
func (f *segmentFile) alias() string { return aliasPrefix + strconv.FormatInt(f.id, 10) }

const aliasPrefix = "sx"

func physName(i int) string { return "c" + strconv.Itoa(i) }

// segment is what a version of the list knows of a segment. It never changes.
type segment struct {
	file   *segmentFile
	def    *tableDef // the definition that its columns have
	name   string
	level  int // 0 flushed, 1 merged
	rows   int64
	span   span
	ranges placeRanges
	dead   []store.Place // rows to be seen no more
}

// bytes of the file that are the segment's, about.
func (s *segment) bytes() int64 {
	return s.file.bytes * s.rows / max(s.file.meta.Rows, 1)
}

func newSegment(f *segmentFile, def *tableDef, m segmentMeta) *segment {
	s := &segment{file: f, def: def, name: m.Name, level: m.Level, rows: m.Rows, span: span{m.Min, m.Max, m.Undated}}
	for _, r := range m.Places {
		s.ranges = append(s.ranges, placeRange{store.TopicPartition{Topic: r.Topic, Partition: r.Partition}, r.Min, r.Max})
	}
	for _, p := range m.Dead {
		s.dead = append(s.dead, p.unpack())
	}
	return s
}

// meta of the segment as the manifest keeps it.
func (s *segment) meta() segmentMeta {
	m := segmentMeta{
		Table: s.def.Name, Name: s.name, Version: s.def.version, Level: s.level, Rows: s.rows,
		Min: s.span.Min, Max: s.span.Max, Undated: s.span.Undated,
	}
	for _, r := range s.ranges {
		m.Places = append(m.Places, placesMeta{r.Topic, r.Partition, r.Min, r.Max})
	}
	for _, p := range s.dead {
		m.Dead = append(m.Dead, packPlace(p))
	}
	return m
}

// fileSet is one version of the list of files, counted by those who read it.
type fileSet struct {
	refs  atomic.Int32
	files map[int64]*segmentFile
}

func newFileSet(files map[int64]*segmentFile) *fileSet {
	s := &fileSet{files: files}
	s.refs.Store(1)
	for _, f := range files {
		f.refs.Add(1)
	}
	return s
}

func (s *fileSet) retain() { s.refs.Add(1) }

// release gives back a reference; files that nobody can see any more are given
// to drop.
func (s *fileSet) release(drop func(*segmentFile)) {
	if s.refs.Add(-1) > 0 {
		return
	}
	for _, f := range s.files {
		if f.refs.Add(-1) > 0 {
			continue
		}
		if f.gone.Load() {
			drop(f)
		} else {
			f.close() // the store closes
		}
	}
}

// close gives back what an open file holds.
func (f *segmentFile) close() {
	for _, p := range []*atomic.Pointer[index]{&f.index, &f.terms, &f.rows} {
		if x := p.Swap(nil); x != nil {
			x.close()
		}
	}
}

// remove the file's bytes. An error is harmless: what the manifest does not
// list is removed when the store opens.
func (f *segmentFile) remove() {
	f.close()
	os.Remove(f.path)
	for _, ext := range []string{".idx", ".trm", ".row"} {
		os.Remove(strings.TrimSuffix(f.path, ".seg") + ext)
	}
}
