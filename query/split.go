package query

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/sqlgen"
	"sextant/store"
	"sextant/table"
)

// split runs of each pipeline as much as has a SQL form in the store's engine.
// Package eval asks it for every pipeline of a query, nested ones included, so a
// join that must run in Go still reads two sides that were filtered and grouped in
// the engine.
type split struct {
	scanner
	sql     store.SQLSnapshot
	dialect fn.Dialect
	c       *fn.Context
	o       *Options
	max     int           // operators of one pipeline; negative: all that have a form
	session *eval.Session // in which subqueries for values run; nil: in one of their own
	scalars map[int]table.Value
	sets    map[int][]table.Value
	cut     func(p *plan.Pipeline, q *sqlgen.Query, why string) // nil, or told of each
	found   map[*plan.Scan]store.Reader                         // rows of scans that an index has found
}

// dialectOf an engine; false where this program does not write its SQL.
func dialectOf(name string) (fn.Dialect, bool) {
	switch name {
	case "duckdb":
		return fn.DuckDB, true
	case "clickhouse":
		return fn.ClickHouse, true
	}
	return 0, false
}

// scannerOf a snapshot: with a SQL half where the engine has one.
func (e *Engine) scannerOf(c *fn.Context, snap store.Snapshot, bound *int) eval.Scanner {
	plain := scanner{snap}
	sql, ok := snap.(store.SQLSnapshot)
	if !ok || bound != nil && *bound < 0 {
		return plain
	}
	d, ok := dialectOf(sql.Dialect())
	if !ok {
		return plain
	}
	max := -1
	if bound != nil {
		max = *bound
	}
	return &split{scanner: plain, sql: sql, dialect: d, c: c, o: &e.o, max: max, scalars: map[int]table.Value{}, sets: map[int][]table.Value{}}
}

// generate the SQL of p's first operators; nil, and why, where there is none.
func (s *split) generate(p *plan.Pipeline) (*sqlgen.Query, string, error) {
	o := sqlgen.Options{Dialect: s.dialect, Max: s.max, Scalar: s.scalar, Set: s.set, Catalogue: s.o.Catalogue}
	if c, ok := s.sql.(store.CallingSnapshot); ok {
		o.Call, o.CallList = c.Call, c.CallList
	}
	return sqlgen.Prefix(p, o, func(scan *plan.Scan) (string, error) {
		return s.sql.Relation(scanOf(scan))
	})
}

// Prefix implements eval.Prefixer.
func (s *split) Prefix(ctx context.Context, p *plan.Pipeline) (*eval.Prefix, error) {
	if !s.o.literalsInSQL && !sqlgen.ReadsTables(p) {
		return nil, nil // the engine would cost more than it saves
	}
	if s.find(p) {
		if s.cut != nil {
			s.cut(p, nil, "an index has the rows")
		}
		return nil, nil
	}
	q, why, err := s.generate(p)
	if err != nil {
		return nil, err
	}
	if s.cut != nil {
		s.cut(p, q, why)
	}
	if q == nil {
		return nil, nil
	}
	return &eval.Prefix{Schema: q.Schema, Rest: q.Rest, Open: func(ctx context.Context) (eval.Reader, error) {
		r := &sqlReader{s: s, p: p, q: q}
		// The statement lives as long as the query; while it starts, the caller's end
		// is its end too.
		run, cancel := context.WithCancelCause(s.c.Ctx)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		var err error
		if r.Reader, err = s.start(run, q); err != nil {
			if err = r.instead(ctx, err); err != nil {
				return nil, err
			}
		}
		return r, nil
	}}, nil
}

// maxFound rows are worth no statement.
const maxFound = 2048

// find the rows of all scans that a pipeline begins with by an index. Then they are few, and
// all is done here.
func (s *split) find(p *plan.Pipeline) bool {
	f, ok := s.sql.(store.Finder)
	if !ok || s.max >= 0 {
		return false
	}
	found := map[*plan.Scan]store.Reader{}
	var all func(p *plan.Pipeline) bool
	all = func(p *plan.Pipeline) bool {
		switch src := p.Source.(type) {
		case *plan.Scan:
			if s.found[src] != nil || found[src] != nil {
				return true
			}
			r, ok := f.Find(scanOf(src), maxFound)
			if ok {
				found[src] = r
			}
			return ok
		case *plan.Union:
			return !slices.ContainsFunc(src.Inputs, func(in *plan.Pipeline) bool { return !all(in) })
		}
		return false
	}
	if !all(p) {
		return false
	}
	if s.found == nil {
		s.found = found
	} else {
		maps.Copy(s.found, found)
	}
	return true
}

// Scan implements eval.Scanner.
func (s *split) Scan(ctx context.Context, scan *plan.Scan) (eval.Reader, error) {
	if r := s.found[scan]; r != nil {
		delete(s.found, scan) // it is read once; a second reader looks anew
		return r, nil
	}
	return s.scanner.Scan(ctx, scan)
}

// start runs a statement.
func (s *split) start(ctx context.Context, q *sqlgen.Query) (store.Reader, error) {
	limits := store.Limits{MemoryBytes: s.o.EngineBytes}
	if len(q.Functions) == 0 {
		return s.sql.Query(ctx, q.SQL, nil, q.Schema, limits)
	}
	functions, err := s.functions(q.Functions)
	if err != nil {
		return nil, err
	}
	return s.sql.(store.CallingSnapshot).QueryCalling(ctx, q.SQL, functions, q.Schema, limits)
}

// functions that a statement calls, compiled.
func (s *split) functions(of []sqlgen.Function) ([]store.Function, error) {
	out := make([]store.Function, len(of))
	for i, f := range of {
		out[i] = store.Function{Args: f.Args, Result: f.Result()}
		switch {
		case f.Rows != nil && f.Group:
			group, err := eval.RowsGrouper(s.c, f.Rows, f.Args)
			if err != nil {
				return nil, err
			}
			out[i].List, out[i].Group = true, func() store.Group { return group() }
			if out[i].Groups, err = eval.RowsGroups(s.c, f.Rows); err != nil {
				return nil, err
			}
			continue
		case f.Rows != nil:
			var err error
			if out[i].Eval, err = eval.RowsCaller(s.c, f.Rows, f.Args); err != nil {
				return nil, err
			}
			out[i].List = true
			continue
		case f.Agg != nil:
			group, err := eval.Grouper(s.c, f.Agg, f.Out, f.Args)
			if err != nil {
				return nil, err
			}
			out[i].Group = func() store.Group { return group() }
			continue
		}
		var err error
		if out[i].Eval, err = eval.Caller(s.c, f.Expr, f.Args); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// scalar is the value of a subquery, once for the query.
func (s *split) scalar(e *plan.ScalarQuery) (table.Value, error) {
	if v, ok := s.scalars[e.ID]; ok {
		return v, nil
	}
	v := table.Null(e.T)
	r, err := s.sub(e.Pipe)
	if err != nil {
		return v, err
	}
	defer r.Close()
	for {
		b, err := r.Next(s.c.Ctx)
		if err != nil {
			return v, err
		}
		if b == nil {
			break
		}
		if b.Rows > 0 && len(b.Cols) > 0 {
			v = fn.Convert(b.Cols[0].At(0), e.T)
			break
		}
	}
	s.scalars[e.ID] = v
	return v, nil
}

// sub runs a pipeline for its values. What it shares with the rest of the query
// (materialize) is computed once.
func (s *split) sub(p *plan.Pipeline) (eval.Reader, error) {
	if s.session != nil {
		return s.session.Run(p)
	}
	return eval.Options{TempDir: s.o.TempDir}.Run(s.c, p, s)
}

// maxSet is how many values of a subquery behind in are written into a statement.
const maxSet = 2000

// set is the values of a subquery behind in that cannot run as SQL, when they are few.
func (s *split) set(e *plan.InQuery) ([]table.Value, bool, error) {
	if vals, ok := s.sets[e.ID]; ok {
		return vals, vals != nil, nil
	}
	s.sets[e.ID] = nil
	r, err := s.sub(e.Pipe)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	vals, seen := []table.Value{}, map[string]bool{}
	for {
		b, err := r.Next(s.c.Ctx)
		if err != nil {
			return nil, false, err
		}
		if b == nil {
			s.sets[e.ID] = vals
			return vals, true, nil
		}
		for i := range b.Rows {
			v := b.Cols[0].At(i)
			if text := v.Str(); !seen[text] {
				seen[text] = true
				vals = append(vals, v)
			}
		}
		if len(vals) > maxSet {
			return nil, false, nil
		}
	}
}

// sqlReader reads the answer of the engine. Where the engine fails for a reason of
// its own before the first row, the same operators run in Go.
type sqlReader struct {
	store.Reader
	s     *split
	p     *plan.Pipeline
	q     *sqlgen.Query
	begun bool
	held  []*table.Batch // read ahead
}

// readAhead is how much of an answer is read before its first row is given, in bytes,
// where the engine may yet meet a value that is for Go to read: as long as nothing
// was given, Go can begin anew.
const readAhead = 8 << 20

func (r *sqlReader) ahead(ctx context.Context) error {
	var bytes int64
	for bytes < readAhead {
		b, err := r.Reader.Next(ctx)
		if err != nil {
			r.Reader.Close()
			r.held = nil
			return r.instead(ctx, err)
		}
		if b == nil {
			return nil
		}
		bytes += b.Bytes()
		r.held = append(r.held, b)
	}
	return nil
}

func (r *sqlReader) Next(ctx context.Context) (*table.Batch, error) {
	if !r.begun && strings.Contains(r.q.SQL, "json_") {
		r.begun = true
		if err := r.ahead(ctx); err != nil {
			return nil, err
		}
	}
	if len(r.held) > 0 {
		b := r.held[0]
		r.held = r.held[1:]
		return b, nil
	}
	b, err := r.Reader.Next(ctx)
	if err != nil && !r.begun {
		r.begun = true
		r.Reader.Close()
		if err := r.instead(ctx, err); err != nil {
			return nil, err
		}
		return r.Reader.Next(ctx)
	}
	r.begun = true
	return b, err
}

// instead opens the same rows in Go, unless the error has a reason that would end
// them too.
func (r *sqlReader) instead(ctx context.Context, err error) error {
	if fault.KindOf(err) != fault.Internal || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	if r.s.o.Fallback != nil && !forGo(err) {
		r.s.o.Fallback(r.q.SQL, err)
	}
	in, e := eval.Options{TempDir: r.s.o.TempDir}.Run(r.s.c, r.q.Done, r.s.scanner)
	if e != nil {
		return e
	}
	r.Reader = in
	return nil
}

// forGo says whether the engine met a value that only Go reads as Kusto does.
func forGo(err error) bool {
	text := err.Error()
	return strings.Contains(text, sqlgen.InGo) || strings.Contains(text, "Malformed JSON")
}
