// Package eval runs plans in Go. It is the answer that every other way of running
// a query is checked against, and the half of a query behind the SQL prefix.
//
// A pipeline is compiled into stages: each operator's expressions become closures
// once, whatever the number of rows or of groups. A compiled pipeline is opened
// into a chain of readers that pull batches of about [table.BatchRows] rows from
// each other. All readers of one query run on the goroutine that calls Next.
//
// # Duties of a stage
//
//   - It charges the query's budget for every row, key or state that it keeps
//     beyond the call, and gives it back on Close.
//   - It looks at the context at least every few thousand rows of work, so that a
//     cancelled query ends within some ten milliseconds.
//   - It never changes a batch that it was given or that it handed on.
//
// # Nulls
//
// Nulls are equal to each other as keys: of groups, of distinct, and of joins. The
// last is what Kusto's engine does, whatever its documentation says. NaN equals
// NaN as a key.
package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Reader gives batches until there are none: then (nil, nil). A batch is the
// receiver's to keep, not to change. Close may be called at any time, more than
// once.
type Reader interface {
	Schema() table.Schema
	Next(ctx context.Context) (*table.Batch, error)
	Close() error
}

// Scanner reads stored tables: rows with the columns of s.Out, which may be hidden
// or promoted ones. What s prunes by may still come.
type Scanner interface {
	Scan(ctx context.Context, s *plan.Scan) (Reader, error)
}

// Options of the evaluator. The zero value is right for a query of a user.
type Options struct {
	// BatchRows is about how many rows go through at a time; 0 is table.BatchRows.
	// No answer depends on it.
	BatchRows int
	// TempDir is where joins, sorts and groups that outgrow SpillBytes put rows;
	// files are removed on Close. "" keeps everything in memory.
	TempDir string
	// SpillBytes is how much one operator keeps in memory before it uses TempDir;
	// 0 is a quarter of the query's budget.
	SpillBytes int64
}

func (o Options) batchRows() int {
	if o.BatchRows > 0 {
		return o.BatchRows
	}
	return table.BatchRows
}

// spillAt is the size from which an operator writes to disk; 0 is never.
func (o Options) spillAt(b *fn.Budget) int64 {
	switch {
	case o.TempDir == "":
		return 0
	case o.SpillBytes > 0:
		return o.SpillBytes
	case b.MaxBytes > 0:
		return b.MaxBytes / 4
	}
	return 256 << 20
}

// Run a plan. Subqueries that stand for a value (toscalar, in) run before it
// returns; the rows come as they are asked for.
func Run(c *fn.Context, p *plan.Pipeline, src Scanner) (Reader, error) {
	return Options{}.Run(c, p, src)
}

// RunFrom applies operators to rows that somebody else, an engine's SQL, has made.
// The reader returned closes input; on an error input is closed too.
func RunFrom(c *fn.Context, input Reader, ops []plan.Op, src Scanner) (Reader, error) {
	return Options{}.RunFrom(c, input, ops, src)
}

// Run is as the function of that name.
func (o Options) Run(c *fn.Context, p *plan.Pipeline, src Scanner) (Reader, error) {
	s := o.Session(c, src)
	r, err := s.Run(p)
	return s.with(r, err)
}

// RunFrom is as the function of that name.
func (o Options) RunFrom(c *fn.Context, input Reader, ops []plan.Op, src Scanner) (Reader, error) {
	s := o.Session(c, src)
	r, err := s.RunFrom(input, ops)
	return s.with(r, err)
}

// Session is one query of several pipelines, or one whose pipeline runs in parts.
// What they share by its ID (materialize, toscalar, in) is computed once. Its readers
// may be open at the same time, but only one goroutine may use them. Close it behind
// them.
type Session struct{ x *compiler }

// Session starts one.
func (o Options) Session(c *fn.Context, src Scanner) *Session {
	return &Session{newCompiler(c, src, o)}
}

// Run is as the function of that name.
func (s *Session) Run(p *plan.Pipeline) (Reader, error) {
	var out *pipe
	if err := s.x.guard(func() (err error) { out, err = s.x.pipeline(p); return err }); err != nil {
		return nil, err
	}
	return &root{x: s.x, in: out.open(&env{})}, nil
}

// RunFrom is as the function of that name.
func (s *Session) RunFrom(input Reader, ops []plan.Op) (Reader, error) {
	var out *pipe
	err := s.x.guard(func() (err error) { out, err = s.x.stages(&given{input}, input.Schema(), ops); return err })
	if err != nil {
		input.Close()
		return nil, err
	}
	return &root{x: s.x, in: out.open(&env{})}, nil
}

// Close forgets what the session's pipelines share.
func (s *Session) Close() error {
	s.x.close()
	return nil
}

// with makes a reader close the session behind itself.
func (s *Session) with(r Reader, err error) (Reader, error) {
	if err != nil {
		s.x.close()
		return nil, err
	}
	r.(*root).owner = true
	return r, nil
}

// Func computes an expression for all rows of a batch.
type Func func(b *table.Batch) table.Vector

// Expr compiles one expression over the columns of schema. It may hold no
// subquery and no function over rows.
func Expr(c *fn.Context, e plan.Expr, schema table.Schema) (Func, error) {
	x := newCompiler(c, nil, Options{})
	var n *node
	err := x.guard(func() (err error) {
		n, err = (&scope{compiler: x, pipe: &pipe{}, schema: schema}).expr(e)
		return err
	})
	if err != nil {
		x.close()
		return nil, err
	}
	return n.vector, nil
}

// guard turns a panic into an error: constants and subqueries are computed while a
// plan is compiled.
func (x *compiler) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanic(p)
		}
	}()
	return f()
}

// errPanic is the error of a panic: a limit that an evaluator met is the query's own.
func errPanic(p any) error {
	if f, ok := p.(*fault.Error); ok && f.Kind == fault.Limit {
		return f
	}
	return fault.New(fault.Internal, "eval: a query panicked: %v\n%s", p, debug.Stack())
}

// given is the source of RunFrom.
type given struct{ in Reader }

func (g *given) open(*env) Reader { return g.in }

// root guards the way out: limits, the state of the context, and panics, which
// must end the query and not the process.
type root struct {
	x     *compiler
	in    Reader
	owner bool // of what the compiler holds
	rows  int64
	err   error
}

func (r *root) Schema() table.Schema { return r.in.Schema() }

func (r *root) Next(ctx context.Context) (b *table.Batch, err error) {
	if r.err != nil {
		return nil, r.err
	}
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, errPanic(p)
		}
		if err != nil {
			r.err = err
			r.in.Close()
		}
	}()
	b, err = r.in.Next(ctx)
	if alive := r.x.alive(ctx); alive != nil {
		return nil, alive
	}
	if err != nil || b == nil {
		return nil, err
	}
	if err := r.written(b); err != nil {
		return nil, err
	}
	if limit := r.x.c.Budget.MaxRows; limit > 0 && r.rows+int64(b.Rows) > limit {
		r.err = fault.New(fault.Limit, "the result has more than the %d rows that a query may give; add a take, or summarize", limit)
		r.in.Close()
		if b = b.Slice(0, int(limit-r.rows)); b.Rows == 0 {
			return nil, r.err
		}
		r.rows = limit // the rows that it may give stand; the error comes next
		return b, nil
	}
	r.rows += int64(b.Rows)
	return b, nil
}

// written sees that the dynamics of a batch can be written: parts that they share are
// written as often as they stand in one.
func (r *root) written(b *table.Batch) error {
	most, n := mostOf(r.x.c.Budget), int64(0)
	for i := range b.Cols {
		if b.Cols[i].Type != table.Dynamic {
			continue
		}
		for _, d := range b.Cols[i].D {
			if n += table.DynBytes(d); n > most {
				return tooLarge(most)
			}
		}
	}
	return nil
}

func (r *root) Close() error {
	err := r.in.Close()
	if r.owner {
		r.x.close()
	}
	if r.err == nil {
		r.err = errClosed
	}
	return err
}

var errClosed = fault.New(fault.Unavailable, "the query is closed")

// alive is an error once the query's context, or the caller's, has ended.
func (x *compiler) alive(ctx context.Context) error {
	err := x.c.Ctx.Err()
	if err == nil && ctx != nil {
		err = ctx.Err()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &fault.Error{Kind: fault.Limit, Text: "the query did not finish in the time that it was given; look at less time, or filter earlier", Err: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Text: "the query was cancelled", Err: err}
}

// close gives back what the whole query holds.
func (x *compiler) close() {
	for _, s := range x.shared {
		s.close()
	}
	for _, s := range x.made {
		s.keys = nil
		s.hold.release()
	}
	for f := range x.files {
		f.Close()
	}
	if x.tempDir != "" {
		os.RemoveAll(x.tempDir)
		x.tempDir = ""
	}
}

// hold is what one operator has charged to the budget.
type hold struct {
	budget *fn.Budget
	who    string
	n      int64
}

func (h *hold) add(n int64) error {
	h.n += n
	return h.budget.Charge(n, h.who)
}

func (h *hold) release() {
	if h.n != 0 {
		// Giving back cannot fail in a way that matters: it is over already.
		_ = h.budget.Charge(-h.n, h.who)
		h.n = 0
	}
}

// errUnknown is for plan nodes that came after this package.
func errUnknown(what string, node fmt.Stringer) error {
	return fault.New(fault.Invalid, "cannot evaluate the %s %q", what, node.String())
}
