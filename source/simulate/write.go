package simulate

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteNDJSON writes the history as JSON lines, all categories mixed, and
// returns how many records it wrote.
func (t *Tenant) WriteNDJSON(w io.Writer) (int, error) {
	buf := bufio.NewWriterSize(w, 256<<10)
	n := 0
	err := t.History(func(_ string, _ time.Time, line []byte) error {
		n++
		buf.Write(line) // a failed write comes back from the next
		return buf.WriteByte('\n')
	})
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return n, fmt.Errorf("cannot write the history of tenant %s: %w", t.cfg.TenantID, err)
	}
	return n, nil
}

// ArchiveOptions say how an archive is laid out.
type ArchiveOptions struct {
	CRLF bool // lines end as Azure's newer exports do; otherwise in LF
}

// BlobName is the path of the blob that Azure's diagnostic settings append a
// record to that arrives at a time: container, then name.
func BlobName(category, tenant string, at time.Time) string {
	at = at.UTC()
	return fmt.Sprintf("insights-logs-%s/tenantId=%s/y=%04d/m=%02d/d=%02d/h=%02d/m=00/PT1H.json",
		strings.ToLower(category), tenant, at.Year(), at.Month(), at.Day(), at.Hour())
}

// WriteArchive writes the history below dir in the layout of a storage account
// that diagnostic settings export to: a folder a category, a file an hour of
// arrival. It returns how many records it wrote. Files that are there already
// are an error: an archive is appended to by arrival, and these are not.
func (t *Tenant) WriteArchive(dir string, o ArchiveOptions) (int, error) {
	a := archive{dir: dir, open: map[string]*blob{}}
	n := 0
	ending := "\n"
	if o.CRLF {
		ending = "\r\n"
	}
	err := t.History(func(category string, at time.Time, line []byte) error {
		b, err := a.at(category, t.cfg.TenantID, at)
		if err != nil {
			return err
		}
		n++
		b.w.Write(line) // a failed write comes back from the next
		_, err = b.w.WriteString(ending)
		return err
	})
	if closed := a.close(); err == nil {
		err = closed
	}
	if err != nil {
		return n, fmt.Errorf("cannot write the archive %s: %w", dir, err)
	}
	return n, nil
}

// archive keeps one file open a category: records come by time, so an hour is
// over when the next begins.
type archive struct {
	dir  string
	open map[string]*blob // by category
}

type blob struct {
	hour time.Time
	f    *os.File
	w    *bufio.Writer
}

func (a *archive) at(category, tenant string, at time.Time) (*blob, error) {
	hour := at.Truncate(time.Hour)
	b := a.open[category]
	if b != nil && b.hour.Equal(hour) {
		return b, nil
	}
	if b == nil {
		b = &blob{w: bufio.NewWriterSize(nil, 64<<10)}
		a.open[category] = b
	} else if err := b.close(); err != nil {
		return nil, err
	}
	path := filepath.Join(a.dir, filepath.FromSlash(BlobName(category, tenant, at)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	b.hour, b.f = hour, f
	b.w.Reset(f)
	return b, nil
}

func (b *blob) close() error {
	if b.f == nil {
		return nil
	}
	err := b.w.Flush()
	if closed := b.f.Close(); err == nil {
		err = closed
	}
	b.f = nil
	return err
}

func (a *archive) close() error {
	var first error
	for _, b := range a.open {
		if err := b.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
