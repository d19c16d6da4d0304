package duckdb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

var errPoolClosed = store.ErrClosed

// Query runs one SELECT on a locked instance of its own. The reader holds the
// instance until it is drained or closed.
func (s *snapshot) Query(ctx context.Context, sql string, args []any, schema table.Schema, limits store.Limits) (store.Reader, error) {
	return s.query(ctx, sql, args, nil, schema, limits)
}

// QueryCalling implements store.CallingSnapshot.
func (s *snapshot) QueryCalling(ctx context.Context, sql string, functions []store.Function, schema table.Schema, limits store.Limits) (store.Reader, error) {
	return s.query(ctx, sql, nil, functions, schema, limits)
}

func (s *snapshot) query(ctx context.Context, sql string, args []any, functions []store.Function, schema table.Schema, limits store.Limits) (store.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &reader{snap: s, ctx: ctx, cancel: cancel, schema: schema}
	r.mu.Lock() // abort waits for it
	defer r.mu.Unlock()
	if err := s.enter(r); err != nil {
		cancel(err)
		return nil, err
	}
	var err error
	r.inst, err = s.store.pool.acquire(ctx, filesIn(sql, s.state.set), limits.MemoryBytes, r.holdsAnother)
	if err == nil {
		r.inst.calls.set(functions)
		r.stop = r.inst.watch(ctx)
		err = r.start(sql, args)
	}
	if err != nil {
		err = r.fail(err)
		r.finish()
		return nil, err
	}
	return r, nil
}

type reader struct {
	snap         *snapshot
	ctx          context.Context
	cancel       context.CancelCauseFunc
	schema       table.Schema
	holdsAnother bool

	mu     sync.Mutex // Next and Close may meet
	inst   *queryInstance
	stop   func()
	stmt   capi.PreparedStatement
	res    capi.Result
	ran    bool
	broken bool // the instance is not to be used again
	types  []capi.Type
	closed bool
}

func (r *reader) Schema() table.Schema { return r.schema }

func (r *reader) start(sql string, args []any) error {
	var list capi.ExtractedStatements
	n := capi.ExtractStatements(r.inst.conn, sql, &list)
	defer capi.DestroyExtracted(&list)
	if n == 0 {
		return engineError(capi.ErrorTypeParser, capi.ExtractStatementsError(list))
	}
	if n > 1 {
		return fault.New(fault.Internal, "a query must be one statement")
	}
	if capi.PrepareExtractedStatement(r.inst.conn, list, 0, &r.stmt) == capi.StateError {
		return engineError(capi.ErrorTypeInvalid, capi.PrepareError(r.stmt))
	}
	if capi.PreparedStatementType(r.stmt) != capi.StatementTypeSelect {
		return fault.New(fault.Internal, "a query must be a SELECT")
	}
	if want := int(capi.NParams(r.stmt)); want != len(args) {
		return fault.New(fault.Internal, "a query has %d parameters and %d arguments", want, len(args))
	}
	for i, a := range args {
		if err := bind(r.stmt, capi.IdxT(i+1), a); err != nil {
			return err
		}
	}
	r.ran = true
	if capi.ExecutePreparedStreaming(r.stmt, &r.res) == capi.StateError {
		return r.resultError()
	}
	cols := int(capi.ColumnCount(&r.res))
	if len(r.schema) > 0 && cols != len(r.schema) || cols < 1 {
		return fault.New(fault.Internal, "a query has %d result columns where %d were expected", cols, len(r.schema))
	}
	for i := range r.schema {
		r.types = append(r.types, capi.ColumnType(&r.res, capi.IdxT(i)))
	}
	return nil
}

func (r *reader) resultError() error {
	return engineError(capi.ResultErrorType(&r.res), capi.ResultError(&r.res))
}

// bind one argument. Parameters have the representations that package table
// gives values: a datetime is its ticks.
func bind(stmt capi.PreparedStatement, i capi.IdxT, arg any) error {
	var state capi.State
	switch x := arg.(type) {
	case nil:
		state = capi.BindNull(stmt, i)
	case bool:
		state = capi.BindBoolean(stmt, i, x)
	case int:
		state = capi.BindInt64(stmt, i, int64(x))
	case int32:
		state = capi.BindInt32(stmt, i, x)
	case int64:
		state = capi.BindInt64(stmt, i, x)
	case float64:
		state = capi.BindDouble(stmt, i, x)
	case string:
		v := capi.CreateVarcharLength(x, capi.IdxT(len(x)))
		state = capi.BindValue(stmt, i, v)
		capi.DestroyValue(&v)
	case []string:
		return bindList(stmt, i, x)
	case table.Value:
		switch {
		case x.IsNull():
			state = capi.BindNull(stmt, i)
		case x.Type() == table.Bool:
			state = capi.BindBoolean(stmt, i, x.Bool())
		case x.Type() == table.Real:
			state = capi.BindDouble(stmt, i, x.Float64())
		case x.Type() == table.Int:
			state = capi.BindInt32(stmt, i, int32(x.Int64()))
		case x.Type() == table.Long, x.Type() == table.DateTime, x.Type() == table.TimeSpan:
			state = capi.BindInt64(stmt, i, x.Int64())
		case x.Type() == table.String, x.Type() == table.Guid:
			return bind(stmt, i, x.Str())
		case x.Type() == table.Decimal:
			return bind(stmt, i, x.Dec().String())
		default:
			return bind(stmt, i, x.JSON())
		}
	default:
		return fault.New(fault.Internal, "a query argument of type %T cannot be bound", arg)
	}
	if state == capi.StateError {
		return fault.New(fault.Internal, "cannot bind argument %d", i)
	}
	return nil
}

func bindList(stmt capi.PreparedStatement, i capi.IdxT, list []string) error {
	t := capi.CreateLogicalType(capi.TypeVarchar)
	defer capi.DestroyLogicalType(&t)
	vals := make([]capi.Value, len(list))
	for j, s := range list {
		vals[j] = capi.CreateVarcharLength(s, capi.IdxT(len(s)))
		defer capi.DestroyValue(&vals[j])
	}
	v := capi.CreateListValue(t, vals)
	defer capi.DestroyValue(&v)
	if capi.BindValue(stmt, i, v) == capi.StateError {
		return fault.New(fault.Internal, "cannot bind argument %d", i)
	}
	return nil
}

func (r *reader) Next(ctx context.Context) (*table.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		if errors.Is(context.Cause(r.ctx), store.ErrClosed) {
			return nil, store.ErrClosed
		}
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := r.inst.watch(ctx)
	defer stop()
	for {
		chunk := capi.FetchChunk(r.res)
		if chunk.Ptr == nil {
			err := context.Cause(r.ctx)
			if err == nil {
				err = ctx.Err()
			}
			if text := capi.ResultError(&r.res); err == nil && text != "" {
				err = r.fail(r.resultError())
			}
			r.finish()
			return nil, err
		}
		n := int(capi.DataChunkGetSize(chunk))
		if n == 0 {
			capi.DestroyDataChunk(&chunk)
			continue
		}
		b, err := readChunk(chunk, r.types, r.schema, n)
		capi.DestroyDataChunk(&chunk)
		if err != nil {
			r.finish()
			return nil, err
		}
		return b, nil
	}
}

func readChunk(chunk capi.DataChunk, types []capi.Type, schema table.Schema, n int) (*table.Batch, error) {
	b := &table.Batch{Schema: schema, Rows: n, Cols: make([]table.Vector, len(schema))}
	var err error
	for i, c := range schema {
		if b.Cols[i], err = readColumn(capi.DataChunkGetVector(chunk, capi.IdxT(i)), types[i], c.Type, n); err != nil {
			return nil, fmt.Errorf("column %q of a result: %w", c.Name, err)
		}
	}
	return b, nil
}

// each runs a query of ours and gives each batch of the result to f.
func (i *instance) each(ctx context.Context, sql string, schema table.Schema, f func(*table.Batch) error) error {
	defer i.watch(ctx)()
	var stmt capi.PreparedStatement
	if capi.Prepare(i.conn, sql, &stmt) == capi.StateError {
		defer capi.DestroyPrepare(&stmt)
		return engineError(capi.ErrorTypeInvalid, capi.PrepareError(stmt))
	}
	defer capi.DestroyPrepare(&stmt)
	var res capi.Result
	defer capi.DestroyResult(&res)
	if capi.ExecutePreparedStreaming(stmt, &res) == capi.StateError {
		return engineError(capi.ResultErrorType(&res), capi.ResultError(&res))
	}
	types := make([]capi.Type, len(schema))
	for c := range schema {
		types[c] = capi.ColumnType(&res, capi.IdxT(c))
	}
	for {
		chunk := capi.FetchChunk(res)
		if chunk.Ptr == nil {
			if text := capi.ResultError(&res); text != "" {
				return engineError(capi.ResultErrorType(&res), text)
			}
			return ctx.Err()
		}
		b, err := readChunk(chunk, types, schema, int(capi.DataChunkGetSize(chunk)))
		capi.DestroyDataChunk(&chunk)
		if err == nil {
			err = f(b)
		}
		if err != nil {
			return err
		}
	}
}

// fail is the error that the caller sees.
func (r *reader) fail(err error) error {
	if cause := context.Cause(r.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, errInterrupted) {
		return context.Canceled
	}
	if called := r.inst.calls.failed(); called != nil {
		return called
	}
	var failure *engineFailure
	r.broken = errors.As(err, &failure)
	return err
}

// finish gives everything back; r.mu is held.
func (r *reader) finish() {
	if r.closed {
		return
	}
	r.closed = true
	if r.stop != nil {
		r.stop()
	}
	if r.ran {
		capi.DestroyResult(&r.res)
	}
	if r.stmt.Ptr != nil {
		capi.DestroyPrepare(&r.stmt)
	}
	r.cancel(nil)
	if r.inst != nil {
		r.inst.calls.set(nil)
		r.snap.store.pool.release(r.inst, r.holdsAnother, r.broken)
	}
	r.snap.leave(r)
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finish()
	return nil
}

// abort ends the reader for a store that closes.
func (r *reader) abort() {
	r.cancel(store.ErrClosed)
	r.Close()
}
