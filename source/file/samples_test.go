package file

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sextant/record"
	"sextant/source"
)

// intake is an Appender as the real one judges, without a log: it identifies each
// record, knows what it had, and makes rows of the rest.
type intake struct {
	t       testing.TB
	m       *record.Model
	mu      sync.Mutex
	b       *record.Builder
	had     map[string]record.Form
	dead    []source.Incoming
	records [][]byte
	fail    error
}

func newIntake(t testing.TB) *intake {
	t.Helper()
	m, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	return &intake{t: t, m: m, b: m.NewBuilder(), had: map[string]record.Form{}}
}

func (in *intake) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.fail != nil {
		return nil, in.fail
	}
	out := make([]source.Verdict, len(recs))
	for i, r := range recs {
		reason := r.Reason
		id, err := record.Identified{}, error(nil)
		if reason == "" {
			if id, err = in.m.Identify(r.JSON); err != nil {
				reason = err.Error()
			}
		}
		tenant := id.Tenant
		if tenant == "" {
			tenant = r.Tenant
		}
		if reason == "" && tenant == "" {
			reason = "the record names no tenant; give --tenant"
		}
		if reason != "" {
			r.JSON = bytes.Clone(r.JSON)
			in.dead = append(in.dead, r)
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: reason}
			continue
		}
		out[i] = source.Verdict{Category: id.Category, Table: in.m.DefFor(id.Category).Name}
		key := tenant + string(id.Key[:])
		if form, ok := in.had[key]; ok && !r.Form.Fuller(form) {
			out[i].Outcome = source.Known
			continue
		}
		in.had[key] = r.Form
		in.records = append(in.records, bytes.Clone(r.JSON))
		if err := in.b.Add(r.JSON, &id, record.Source{Form: r.Form}); err != nil {
			in.t.Errorf("%s: identified, but no row: %v", r.Where, err)
		}
	}
	return out, nil
}

// What the files of the reference samples hold, and why anything is set aside,
// is written down in testdata/samples.txt.
func TestSamples(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "samples")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the reference samples are not beside the repository")
	}
	in := newIntake(t)
	sum, err := (&Importer{Model: in.m, To: in, Tenant: "11111111-1111-1111-1111-111111111111", Workers: 1}).Import(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sum.Files {
		f.Name = strings.TrimPrefix(filepath.ToSlash(f.Name), filepath.ToSlash(dir)+"/")
		f.Problem = strings.ReplaceAll(f.Problem, filepath.ToSlash(dir)+"/", "")
		for _, r := range f.Reasons {
			r.Where = strings.TrimPrefix(filepath.ToSlash(r.Where), filepath.ToSlash(dir)+"/")
		}
	}
	golden(t, "samples.txt", sum)

	// A second import adds nothing.
	again, err := (&Importer{Model: in.m, To: in, Tenant: "11111111-1111-1111-1111-111111111111"}).Import(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, accepted, known, _ := again.Totals(); accepted != 0 || known == 0 {
		t.Errorf("the second import added %d records and knew %d", accepted, known)
	}
}

func golden(t *testing.T, name string, sum *Summary) {
	t.Helper()
	var b bytes.Buffer
	if _, err := sum.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := os.ReadFile(path)
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("the import says\n%s\n%s says\n%s", b.Bytes(), path, want)
	}
}
