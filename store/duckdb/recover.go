package duckdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// rebuildManifest makes the manifest of a folder that has none, from what every
// file says of itself. A flush or a merge counts when it was committed or when all
// of its files are there; files of one that does not are garbage, as they would
// be with a manifest. What is lost: tables that never had a row, and that retention
// dropped a segment whose file still holds another.
func rebuildManifest(ctx context.Context, dir string) (*manifest, error) {
	man := &manifest{Format: formatVersion, NextFile: 1}
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) == 0 {
		return man, err
	}
	w, err := openWriter(256<<20, 1)
	if err != nil {
		return nil, err
	}
	defer w.close()
	files := map[int64]*fileMeta{}
	for _, path := range names {
		var id int64
		if n, _ := fmt.Sscanf(filepath.Base(path), "%012d.seg", &id); n != 1 {
			continue
		}
		man.NextFile = max(man.NextFile, id+1)
		meta, err := readMeta(ctx, w, path)
		if fault.KindOf(err) == fault.Unavailable || ctx.Err() != nil {
			return nil, err
		}
		if err != nil || meta.ID != id {
			continue // not written to its end
		}
		st, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		meta.Bytes = st.Size()
		if st, err := os.Stat(indexPath(dir, id)); err == nil {
			meta.Index = st.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		} else {
			meta.Index = 1 // there should be one
		}
		files[id] = meta
	}

	there := map[int64]int{} // files of a group
	for _, f := range files {
		there[f.Group]++
		man.Flushed, man.Merged = max(man.Flushed, f.Flushed), max(man.Merged, f.Merged)
	}
	for id, f := range files {
		known := man.Flushed
		if f.merged() {
			known = man.Merged
		}
		if f.Group > known && there[f.Group] < f.Files {
			delete(files, id)
		}
	}
	replaced := map[segmentRef]bool{}
	for _, f := range files {
		for _, r := range f.Replaces {
			replaced[r] = true
		}
		if f.merged() {
			man.Merged = max(man.Merged, f.Group)
		} else {
			man.Flushed = max(man.Flushed, f.Group)
		}
	}
	versions := map[string]map[int]*table.Def{}
	marks := store.Marks{}
	var dead []store.Place
	for _, id := range slices.Sorted(mapKeys(files)) {
		f := files[id]
		for tp, o := range unpackMarks(f.Marks) {
			marks[tp] = max(marks[tp], o)
		}
		for _, p := range f.Dead {
			dead = append(dead, p.unpack())
		}
		var kept []segmentMeta
		for _, m := range f.Segments {
			if m.Def == nil {
				return nil, fault.New(fault.Damaged, "segment %s does not describe its table", segmentPath(dir, id))
			}
			if versions[m.Table] == nil {
				versions[m.Table] = map[int]*table.Def{}
			}
			versions[m.Table][m.Version] = m.Def
			if !replaced[segmentRef{File: id, Table: m.Table}] {
				kept = append(kept, m)
			}
		}
		if len(kept) == 0 && len(f.Dead) == 0 {
			continue
		}
		f.Segments = kept
		man.Files = append(man.Files, f.listed())
	}
	for i := range man.Files {
		for j := range man.Files[i].Segments {
			m := &man.Files[i].Segments[j]
			var ranges placeRanges
			for _, r := range m.Places {
				ranges.join(placeRange{store.TopicPartition{Topic: r.Topic, Partition: r.Partition}, r.Min, r.Max})
			}
			for _, p := range dead {
				if ranges.has(p) {
					m.Dead = append(m.Dead, packPlace(p))
				}
			}
		}
	}
	for _, name := range slices.Sorted(mapKeys(versions)) {
		var t manifestTable
		for _, v := range slices.Sorted(mapKeys(versions[name])) {
			t.Versions = append(t.Versions, defVersion{v, *versions[name][v]})
		}
		man.Tables = append(man.Tables, t)
	}
	man.Marks = packMarks(marks)
	if err := man.save(dir); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot save the list of segments that was made again: %w", err)
	}
	return man, nil
}

func mapKeys[K cmp.Ordered, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// readMeta of a file. A format that is too new is fault.Unavailable; any other
// error means that the file is not whole.
func readMeta(ctx context.Context, w *writer, path string) (*fileMeta, error) {
	if _, err := os.Stat(path + ".wal"); err == nil {
		return nil, fault.New(fault.Damaged, "segment %s was not written to its end", path) // DuckDB would show rows that are not in the file
	}
	if err := w.exec(fmt.Sprintf("ATTACH %s AS look (TYPE duckdb, READ_ONLY)", literal(path))); err != nil {
		if strings.Contains(err.Error(), "newer") && strings.Contains(err.Error(), "version") {
			return nil, fault.New(fault.Unavailable, "segment %s was written by a newer program; use that", path)
		}
		return nil, err
	}
	defer w.exec("DETACH look")
	var meta fileMeta
	found := 0
	err := w.each(ctx, "SELECT format, file FROM look."+metaTable, table.Schema{{Name: "format", Type: table.Long}, {Name: "file", Type: table.String}}, func(b *table.Batch) error {
		found += b.Rows
		if err := checkFormat(int(b.Cols[0].N[0]), "segment "+path); err != nil {
			return err
		}
		return json.Unmarshal([]byte(b.Cols[1].S[0]), &meta)
	})
	if err == nil && found != 1 {
		err = fault.New(fault.Damaged, "segment %s does not describe itself", path)
	}
	return &meta, err
}
