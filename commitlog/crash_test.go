package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// world is a log under test with what its users know of it: what was
// acknowledged, and what may or may not be there.
type world struct {
	t     testing.TB
	fs    *vfs.Mem
	clk   *clock
	d     *Disk
	n     int                         // values made so far
	acked map[string]map[int64]string // topic → offset → value
	tried map[string]bool             // values whose append failed
	trees map[uint64][32]byte         // roots that were seen
	seq   int32                       // next sequence of the idempotent producer
	owed  []byte                      // its batch without an answer yet
	owedV []string
}

const idempotent = "idempotent" // the topic of the one producer with sequences

var crashOptions = Options{JournalBytes: 2500, SegmentBytes: 1500, SealedBatch: 400, TailBytes: 500, NoCompression: true}

func newWorld(t testing.TB, fs *vfs.Mem) *world {
	return &world{t: t, fs: fs, clk: newClock(), acked: map[string]map[int64]string{}, tried: map[string]bool{}, trees: map[uint64][32]byte{}}
}

func (w *world) open() error {
	opt := crashOptions
	opt.Now = w.clk.now
	opt.Retention = func(topic string) Retention {
		if topic == "short" {
			return Retention{Age: 10 * time.Hour}
		}
		return Retention{}
	}
	var err error
	w.d, err = tryOpenMem(w.fs, opt)
	return err
}

func (w *world) took(topic string, base int64, values []string) {
	if w.acked[topic] == nil {
		w.acked[topic] = map[int64]string{}
	}
	for i, v := range values {
		if old, ok := w.acked[topic][base+int64(i)]; ok && old != v {
			w.t.Fatalf("offset %d of %s was given to %q and %q", base+int64(i), topic, old, v)
		}
		w.acked[topic][base+int64(i)] = v
		delete(w.tried, v)
	}
}

func (w *world) fresh(k int) []string {
	values := make([]string, k)
	for i := range values {
		values[i] = fmt.Sprintf("v%d-%s", w.n, bytes.Repeat([]byte{'.'}, w.n*37%90))
		w.n++
	}
	return values
}

// step does one random thing. It returns the error of what failed.
func (w *world) step(rng *rand.Rand) error {
	w.clk.t = w.clk.t.Add(time.Duration(rng.IntN(90)) * time.Minute)
	switch k := rng.IntN(20); {
	case k < 9:
		topic := []string{"a", "b", "short"}[rng.IntN(3)]
		values := w.fresh(1 + rng.IntN(4))
		for _, v := range values {
			w.tried[v] = true
		}
		ack, err := w.d.Append(bg, topic, eventsOf(values...))
		if err != nil {
			return err
		}
		w.took(topic, ack.Base, values)
	case k < 15:
		return w.send()
	case k < 17:
		_, err := w.d.Maintain(bg)
		w.seeTree()
		return err
	case k < 19:
		_, err := w.d.Seal(bg)
		w.seeTree()
		return err
	default:
		if err := w.d.Close(); err != nil {
			return err
		}
		w.d = nil
		return w.open()
	}
	w.seeTree()
	return nil
}

// send sends the idempotent producer's batch until it is acknowledged once.
func (w *world) send() error {
	if w.owed == nil {
		w.owedV = w.fresh(3)
		w.owed = producerBatch{codec: Snappy, id: 7, sequence: w.seq, events: eventsOf(w.owedV...)}.bytes(w.t)
		for _, v := range w.owedV {
			w.tried[v] = true
		}
	}
	ack, err := w.d.AppendBatch(bg, idempotent, 0, w.owed)
	if err != nil {
		return err
	}
	w.took(idempotent, ack.Base, w.owedV)
	w.owed, w.seq = nil, w.seq+3
	return nil
}

func (w *world) seeTree() {
	size, root := w.d.Tree()
	w.trees[size] = root
}

// check demands that everything acknowledged is there, once, at its place, and
// nothing that nobody sent.
func (w *world) check() {
	w.t.Helper()
	topics, err := w.d.Topics(bg)
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]bool{}
	there := map[string]bool{}
	for _, info := range topics {
		there[info.Name] = true
		p := info.Partitions[0]
		if p.Start > 0 && info.Name != "short" {
			w.t.Fatalf("%s starts at %d", info.Name, p.Start)
		}
		at := p.Start
		r, err := w.d.Reader(info.Name, 0, p.Start)
		if err != nil {
			w.t.Fatal(err)
		}
		for {
			b, ok, err := r.TryNext(bg)
			if err != nil {
				w.t.Fatalf("reading %s at %d: %v", info.Name, at, err)
			}
			if !ok {
				break
			}
			for _, e := range b.Events {
				v := string(e.Value)
				if e.Offset != at {
					w.t.Fatalf("%s: offset %d follows on %d", info.Name, e.Offset, at-1)
				}
				at++
				if want, ok := w.acked[info.Name][e.Offset]; ok && want != v {
					w.t.Fatalf("%s at %d is %q, acknowledged was %q", info.Name, e.Offset, v, want)
				} else if !ok && !w.tried[v] {
					w.t.Fatalf("%s at %d is %q, which was not sent there", info.Name, e.Offset, v)
				} else if !ok {
					w.took(info.Name, e.Offset, []string{v}) // readers saw it: it must stay
				}
				if seen[v] {
					w.t.Fatalf("%q is there twice", v)
				}
				seen[v] = true
			}
		}
		if at != p.Next {
			w.t.Fatalf("%s ends at %d, not at %d", info.Name, at, p.Next)
		}
		for off := range w.acked[info.Name] {
			if off >= p.Next {
				w.t.Fatalf("%s ends at %d, acknowledged was %d", info.Name, p.Next, off)
			}
		}
	}
	for topic := range w.acked {
		if !there[topic] {
			w.t.Fatalf("topic %s is gone", topic)
		}
	}
	size, root := w.d.Tree()
	leaves, err := w.d.Leaves(0, int(size))
	if err != nil {
		w.t.Fatal(err)
	}
	for n, old := range w.trees {
		if n > size {
			w.t.Fatalf("the tree had %d leaves and has %d", n, size)
		}
		if !bytes.Equal(slowRoot(leaves[:n]), old[:]) {
			w.t.Fatalf("the tree of %d leaves is another than before", n)
		}
	}
	w.trees[size] = root
}

// run steps until something fails or n steps are done.
func (w *world) run(rng *rand.Rand, n int) error {
	for range n {
		if err := w.step(rng); err != nil {
			return err
		}
	}
	return nil
}

var errDead = errors.New("the machine is off")

// dieAt makes everything fail from the nth operation on.
func dieAt(n int) func(vfs.Op) error {
	return func(op vfs.Op) error {
		if op.N >= n {
			return errDead
		}
		return nil
	}
}

const crashSteps = 40

// countOps is how many operations a workload has when nothing fails.
func countOps(t *testing.T, seed uint64) int {
	w := newWorld(t, vfs.NewMem())
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if err := w.run(rand.New(rand.NewPCG(seed, 0)), crashSteps); err != nil {
		t.Fatal(err)
	}
	w.check()
	closeLog(t, w.d)
	return w.fs.Ops()
}

// The machine loses power at every operation of a workload in turn, keeps of
// what was not durable whatever chance says, and again while it recovers.
func TestCrashEverywhere(t *testing.T) {
	for seed := uint64(1); seed <= 2; seed++ {
		total := countOps(t, seed)
		if total < 100 {
			t.Fatalf("the workload has %d operations only", total)
		}
		stride := 1
		if testing.Short() || raceEnabled {
			stride = 7
		}
		for n := 1; n <= total; n += stride {
			crashAt(t, seed, n)
		}
	}
}

func crashAt(t *testing.T, seed uint64, n int) {
	luck := rand.New(rand.NewPCG(seed, uint64(n)))
	w := newWorld(t, vfs.NewMem())
	w.fs.Fail, w.fs.Tear = dieAt(n), luck
	err := w.open()
	if err == nil {
		_ = w.run(rand.New(rand.NewPCG(seed, 0)), crashSteps) // ended by the crash, or not
	}
	for crash := 0; ; crash++ {
		if w.d != nil {
			_ = w.d.Close() // the process is gone; this only ends its goroutine
			w.d = nil
		}
		if luck.IntN(2) == 0 { // only the process dies: what was written is there, but no more durable than it was
			w.fs.Fail = nil
			if err = w.open(); err != nil {
				t.Fatalf("seed %d, killed at operation %d: cannot open: %v", seed, n, err)
			}
			w.check()
			if w.owed != nil {
				if err := w.send(); err != nil {
					t.Fatalf("seed %d, killed at operation %d: %v", seed, n, err)
				}
			}
			w.fs.Fail = dieAt(0)
			_ = w.d.Close()
		}
		w.fs = w.fs.CrashClone(luck)
		if crash < 2 { // off again, soon
			w.fs.Fail, w.fs.Tear = dieAt(1+luck.IntN(12)), luck
		}
		if err = w.open(); err != nil {
			if crash < 2 && errors.Is(err, errDead) {
				continue
			}
			t.Fatalf("seed %d, off at operation %d: cannot open: %v", seed, n, err)
		}
		w.check()
		if w.owed != nil {
			err = w.send()
		}
		if err == nil {
			err = w.run(luck, 6)
		}
		if err == nil {
			w.check()
			break
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("seed %d, off at operation %d: %v", seed, n, err)
		}
	}
	closeLog(t, w.d)
}

// Each operation in turn fails once. What cannot be made durable is not
// acknowledged, partitions that are in doubt take no more, others go on, and after
// a restart everything does.
func TestFailEverywhere(t *testing.T) {
	total := countOps(t, 3)
	stride := 2
	if testing.Short() || raceEnabled {
		stride = 7
	}
	for n := 1; n <= total; n += stride {
		failAt(t, n, []error{syscall.EIO, syscall.ENOSPC}[n/stride%2])
	}
}

func failAt(t *testing.T, n int, cause error) {
	luck := rand.New(rand.NewPCG(9, uint64(n)))
	w := newWorld(t, vfs.NewMem())
	w.fs.Tear = luck
	w.fs.Fail = func(op vfs.Op) error {
		if op.N == n {
			return cause
		}
		return nil
	}
	rng := rand.New(rand.NewPCG(3, 0))
	if err := w.open(); err != nil {
		if !errors.Is(err, cause) {
			t.Fatalf("failing operation %d: %v", n, err)
		}
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
	}
	for range crashSteps {
		err := w.step(rng)
		if err == nil {
			continue
		}
		if !errors.Is(err, cause) {
			t.Fatalf("failing operation %d with %v: %v", n, cause, err)
		}
		if w.d == nil || w.d.isClosed() { // it failed in Close or Open
			if err := w.open(); err != nil {
				t.Fatalf("failing operation %d with %v: cannot open: %v", n, cause, err)
			}
		} else if fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("failing operation %d: %v is %v", n, err, fault.KindOf(err))
		}
		w.check()
	}
	closeLog(t, w.d)
	w.fs = w.fs.CrashClone(luck)
	if err := w.open(); err != nil {
		t.Fatalf("failing operation %d with %v: cannot reopen: %v", n, cause, err)
	}
	w.check()
	if w.owed != nil {
		if err := w.send(); err != nil {
			t.Fatalf("failing operation %d: %v", n, err)
		}
	}
	if err := w.run(luck, 5); err != nil {
		t.Fatalf("failing operation %d: after reopening: %v", n, err)
	}
	w.check()
	closeLog(t, w.d)
}

// The same, with workloads and accidents that rapid chooses and shrinks.
func TestCrashRapid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		n := rapid.IntRange(1, 300).Draw(rt, "off at operation")
		if raceEnabled {
			n = min(n, 60)
		}
		crashAt(t, seed, n)
	})
}

// A failed Sync stops the partitions it was for, with words, and no others.
func TestFailedSync(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{})
	mustAppend(t, d, "bad", "before")
	mustAppend(t, d, "good", "before")
	m.Fail = func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			m.Fail = nil
			return syscall.EIO
		}
		return nil
	}
	_, err := d.Append(bg, "bad", eventsOf("in doubt"))
	if !errors.Is(err, ErrPartitionFailed) || !errors.Is(err, syscall.EIO) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Append with a failing Sync: %v", err)
	}
	if _, err = d.Append(bg, "bad", eventsOf("later")); !errors.Is(err, ErrPartitionFailed) {
		t.Errorf("Append afterwards: %v", err)
	}
	if ack := mustAppend(t, d, "good", "after"); ack.Base != 1 {
		t.Errorf("the other partition went on at %d", ack.Base)
	}
	if got := values(t, d, "bad", 0, 0); len(got) != 1 {
		t.Errorf("readers see %q", got)
	}
	topics, err := d.Topics(bg)
	if err != nil || topics[0].Partitions[0].Failed == nil || topics[1].Partitions[0].Failed != nil {
		t.Errorf("Topics = %+v, %v", topics, err)
	}
	closeLog(t, d)
	d = openMem(t, m, Options{})
	defer closeLog(t, d)
	if ack := mustAppend(t, d, "bad", "again"); ack.Base != 1 {
		t.Errorf("after reopening the partition went on at %d", ack.Base)
	}
}

// A full disk is told, loses nothing, and is over when there is room.
func TestFullDisk(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{NoCompression: true})
	mustAppend(t, d, "t", "first")
	m.Capacity = 3000
	n := 1
	var err error
	for err == nil {
		if _, err = d.Append(bg, "t", eventsOf(fmt.Sprintf("%0200d", n))); err == nil {
			n++
		}
	}
	if !errors.Is(err, ErrFull) || fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("Append on a full disk: %v", err)
	}
	if got := values(t, d, "t", 0, 0); len(got) != n {
		t.Errorf("%d of %d events can be read on a full disk", len(got), n)
	}
	m.Capacity = 0
	if ack := mustAppend(t, d, "t", "room"); ack.Base != int64(n) {
		t.Errorf("went on at %d, not %d", ack.Base, n)
	}
	closeLog(t, d)
	m.Capacity = 1
	d = openMem(t, m, Options{})
	if got := values(t, d, "t", 0, 0); len(got) != n+1 {
		t.Errorf("%d of %d events after reopening on a full disk", len(got), n+1)
	}
	closeLog(t, d)
}

// A bit that flips in what was durable is found, named and not served.
func TestFlippedBits(t *testing.T) {
	build := func(sealed bool) *vfs.Mem {
		m := vfs.NewMem()
		d := openMem(t, m, Options{})
		for i := range 4 {
			mustAppend(t, d, "t", fmt.Sprintf("value %d", i))
		}
		if sealed {
			mustSeal(t, d)
			mustAppend(t, d, "u", "more")
		}
		closeLog(t, d)
		return m
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for _, sealed := range []bool{false, true} {
		for name, size := range build(sealed).Names("log") {
			for range 60 {
				at := rng.Int64N(size)
				m := build(sealed)
				if err := m.Flip(name, at, uint(rng.IntN(8))); err != nil {
					t.Fatal(err)
				}
				d, err := tryOpenMem(m, Options{TailBytes: -1})
				if err != nil {
					if k := fault.KindOf(err); k != fault.Damaged {
						t.Errorf("%s at %d: %v is %v", name, at, err, k)
					}
					continue
				}
				// It opened: then all is there as it was, or reading says damaged.
				r, err := d.Reader("t", 0, 0)
				if err != nil {
					t.Fatalf("%s at %d: %v", name, at, err)
				}
				for i := 0; ; {
					b, ok, err := r.TryNext(bg)
					if err != nil {
						var de *DamagedError
						if !errors.As(err, &de) || de.Base != 0 && !sealed || fault.KindOf(err) != fault.Damaged {
							t.Errorf("%s at %d: %v", name, at, err)
						}
						break
					}
					if !ok {
						if i != 4 {
							t.Errorf("%s at %d: %d of 4 events, and no word", name, at, i)
						}
						break
					}
					for _, e := range b.Events {
						if string(e.Value) != fmt.Sprintf("value %d", i) {
							t.Errorf("%s at %d: event %d is %q", name, at, i, e.Value)
						}
						i++
					}
				}
				closeLog(t, d)
			}
		}
	}
}
