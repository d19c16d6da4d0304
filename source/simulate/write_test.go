package simulate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWriteArchive(t *testing.T) {
	c := Config{Seed: 14, Users: 30, Start: on(2025, 4, 1).Add(21 * time.Hour), End: on(2025, 4, 2).Add(2 * time.Hour)}
	tenant := testTenant(t, c)
	want := map[string]string{}
	n := 0
	for r := range records(t, tenant) {
		want[BlobName(r.category, tenant.TenantID(), r.at)] += string(r.line) + "\r\n"
		n++
	}
	dir := t.TempDir()
	got, err := tenant.WriteArchive(dir, ArchiveOptions{CRLF: true})
	if err != nil || got != n {
		t.Fatalf("%d records, not %d: %v", got, n, err)
	}
	var names []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		names = append(names, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if string(text) != want[name] {
			t.Errorf("%s has %d bytes, not %d", name, len(text), len(want[name]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(want) {
		t.Errorf("%d blobs, not %d", len(names), len(want))
	}
	hour := "insights-logs-managedidentitysigninlogs/tenantId=" + tenant.TenantID() + "/y=2025/m=04/d=01/h=22/m=00/PT1H.json"
	if !slices.Contains(names, hour) {
		t.Errorf("no %s; there are %s", hour, strings.Join(names, "\n"))
	}
	if _, err := tenant.WriteArchive(dir, ArchiveOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second archive into the folder: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteNDJSON(t *testing.T) {
	c := Config{Seed: 14, Users: 30, Start: on(2025, 4, 1), End: on(2025, 4, 2)}
	var out bytes.Buffer
	n, err := testTenant(t, c).WriteNDJSON(&out)
	if err != nil || bytes.Count(out.Bytes(), []byte{'\n'}) != n || n == 0 {
		t.Errorf("%d records: %v", n, err)
	}
	if _, err := testTenant(t, c).WriteNDJSON(brokenWriter{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("a full disk gives %v", err)
	}
}
