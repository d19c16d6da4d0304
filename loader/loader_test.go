package loader

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sextant/commitlog"
	"sextant/record"
	"sextant/store"
	"sextant/store/memory"
	"sextant/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world is a log with its two readers, either of which can crash.
type world struct {
	t     tester
	model *record.Model
	log   *commitlog.Disk
	store *forgetful
	fs    *vfs.MemFS
	index *Index
	load  *Loader
	stop  func()
}

// model is made once: it is immutable.
var model = sync.OnceValues(record.New)

func newWorld(t tester, dir string) *world {
	w := &world{t: t, fs: vfs.NewCrashableMem(), store: &forgetful{Store: memory.New(), durable: store.Marks{}}}
	var err error
	if w.model, err = model(); err != nil {
		t.Fatal(err)
	}
	if w.log, err = commitlog.Open(context.Background(), dir, commitlog.Options{}); err != nil {
		t.Fatal(err)
	}
	w.start()
	return w
}

func (w *world) start() {
	var err error
	if w.index, err = openIndex("identity", w.fs); err != nil {
		w.t.Fatal(err)
	}
	w.load = New(Options{Tenant: "t", Workspace: "w", Log: w.log, Store: w.store, Index: w.index, Model: w.model})
	if err := w.load.Define(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.load.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the loader ended: %v", err)
		}
	}
	w.settle()
}

func (w *world) settle() {
	w.t.Helper()
	if err := w.load.CatchUp(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// crash ends the process; what the tables or the index had not made durable is
// gone. Without a loss they had just written everything out.
func (w *world) crash(loseTables, loseIndex bool) {
	w.stop()
	if !loseTables {
		if err := w.store.Flush(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
	fs := w.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := w.index.Close(); err != nil {
		w.t.Fatal(err)
	}
	if loseIndex {
		w.fs = fs
	}
	if loseTables {
		w.store.crash(w.t)
	}
	w.start()
}

func (w *world) close() {
	w.stop()
	for _, c := range []interface{ Close() error }{w.index, w.store, w.log} {
		if err := c.Close(); err != nil {
			w.t.Errorf("%v", err)
		}
	}
}

// sign is a sign-in: its id, and the form that it comes in.
type sign struct {
	id   int
	form record.Form
}

func (s sign) json(n int) []byte {
	return fmt.Appendf(nil, `{"time":"2026-01-02T03:04:05.0000000Z","category":"SignInLogs","tenantId":"t","identity":"%s %d","properties":{"id":"id-%d"}}`, s.form, n, s.id)
}

// append events of one record each.
func (w *world) append(signs []sign, from int) {
	w.t.Helper()
	for i, s := range signs {
		e := commitlog.Event{Value: record.BuildEvent(nil, [][]byte{s.json(from + i)}), Headers: []commitlog.Header{{Key: record.FormHeader, Value: []byte(s.form.String())}}}
		if _, err := w.log.Append(context.Background(), "insights-logs-signinlogs", []commitlog.Event{e}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// rows of SigninLogs: what identity says of each.
func (w *world) rows() []string {
	w.t.Helper()
	snap, err := w.store.Snapshot(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := snap.Scan(context.Background(), store.Scan{Table: "SigninLogs", Columns: []string{"Id", "Identity"}})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for {
		b, err := r.Next(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if b == nil {
			break
		}
		for i := range b.Rows {
			out = append(out, b.Cols[0].S[i]+" "+b.Cols[1].S[i])
		}
	}
	if err := cmp.Or(r.Close(), snap.Close()); err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// forgetful loses on a crash what was not flushed.
type forgetful struct {
	store.Store
	defs        []table.Def
	kept, loose []store.Load
	durable     store.Marks
}

func (f *forgetful) Define(ctx context.Context, d table.Def) error {
	f.defs = append(f.defs, d)
	return f.Store.Define(ctx, d)
}

func (f *forgetful) Append(ctx context.Context, l store.Load) error {
	f.loose = append(f.loose, l)
	return f.Store.Append(ctx, l)
}

func (f *forgetful) Marks() (visible, durable store.Marks) {
	visible, _ = f.Store.Marks()
	return visible, f.durable
}

func (f *forgetful) Flush(context.Context) error {
	for _, l := range f.loose {
		for tp, n := range l.Marks {
			f.durable[tp] = n
		}
	}
	f.kept, f.loose = append(f.kept, f.loose...), nil
	return nil
}

func (f *forgetful) crash(t tester) {
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.Store, f.loose = memory.New(), nil
	for _, d := range f.defs {
		if err := f.Store.Define(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
	f.defs = nil
	for _, l := range f.kept {
		if err := f.Store.Append(context.Background(), l); err != nil {
			t.Fatal(err)
		}
	}
}

// want is what the tables must hold: of each id, the first of its fullest form.
func want(signs []sign) []string {
	best := map[int]int{}
	for n, s := range signs {
		if b, ok := best[s.id]; !ok || s.form.Fuller(signs[b].form) {
			best[s.id] = n
		}
	}
	var out []string
	for id, n := range best {
		out = append(out, fmt.Sprintf("id-%d %s %d", id, signs[n].form, n))
	}
	slices.Sort(out)
	return out
}

func (w *world) check(signs []sign) {
	w.t.Helper()
	if got, want := strings.Join(w.rows(), "\n"), strings.Join(want(signs), "\n"); got != want {
		w.t.Fatalf("tables hold\n%s\nwant\n%s\nafter %v", got, want, signs)
	}
}

func TestAFullerFormTakesThePlaceOfAPoorer(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	signs := []sign{{1, record.CSV}, {2, record.Export}, {1, record.GraphV1}, {2, record.GraphBeta}, {1, record.Export}, {1, record.Export}}
	w.append(signs, 0)
	w.settle()
	w.check(signs)
	if s := w.load.Stats(); s.Records != 4 || s.Superseded != 2 || s.Duplicates != 2 {
		t.Errorf("%+v", s)
	}
	places, err := w.index.Duplicates(store.TopicPartition{Topic: "insights-logs-signinlogs"}, 0, 10)
	if err != nil || len(places) != 2 || places[0].Offset != 3 || places[1].Offset != 5 {
		t.Errorf("duplicates at %v, %v", places, err)
	}
}

// What was replaced twice is gone even when the tables had lost both replacements
// and kept the first row.
func TestAmendmentsReplaceAllThatWasBefore(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	once, err := record.Amended(1)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := record.Amended(2)
	if err != nil {
		t.Fatal(err)
	}
	signs := []sign{{1, record.GraphV1}}
	w.append(signs, 0)
	w.settle()
	if err := w.store.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	more := []sign{{1, record.Export}, {1, once}, {1, twice}, {1, once}, {1, record.Export}}
	signs = append(signs, more...)
	w.append(more, 1)
	w.settle()
	w.check(signs)
	w.crash(true, false)
	w.check(signs)
}

// Whatever crashes, and whatever it forgets, the tables end up the same.
func TestCrashes(t *testing.T) {
	once, _ := record.Amended(1)
	twice, _ := record.Amended(2)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, t.TempDir())
		defer w.close()
		var signs []sign
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"append", "append", "flush", "crash"}).Draw(rt, "step") {
			case "append":
				from := len(signs)
				for range rapid.IntRange(1, 6).Draw(rt, "n") {
					signs = append(signs, sign{rapid.IntRange(0, 3).Draw(rt, "id"), rapid.SampledFrom([]record.Form{record.Export, record.GraphV1, record.CSV, once, twice}).Draw(rt, "form")})
				}
				w.append(signs[from:], from)
				w.settle()
			case "flush":
				if err := w.store.Flush(context.Background()); err != nil {
					rt.Fatal(err)
				}
			case "crash":
				w.crash(rapid.Bool().Draw(rt, "tables"), rapid.Bool().Draw(rt, "index"))
			}
			w.check(signs)
		}
	})
}

func TestWhatIsNoRecordIsPassedOver(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	ctx := context.Background()
	for _, body := range []string{`{"records":[`, `{"records":[{"category":"SignInLogs","time":"2026-01-01T00:00:00Z","properties":{"id":"id-7"},"identity":"x"},17]}`, "\x00\x01"} {
		if _, err := w.log.Append(ctx, "insights-logs-signinlogs", []commitlog.Event{{Value: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	if got := w.rows(); len(got) != 1 || got[0] != "id-7 x" {
		t.Errorf("%v", got)
	}
	if s := w.load.Stats(); s.Unusable != 3 {
		t.Errorf("%+v", s)
	}
}

func TestAnUnknownCategoryGetsATableOfItsOwn(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	body := `{"records":[{"time":"2026-01-01T00:00:00Z","category":"MarsRoverLogs","tenantId":"t","properties":{"speed":3}}]}`
	if _, err := w.log.Append(context.Background(), w.model.Topic("MarsRoverLogs"), []commitlog.Event{{Value: []byte(body)}}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	snap, err := w.store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if n := snap.Stats("MarsRoverLogs_CL").Rows; n != 1 {
		t.Errorf("%d rows", n)
	}
}

func BenchmarkJudge(b *testing.B) {
	x, err := OpenIndex(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	tp := store.TopicPartition{Topic: "insights-logs-signinlogs"}
	u := x.Update()
	n := int64(0)
	for b.Loop() {
		var k record.Key
		for i := range k {
			k[i] = byte(rng.Uint64())
		}
		if _, _, err := u.Judge(k, record.Export, store.Place{TopicPartition: tp, Offset: n}, false); err != nil {
			b.Fatal(err)
		}
		if n++; n%20_000 == 0 {
			u.Mark(tp, n)
			if err := u.Commit(); err != nil {
				b.Fatal(err)
			}
			u = x.Update()
		}
	}
	if err := u.Commit(); err != nil {
		b.Fatal(err)
	}
}
