package duckdb

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"sextant/fault"
)

// queryPool keeps the instances that run queries. Each is locked down before it
// sees the first query, has a memory limit of its own, and serves one query at a
// time: so one that takes too much memory fails alone. An instance attaches a
// file when a query first needs it and keeps it for the next.
type queryPool struct {
	dir    string
	views  *headViews
	memory int64
	gate   chan struct{} // one token for each query that may run

	mu     sync.Mutex
	idle   []*queryInstance
	closed bool
	// queries that run; close waits for them
	running sync.WaitGroup
}

type queryInstance struct {
	*instance
	memory   int64
	calls    *calls
	attached map[int64]*attachment
	clock    int64
}

type attachment struct {
	file *segmentFile
	used int64
}

const (
	// An attached file of a hundred columns takes half a megabyte, outside of the
	// instance's memory limit.
	maxAttached = 256 // files that an idle instance keeps
	maxIdle     = 4
)

func newQueryPool(dir string, views *headViews, memory int64, parallel int) *queryPool {
	return &queryPool{dir: dir, views: views, memory: memory, gate: make(chan struct{}, parallel)}
}

// acquire an instance that has files attached. The holder of another one passes
// the gate at once: it could never give back the first.
func (p *queryPool) acquire(ctx context.Context, files []*segmentFile, memory int64, holdsAnother bool) (*queryInstance, error) {
	if memory <= 0 {
		memory = p.memory
	}
	if !holdsAnother {
		select {
		case p.gate <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	ungate := func() {
		if !holdsAnother {
			<-p.gate
		}
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		ungate()
		return nil, errPoolClosed
	}
	p.running.Add(1)
	best, bestScore := -1, -1
	for i, q := range p.idle {
		if q.memory != memory {
			continue
		}
		score := 0
		for _, f := range files {
			if q.attached[f.id] != nil {
				score++
			}
		}
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	var q *queryInstance
	if best >= 0 {
		q = p.idle[best]
		p.idle = append(p.idle[:best], p.idle[best+1:]...)
	}
	p.mu.Unlock()
	var err error
	if q == nil {
		q, err = p.open(memory)
	}
	if err == nil {
		err = q.attach(ctx, files)
	}
	if err != nil {
		if q != nil {
			q.close()
		}
		p.running.Done()
		ungate()
		return nil, err
	}
	return q, nil
}

// release takes an instance back. One on which something unforeseen went wrong is
// not used again: DuckDB may have shut it for good.
func (p *queryPool) release(q *queryInstance, heldAnother, broken bool) {
	err := q.tidy()
	p.mu.Lock()
	keep := err == nil && !broken && !p.closed && len(p.idle) < maxIdle
	if keep {
		p.idle = append(p.idle, q)
	}
	p.mu.Unlock()
	if !keep {
		q.close()
	}
	if !heldAnother {
		<-p.gate
	}
	p.running.Done()
}

// detach files that are gone from the instances that nobody uses; the others do
// it when they come back.
func (p *queryPool) detachGone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, q := range p.idle {
		if q.tidy() == nil {
			kept = append(kept, q)
		} else {
			q.close()
		}
	}
	p.idle = kept
}

// close refuses new queries, waits for the running ones and stops all instances.
func (p *queryPool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.running.Wait()
	for _, q := range p.idle {
		q.close()
	}
	p.idle = nil
}

// open starts an instance and locks it. What stays possible is to attach files
// of our folder; Query runs only single SELECT statements, so SQL can do that
// neither.
func (p *queryPool) open(memory int64) (*queryInstance, error) {
	i, err := openInstance(memory, threads())
	if err != nil {
		return nil, err
	}
	calls := &calls{}
	err = registerHead(i, p.views)
	if err == nil {
		err = registerCalls(i, calls)
	}
	if err == nil {
		err = i.exec(fmt.Sprintf("SET allowed_directories = [%s]; SET enable_external_access = false; SET lock_configuration = true", literal(p.dir+"/")))
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return &queryInstance{instance: i, memory: memory, calls: calls, attached: map[int64]*attachment{}}, nil
}

func (q *queryInstance) attach(ctx context.Context, files []*segmentFile) error {
	q.clock++
	for _, f := range files {
		if a := q.attached[f.id]; a != nil {
			a.used = q.clock
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := q.exec(fmt.Sprintf("ATTACH %s AS %s (TYPE duckdb, READ_ONLY)", literal(f.path), f.alias())); err != nil {
			return fault.New(fault.Damaged, "cannot open segment %s: %w", f.path, err)
		}
		q.attached[f.id] = &attachment{f, q.clock}
	}
	return nil
}

// tidy detaches files that are gone, and the longest unused when there are too
// many.
func (q *queryInstance) tidy() error {
	oldest := q.clock
	for {
		over := len(q.attached) - maxAttached
		for id, a := range q.attached {
			if a.file.gone.Load() || over > 0 && a.used < oldest {
				if err := q.exec("DETACH " + a.file.alias()); err != nil {
					return err
				}
				delete(q.attached, id)
				over--
			}
		}
		if over <= 0 {
			return nil
		}
		oldest++
	}
}

// filesIn finds the files whose aliases stand in SQL that Relation made.
func filesIn(sql string, set *fileSet) []*segmentFile {
	var out []*segmentFile
	seen := map[int64]bool{}
	for i := 0; i+len(aliasPrefix) < len(sql); i++ {
		if sql[i] != aliasPrefix[0] || sql[i:i+len(aliasPrefix)] != aliasPrefix {
			continue
		}
		j := i + len(aliasPrefix)
		for j < len(sql) && sql[j] >= '0' && sql[j] <= '9' {
			j++
		}
		if id, err := strconv.ParseInt(sql[i+len(aliasPrefix):j], 10, 64); err == nil && !seen[id] {
			if f := set.files[id]; f != nil {
				seen[id] = true
				out = append(out, f)
			}
		}
		i = j - 1
	}
	return out
}

func defaultParallel() int { return max(4, 2*runtime.GOMAXPROCS(0)) }
