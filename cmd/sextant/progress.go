package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"sextant/record"
)

// progress draws a bar with the rate and the time left, on a terminal only.
type progress struct {
	w     io.Writer
	what  string
	total int64
	began time.Time

	mu    sync.Mutex
	drawn time.Time
	tty   bool
	shown bool
}

func newProgress(w io.Writer, what string, total int64) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, what: what, total: total, began: time.Now(), tty: ok && term.IsTerminal(int(f.Fd()))}
}

// at says how much of the total is done, and how many records that was.
func (p *progress) at(done, records int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.tty || now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn, p.shown = now, true
	took := now.Sub(p.began)
	rate := float64(records) / max(took.Seconds(), 0.001)
	const width = 30
	share := 0.0
	if p.total > 0 {
		share = min(float64(done)/float64(p.total), 1)
	}
	left := ""
	if share > 0.01 && took > time.Second {
		left = time.Duration(float64(took)*(1-share)/share).Round(time.Second).String() + " left"
	}
	full := int(share * width)
	fmt.Fprintf(p.w, "\r\x1b[K%s [%s%s] %3.0f%%  %d records  %.0f/s  %s", p.what, strings.Repeat("█", full), strings.Repeat("·", width-full), 100*share, records, rate, left)
}

// done takes the bar away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// settle waits until what was appended can be queried, and shows how far that is.
func (a *app) settle(b backend) error {
	l, here := b.(*local)
	if !here {
		return b.Settle(a.ctx)
	}
	behind, loaded, err := l.behind(a.ctx)
	if err != nil {
		return err
	}
	bar := newProgress(a.err, "loading the tables", behind)
	defer bar.done()
	settled := make(chan error, 1)
	go func() { settled <- l.Settle(a.ctx) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-settled:
			return err
		case <-tick.C:
			if left, n, err := l.behind(a.ctx); err == nil { // a bar is not worth failing for
				bar.at(behind-left, n-loaded)
			}
		}
	}
}

// behind is how many events lie in the logs and not yet in the tables, and how
// many records were loaded since the folder was opened.
func (l *local) behind(ctx context.Context) (events, loaded int64, err error) {
	for _, t := range l.node.Tenants() {
		topics, err := t.Log.Topics(ctx)
		if err != nil {
			return 0, 0, err
		}
		for _, topic := range topics {
			for i, p := range topic.Partitions {
				if topic.Name != record.DeadLetterTopic {
					events += max(p.Next-t.Loader.Loaded(topic.Name, int32(i)), 0)
				}
			}
		}
		st := t.Loader.Stats()
		loaded += st.Records + st.Duplicates + st.Superseded
	}
	return events, loaded, nil
}
