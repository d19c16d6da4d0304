package commitlog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// manifest is everything that the journals do not say, as of one moment: which
// segments there are, and what a replay of the journals from number Journal on
// starts with. It is replaced whole.
type manifest struct {
	Format  int             `json:"format"`
	Journal int64           `json:"journal"` // older ones are not needed
	Leaves  uint64          `json:"leaves"`  // so many are durable in the leaf file
	Nodes   []string        `json:"nodes"`   // of the tree over them, left to right, hexadecimal
	Gen     int64           `json:"gen"`     // the last number given to a segment file
	Topics  []manifestTopic `json:"topics"`  // in order of their number
}

type manifestTopic struct {
	topicMeta
	Parts []manifestPart `json:"parts"`
}

type manifestPart struct {
	Start     int64              `json:"start"`
	Next      int64              `json:"next"`
	Producers map[int64]producer `json:"producers,omitempty"`
	Segments  []segmentMeta      `json:"segments,omitempty"`
}

const (
	// formatVersion 1 had segments of nothing but record batches, which are still read.
	formatVersion = 2
	manifestName  = "MANIFEST"
)

func (m *manifest) nodes() ([][]byte, error) {
	var out [][]byte
	for _, n := range m.Nodes {
		b, err := hex.DecodeString(n)
		if err != nil || len(b) != 32 {
			return nil, fmt.Errorf("tree node %q is no hash", n)
		}
		out = append(out, b)
	}
	return out, nil
}

// writeManifest replaces the manifest: a line with the CRC of what follows, then JSON.
func (d *Disk) writeManifest(m *manifest) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	data := fmt.Appendf(nil, "%08x\n%s\n", crc32.Checksum(body, castagnoli), body)
	if err := vfs.WriteFile(d.fs, d.dir, manifestName, data); err != nil {
		return writeManifestError(err)
	}
	return nil
}

func writeManifestError(err error) error {
	return fault.New(fault.Unavailable, "cannot write the log's manifest: %w", err)
}

func (d *Disk) readManifest() (*manifest, error) {
	data, err := vfs.ReadFile(d.fs, d.dir+"/"+manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return &manifest{Format: formatVersion, Journal: 1}, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the log's manifest: %w", err)
	}
	return parseManifest(data)
}

func parseManifest(data []byte) (*manifest, error) {
	damaged := func(why string) (*manifest, error) {
		return nil, fault.New(fault.Damaged, "the log's manifest is damaged: %s; restore it from a copy", why)
	}
	sum, body, ok := bytes.Cut(data, []byte("\n"))
	body = bytes.TrimSuffix(body, []byte("\n"))
	if want := fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)); !ok || string(sum) != want {
		return damaged("its checksum is wrong")
	}
	m := &manifest{}
	if err := json.Unmarshal(body, m); err != nil {
		return damaged(err.Error())
	}
	if m.Format < 1 || m.Format > formatVersion {
		return nil, fault.New(fault.Conflict, "the log has format %d, this program knows %d; use a newer program", m.Format, formatVersion)
	}
	if m.Journal < 1 {
		return damaged("no journal number")
	}
	return m, nil
}
