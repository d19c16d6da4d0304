package duckdb

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"sextant/fault"
	"sextant/table"
)

// formatVersion of everything that this package writes. A folder of a later
// version is refused.
const formatVersion = 1

const manifestName = "MANIFEST"

// manifest is the commit point: what it lists is there, what it does not list is
// garbage. It is replaced as a whole by a rename.
type manifest struct {
	Format   int             `json:"format"`
	Flushed  int64           `json:"flushed"` // the last groups, see fileMeta
	Merged   int64           `json:"merged"`
	NextFile int64           `json:"nextFile"` // ids are never used twice
	Tables   []manifestTable `json:"tables"`
	Marks    []mark          `json:"marks"`
	Files    []fileMeta      `json:"files"`
}

// manifestTable has every version of a definition that a segment may refer to;
// the last is the current one.
type manifestTable struct {
	Versions []defVersion `json:"versions"`
}

type defVersion struct {
	Version int       `json:"version"`
	Def     table.Def `json:"def"`
}

// loadManifest gives nil when there is none.
func loadManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the list of segments: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fault.New(fault.Damaged, "the list of segments %s is damaged; move it away and it is made again from the segments: %w", path, err)
	}
	if err := checkFormat(m.Format, path); err != nil {
		return nil, err
	}
	return &m, nil
}

func checkFormat(version int, what string) error {
	if version > formatVersion {
		return fault.New(fault.Unavailable, "%s has format %d and this program knows formats up to %d; use a newer program", what, version, formatVersion)
	}
	if version < 1 {
		return fault.New(fault.Damaged, "%s has no format version", what)
	}
	return nil
}

// save replaces the manifest. When it returns, the new one is on disk.
func (m *manifest) save(dir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestName)
	if err := writeSynced(path+".new", text); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSynced(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes names in the folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
