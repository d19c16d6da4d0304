package commitlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// childEnv is set in the process that the kill test starts: the folder of the
// log, then for each producer the first number that it has to send.
const childEnv = "SEXTANT_COMMITLOG_CHILD"

const (
	killProducers = 4
	killBatch     = 5 // events a batch
)

// childMain is the process that gets killed: idempotent producers and one that
// is not, each telling on standard output what was acknowledged, while the log
// is sealed over and over.
func childMain() int {
	fields := strings.Fields(os.Getenv(childEnv))
	d, err := Open(context.Background(), fields[0], Options{JournalBytes: 64 << 10, SegmentBytes: 256 << 10})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var wg sync.WaitGroup
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for p := range killProducers {
		from, err := strconv.Atoi(fields[1+p])
		if err != nil {
			fail(err)
		}
		wg.Go(func() {
			for n := from; ; n += killBatch {
				ack, err := d.AppendBatch(context.Background(), fmt.Sprint("p", p), 0, killBatchAt(p, n))
				if err != nil {
					fail(err)
				}
				fmt.Printf("p%d %d %d\n", p, n, ack.Base)
			}
		})
	}
	wg.Go(func() {
		for n := 0; ; n++ {
			v := fmt.Sprintf("%d-%d", os.Getpid(), n)
			ack, err := d.Append(context.Background(), "own", eventsOf(v))
			if err != nil {
				fail(err)
			}
			fmt.Printf("own %s %d\n", v, ack.Base)
		}
	})
	for {
		if _, err := d.Maintain(context.Background()); err != nil {
			fail(err)
		}
	}
}

// killBatchAt is what producer p sends as its numbers n to n+killBatch-1, the
// same at each attempt.
func killBatchAt(p, n int) []byte {
	var events []Event
	for i := range killBatch {
		events = append(events, Event{Value: fmt.Appendf(nil, "%d-%d", p, n+i)})
	}
	b, _, err := encodeEvents(&codecs{}, None, events, newClock().t)
	if err != nil {
		panic(err)
	}
	putProducer(b, int64(p), 0, int32(n))
	return b
}

// The process is killed again and again under load; what it acknowledged is
// there, once, in order.
func TestKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var next [killProducers]int // the first number not acknowledged
	own := map[int64]string{}
	rng := rand.New(rand.NewPCG(5, 6))
	for range rounds {
		arg := dir
		for _, n := range next {
			arg += fmt.Sprint(" ", n)
		}
		killOnce(t, exe, arg, 200+rng.IntN(2000), func(topic, what string, base int64) {
			if topic == "own" {
				if old, ok := own[base]; ok {
					t.Errorf("offset %d was given to %s and %s", base, old, what)
				}
				own[base] = what
				return
			}
			p, n := int(topic[1]-'0'), 0
			if n, err = strconv.Atoi(what); err != nil {
				t.Fatal(err)
			}
			if n != next[p] || int64(n) != base {
				t.Errorf("%s: numbers from %d were acknowledged at offset %d, after %d", topic, n, base, next[p])
			}
			next[p] = n + killBatch
		})
	}
	d, err := Open(bg, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog(t, d)
	total := 0
	for p, n := range next {
		got := values(t, d, fmt.Sprint("p", p), 0, 0)
		for i, v := range got {
			if want := fmt.Sprintf("%d=%d-%d", i, p, i); v != want {
				t.Fatalf("producer %d: %s instead of %s", p, v, want)
			}
		}
		if len(got) < n || len(got) > n+killBatch {
			t.Errorf("producer %d: %d events are there, %d were acknowledged", p, len(got), n)
		}
		total += n
	}
	got := values(t, d, "own", 0, 0)
	for off, v := range own {
		if off >= int64(len(got)) || got[off] != fmt.Sprintf("%d=%s", off, v) {
			t.Fatalf("own event %d, %s, was acknowledged and is not there", off, v)
		}
	}
	t.Logf("%d kills, %d events acknowledged", rounds, total+len(own))
}

// killOnce runs the child until so many acknowledgements were seen, kills it, and
// reads what it had still said.
func killOnce(t *testing.T, exe, arg string, acks int, saw func(topic, what string, base int64)) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+arg)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var topic, what string
		var base int64
		if _, err := fmt.Sscan(lines.Text(), &topic, &what, &base); err != nil {
			break // a line cut short by the kill: nobody got this acknowledgement
		}
		saw(topic, what, base)
		if n == acks {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child ended by itself: %v: %s", err, stderr.String())
	}
}
