package graph

import (
	"sync"

	"sextant/store"
	"sextant/table"
)

// row of a list: what it is sorted by, which record it is, and where it lies.
type row struct {
	keys    []table.Value
	id      int64 // of the record's identity: no two rows share it
	arrival int64
	place   store.Place // of its record in the log
	table   int         // of the resource
}

// ahead keeps rows that were read beyond a page, by the token of the next one: who
// reads one page reads on, and a query that finds the next hundred rows finds the
// next ten thousand at hardly more cost. What is not kept any more is read again.
type ahead struct {
	mu    sync.Mutex
	pages map[string]*aheadPage
	order []string // oldest first
	rows  int
}

type aheadPage struct {
	rows []row
	end  bool // there are no more behind them
}

const (
	aheadRows  = 200_000 // that are kept at most, of all sequences
	aheadPages = 64
)

func newAhead() *ahead { return &ahead{pages: map[string]*aheadPage{}} }

// take what is known behind a token. It stays: a client may ask again.
func (a *ahead) take(token string) ([]row, bool, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pages[token]
	if p == nil {
		return nil, false, false
	}
	return p.rows, p.end, true
}

// keep rows under the token of the page that begins with them. before is the token of
// the page that they were kept under so far.
func (a *ahead) keep(token, before string, rows []row, end bool) {
	if len(rows) == 0 && !end {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pages[token] != nil {
		return
	}
	if len(a.order) > 1 && before != "" {
		// The page before last is not asked for again: its rows are ours by now.
		for i, t := range a.order {
			if p := a.pages[t]; t != before && sameTail(p.rows, rows) {
				a.drop(i)
				break
			}
		}
	}
	a.pages[token] = &aheadPage{rows, end}
	a.order = append(a.order, token)
	a.rows += len(rows)
	for len(a.order) > 1 && (a.rows > aheadRows || len(a.order) > aheadPages) {
		a.drop(0)
	}
}

func (a *ahead) drop(i int) {
	t := a.order[i]
	a.rows -= len(a.pages[t].rows)
	delete(a.pages, t)
	a.order = append(a.order[:i], a.order[i+1:]...)
}

// sameTail: the second slice is the end of the first, in the same memory.
func sameTail(a, b []row) bool {
	return len(a) > 0 && len(b) > 0 && len(a) >= len(b) && &a[len(a)-1] == &b[len(b)-1]
}
