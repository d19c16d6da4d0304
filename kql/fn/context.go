package fn

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"sync"
	"sync/atomic"

	"sextant/fault"
	"sextant/table"
)

// Context is what evaluators see of the query that they run in. One is shared by
// all goroutines of a query.
type Context struct {
	Ctx    context.Context
	Now    int64 // ticks; now() is one moment for the whole query
	Rand   *rand.Rand
	Budget *Budget
	// Places finds the place of an address (a dynamic, or null), for
	// geo_info_from_ip_address; nil where no database is configured.
	Places func(netip.Addr) table.Value
	// Principal and Database answer the current_…() functions.
	Principal, Database string

	mu      sync.Mutex
	regexes map[string]*regexp.Regexp
	memos   sync.Map
	memoed  atomic.Int64
}

// memoFrom is from how many elements on an array is worth an index.
const memoFrom = 16

// memo gives what make made of an array before, by the array's place in memory:
// a constant array is the same one in every row. An array that is not makes an
// index for each, so only so many are kept.
func memo[T any](c *Context, kind string, list []any, make func([]any) T) T {
	type key struct {
		kind string
		at   *any
		n    int
	}
	k := key{kind, &list[0], len(list)}
	if v, ok := c.memos.Load(k); ok {
		return v.(T)
	}
	v := make(list)
	if c.memoed.Add(1) <= 100 {
		c.memos.Store(k, v)
	}
	return v
}

// NewContext for one query. A nil budget has no limit.
func NewContext(ctx context.Context, now int64, seed uint64, budget *Budget) *Context {
	if budget == nil {
		budget = &Budget{}
	}
	return &Context{Ctx: ctx, Now: now, Rand: rand.New(rand.NewPCG(seed, 0)), Budget: budget, regexes: map[string]*regexp.Regexp{}}
}

// ended says whether the query is over: what an evaluator gives then is worthless. One
// whose work grows faster than its arguments asks now and then.
func (c *Context) ended() bool { return c.Ctx != nil && c.Ctx.Err() != nil }

// room sees, before a value is made, that a query may hold so many bytes. Else it panics
// with fault.Limit: evaluators return values alone, and who runs them turns that into the
// query's error.
func (c *Context) room(bytes int64) {
	most := c.Budget.MaxBytes
	if most <= 0 {
		most = 1 << 30
	}
	if bytes > most {
		panic(fault.New(fault.Limit, "a value would take %d MB, and a query may hold %d MB; make less of it", bytes>>20, most>>20))
	}
}

// Random is a random whole number below n; RandomReal one from 0 to 1.
func (c *Context) Random(n int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Rand.Int64N(n)
}

func (c *Context) RandomReal() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Rand.Float64()
}

// Regexp compiles a pattern of Kusto's once a query; nil where it is none.
func (c *Context) Regexp(pattern string) *regexp.Regexp {
	c.mu.Lock()
	defer c.mu.Unlock()
	re, ok := c.regexes[pattern]
	if !ok {
		re, _ = regexp.Compile(Pattern(pattern))
		if len(c.regexes) < 1000 { // patterns from data must not fill memory
			c.regexes[pattern] = re
		}
	}
	return re
}

// Budget is what a query may use. Zero limits are none.
type Budget struct {
	MaxBytes int64 // held at one time by the Go side
	MaxRows  int64 // in the result

	held atomic.Int64
	peak atomic.Int64
}

// Charge n bytes (negative gives back). Over the limit it fails with
// fault.Limit, naming what asked; what was charged stays charged.
func (b *Budget) Charge(n int64, who string) error {
	held := b.held.Add(n)
	for p := b.peak.Load(); held > p && !b.peak.CompareAndSwap(p, held); p = b.peak.Load() {
	}
	if b.MaxBytes > 0 && held > b.MaxBytes {
		return fault.New(fault.Limit, "%s needs more than the %d MB that a query may hold; filter earlier, or summarize over fewer groups", who, b.MaxBytes>>20)
	}
	return nil
}

// Peak is the most that was held.
func (b *Budget) Peak() int64 { return b.peak.Load() }
