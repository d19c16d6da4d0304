package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// world is a door over one real log, with the loader's side played by the test.
type world struct {
	t     *testing.T
	door  *Door
	lanes map[string]*Lane
	dead  *Lane
	log   *brittle
	ids   ids
	done  *progress
}

// brittle is a log that fails when told to.
type brittle struct {
	commitlog.Log
	mu   sync.Mutex
	fail error
	hold chan struct{} // appends wait for it, when set
}

func (b *brittle) Append(ctx context.Context, topic string, events []commitlog.Event) (commitlog.Ack, error) {
	b.mu.Lock()
	fail, hold := b.fail, b.hold
	b.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if fail != nil {
		return commitlog.Ack{}, fail
	}
	return b.Log.Append(ctx, topic, events)
}

type ids map[record.Key]record.Form

func (i ids) Known(keys []record.Key, forms []record.Form) ([]bool, error) {
	out := make([]bool, len(keys))
	for n, k := range keys {
		f, ok := i[k]
		out[n] = ok && !forms[n].Fuller(f)
	}
	return out, nil
}

type progress struct {
	mu sync.Mutex
	at map[string]int64
	ch chan struct{}
}

func (p *progress) Loaded(topic string, _ int32) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[topic]
}
func (p *progress) Progress() <-chan struct{} { return p.ch }
func (p *progress) Err() error                { return nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	open := func() commitlog.Log {
		log, err := commitlog.Open(context.Background(), t.TempDir(), commitlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		})
		return log
	}
	model, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &brittle{Log: open()}, ids: ids{}, done: &progress{at: map[string]int64{}, ch: make(chan struct{})}}
	w.lanes = map[string]*Lane{tenant: NewLane(w.log, w.ids, w.done)}
	w.dead = NewLane(open(), nil, nil)
	w.door = New(model, w, func() time.Time { return time.Unix(1_800_000_000, 0) })
	return w
}

func (w *world) Lane(_ context.Context, id string) (*Lane, error) {
	if l := w.lanes[id]; l != nil {
		return l, nil
	}
	return nil, fault.New(fault.Invalid, "%q cannot name a tenant", id)
}
func (w *world) Unplaced(context.Context) (*Lane, error) { return w.dead, nil }

const tenant = "11111111-2222-3333-4444-555555555555"

// signIn is a record known by its id alone.
func signIn(id string, more string) source.Incoming {
	return source.Incoming{Form: record.Export, Where: "test", JSON: fmt.Appendf(nil,
		`{"time":"2026-01-02T03:04:05.0000000Z","category":"SignInLogs","tenantId":"%s"%s,"properties":{"id":"%s"}}`, tenant, more, id)}
}

func (w *world) give(recs ...source.Incoming) []source.Outcome {
	w.t.Helper()
	verdicts, err := w.door.Append(context.Background(), recs)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make([]source.Outcome, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.Outcome
	}
	return out
}

// records that lie in a topic, in order.
func records(t *testing.T, log commitlog.Log, topic string) []string {
	t.Helper()
	var out []string
	r, err := log.Reader(topic, 0, 0)
	if errors.Is(err, commitlog.ErrNoTopic) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, ok, err := r.TryNext(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		for _, e := range b.Events {
			if topic == record.DeadLetterTopic {
				out = append(out, string(e.Value))
				continue
			}
			if err := record.SplitEvent(e.Value, func(_ int, raw []byte) error { out = append(out, string(raw)); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (w *world) same(got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestARecordGivenTwiceIsInTheLogOnce(t *testing.T) {
	w := newWorld(t)
	a, b := signIn("a", ""), signIn("b", "")
	w.same(w.give(a, b, a), []source.Outcome{source.Accepted, source.Accepted, source.Known})
	w.same(w.give(b, signIn("a", `,"location":"DE"`)), []source.Outcome{source.Known, source.Known})
	w.same(records(t, w.log, "insights-logs-signinlogs"), []string{string(a.JSON), string(b.JSON)})
}

func TestAFullerFormIsTakenAndAPoorerIsNot(t *testing.T) {
	w := newWorld(t)
	csv, export := signIn("a", ""), signIn("a", "")
	csv.Form = record.CSV
	w.same(w.give(csv), []source.Outcome{source.Accepted})
	w.same(w.give(export), []source.Outcome{source.Accepted})
	w.same(w.give(csv), []source.Outcome{source.Known})
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 2)
}

func TestWhatIsLoadedIsAskedOfTheIndex(t *testing.T) {
	w := newWorld(t)
	a := signIn("a", "")
	w.give(a)
	// The loader has come past it and knows it: the lane forgets, the index answers.
	id, err := w.door.model.Identify(a.JSON)
	if err != nil {
		t.Fatal(err)
	}
	w.ids[id.Key] = record.Export
	w.done.at["insights-logs-signinlogs"] = 1
	w.same(w.lanes[tenant].Behind(), false)
	w.same(len(w.lanes[tenant].pending), 0)
	w.same(w.give(a), []source.Outcome{source.Known})
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 1)
}

// A lane over a log that holds records which the index does not know yet waits for
// the loader: else a second import would add them again.
func TestWhatWasThereBeforeIsLoadedFirst(t *testing.T) {
	w := newWorld(t)
	a := signIn("a", "")
	w.give(a)
	w.lanes[tenant] = NewLane(w.log, w.ids, w.done) // as after a restart
	if _, err := w.door.NoWait().Append(context.Background(), []source.Incoming{a}); !errors.Is(err, ErrBehind) {
		t.Errorf("got %v", err)
	}
	id, err := w.door.model.Identify(a.JSON)
	if err != nil {
		t.Fatal(err)
	}
	w.ids[id.Key] = record.Export
	w.done.at["insights-logs-signinlogs"] = 1
	w.same(w.give(a), []source.Outcome{source.Known})
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 1)
}

func TestWhatIsNoRecordIsSetAsideWithTheReason(t *testing.T) {
	w := newWorld(t)
	broken := source.Incoming{JSON: []byte(`{"time":`), Where: "x.json:3:0"}
	homeless := source.Incoming{JSON: []byte(`{"time":"2026-01-02T03:04:05Z","category":"SignInLogs","properties":{"id":"q"}}`)}
	strange := source.Incoming{JSON: homeless.JSON, Tenant: "../etc"}
	given := source.Incoming{JSON: []byte("\x00\xff"), Reason: "binary"}
	verdicts, err := w.door.Append(context.Background(), []source.Incoming{broken, signIn("ok", ""), homeless, strange, given})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []source.Outcome{source.DeadLettered, source.Accepted, source.DeadLettered, source.DeadLettered, source.DeadLettered} {
		if verdicts[i].Outcome != want || (want == source.DeadLettered) != (verdicts[i].Reason != "") {
			t.Errorf("record %d: %+v", i, verdicts[i])
		}
	}
	w.same(len(records(t, w.dead.log, record.DeadLetterTopic)), 3) // two of the four are the same bytes
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 1)
	if _, err := w.door.Append(context.Background(), []source.Incoming{broken, given}); err != nil {
		t.Fatal(err)
	}
	w.same(len(records(t, w.dead.log, record.DeadLetterTopic)), 3) // given again, set aside once
}

// When an append fails nothing of it is known, not even to one who gave the same
// record meanwhile and was about to be told that it is there.
func TestAFailedAppendLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	w.log.fail, w.log.hold = errors.New("disk on fire"), make(chan struct{})
	a := signIn("a", "")
	first := make(chan error)
	go func() {
		_, err := w.door.Append(context.Background(), []source.Incoming{a})
		first <- err
	}()
	lane := w.lanes[tenant]
	for reserved := false; !reserved; { // the first has reserved the record before the second comes
		lane.mu.Lock()
		reserved = len(lane.pending) == 1
		lane.mu.Unlock()
	}
	second := make(chan []source.Verdict)
	go func() {
		verdicts, err := w.door.Append(context.Background(), []source.Incoming{a})
		if err != nil {
			t.Error(err)
		}
		second <- verdicts
	}()
	w.log.mu.Lock()
	hold := w.log.hold
	w.log.hold = nil
	w.log.mu.Unlock()
	// The first append took its failure before the disk was mended.
	w.log.mu.Lock()
	w.log.fail = nil
	w.log.mu.Unlock()
	close(hold)
	if err := <-first; err == nil {
		t.Error("the failed append was acknowledged")
	}
	if v := <-second; v[0].Outcome != source.Accepted {
		t.Errorf("second: %+v", v)
	}
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 1)
}

func TestADoorThatDoesNotWaitRefusesWhenBehind(t *testing.T) {
	w := newWorld(t)
	lane := w.lanes[tenant]
	w.give(signIn("a", ""))
	for i := range MaxPending { // as if so many were on their way
		var k record.Key
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		lane.pending[k] = pending{flight: lane.flights[0]}
	}
	_, err := w.door.NoWait().Append(context.Background(), []source.Incoming{signIn("b", "")})
	if !errors.Is(err, ErrBehind) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.door.Append(ctx, []source.Incoming{signIn("b", "")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				var recs []source.Incoming
				for j := range 10 {
					recs = append(recs, signIn(fmt.Sprint((g*7+i*3+j)%100), ""))
				}
				verdicts, err := w.door.Append(context.Background(), recs)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, v := range verdicts {
					if v.Outcome == source.Accepted {
						accepted++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	w.same(accepted, 100)
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 100)
}

func TestUnknownCategoriesAreNotWithoutEnd(t *testing.T) {
	w := newWorld(t)
	strange := func(n int) source.Incoming {
		return source.Incoming{JSON: fmt.Appendf(nil, `{"time":"2026-01-02T03:04:05Z","category":"Strange%dLogs","tenantId":"%s","properties":{"id":"%d"}}`, n, tenant, n)}
	}
	w.same(w.give(strange(1)), []source.Outcome{source.Accepted})
	for i := range MaxTopics {
		w.lanes[tenant].topics[fmt.Sprint("insights-logs-x", i)] = true
	}
	w.same(w.give(strange(1), strange(2), strange(3), signIn("a", "")), []source.Outcome{source.Known, source.DeadLettered, source.DeadLettered, source.Accepted})
}

func TestEventsStayWithinTheirLimits(t *testing.T) {
	var recs [][]byte
	for i := range 2500 {
		recs = append(recs, fmt.Appendf(nil, `{"n":%d}`, i))
	}
	recs = append(recs, make([]byte, 300<<10)) // alone, though larger than an event should be
	events := makeEvents(recs, record.CSV, time.Unix(0, 0))
	w := &world{t: t}
	w.same(len(events), 4)
	w.same(string(events[0].Headers[0].Value), "csv")
}

// A call may be larger than a batch of the log, and may not compress at all.
func TestALargeCallIsCut(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n/2)
		for i := range b {
			b[i] = byte(rng.UintN(256))
		}
		return fmt.Appendf(nil, "%x", b)
	}
	var recs, bad []source.Incoming
	for i := range 48 {
		recs = append(recs, signIn(fmt.Sprint(i), fmt.Sprintf(`,"x":"%s"`, noise(900<<10))))
	}
	for range 10 {
		bad = append(bad, source.Incoming{JSON: noise(4 << 20), Reason: "noise"})
	}
	w.give(recs...)
	w.give(bad...)
	w.same(len(records(t, w.log, "insights-logs-signinlogs")), 48)
	w.same(len(records(t, w.dead.log, record.DeadLetterTopic)), 10)
}
