package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/source"
)

// A server is killed twenty times while records are pushed and imported. What
// was acknowledged is there afterwards, and nothing is there twice.
func TestKill(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 4
	}
	dir := filepath.Join(t.TempDir(), "data")
	rng := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	next := 0

	// A file that every round imports again: what it holds must be there once.
	var lines strings.Builder
	for i := range 5000 {
		lines.Write(signIn(fmt.Sprintf("file-%d", i)).JSON)
		lines.WriteByte('\n')
	}
	file := filepath.Join(t.TempDir(), "PT1H.json")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	for round := range kills {
		began := time.Now()
		p := serve(t, dir)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("round %d: %v until ready", round, took)
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					var recs []source.Incoming
					mu.Lock()
					for range 200 {
						recs = append(recs, signIn(fmt.Sprintf("push-%d", next)))
						next++
					}
					first := next - 200
					mu.Unlock()
					if _, err := p.client.Append(ctx, recs); err != nil {
						return // killed: not acknowledged
					}
					mu.Lock()
					for i := range recs {
						acknowledged[fmt.Sprintf("push-%d", first+i)] = true
					}
					mu.Unlock()
				}
			})
		}
		importing := exec.CommandContext(ctx, bin, "import", "--data", dir, file)
		wg.Go(func() { _ = importing.Run() }) // it fails when its server is killed
		time.Sleep(time.Duration(100+rng.IntN(900)) * time.Millisecond)
		p.kill()
		stop()
		wg.Wait()
	}

	p := serve(t, dir)
	out, errs, code := sextant(t, nil, "import", "--data", dir, file)
	if code != 0 {
		t.Fatalf("import ended with %d\n%s%s", code, out, errs)
	}
	waitReady(t, p)
	counts := map[string]int{}
	for _, id := range p.column("SigninLogs | project Id") {
		counts[id]++
	}
	for id, n := range counts {
		if n > 1 {
			t.Fatalf("%s is there %d times", id, n)
		}
	}
	missing := []string{}
	for _, id := range slices.Sorted(maps.Keys(acknowledged)) {
		if counts[id] == 0 {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d acknowledged records are lost, such as %s", len(missing), len(acknowledged), missing[0])
	}
	for i := range 5000 {
		if id := fmt.Sprintf("file-%d", i); counts[id] != 1 {
			t.Fatalf("%s is there %d times", id, counts[id])
		}
	}
	t.Logf("%d records acknowledged over %d kills", len(acknowledged), kills)
	p.stop()
}

// waitReady until the tables have caught up with the log.
func waitReady(t *testing.T, p *process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.client.Settle(ctx); err != nil {
		t.Fatalf("not ready: %v\n%s", err, p.log)
	}
}
