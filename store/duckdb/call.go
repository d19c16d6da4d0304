package duckdb

/*
#include <stdint.h>

// The parts of DuckDB's C interface that take callbacks or pass handles through
// a void pointer. The symbols come with the bindings' static library.
void duckdb_scalar_function_set_extra_info(void *f, void *extra, void (*del)(void *));
void duckdb_scalar_function_set_function(void *f, void (*call)(void *, void *, void *));
void *duckdb_scalar_function_get_extra_info(void *info);

void sextantCall(void *info, void *chunk, void *result);
void sextantHeadFree(void *handle);

static void call_register(void *f, uintptr_t calls) {
	duckdb_scalar_function_set_extra_info(f, (void *)calls, sextantHeadFree);
	duckdb_scalar_function_set_function(f, sextantCall);
}
static uintptr_t call_extra(void *info) { return (uintptr_t)duckdb_scalar_function_get_extra_info(info); }
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/fault"
	"sextant/store"
	"sextant/table"
)

// An instance has one SQL function for each way that a result may lie in DuckDB:
// sextant_call_bigint(n, …) is function n of the statement that runs. DuckDB calls
// with a chunk of rows; it becomes a batch, as the rows of an answer do.

const callPrefix = "sextant_call_"

// callKinds are the results of the SQL functions.
var callKinds = [...]kind{kindBool, kindInt, kindLong, kindReal, kindString, kindTextList}

// Call implements store.CallingSnapshot.
func (s *snapshot) Call(n int, result table.Type, args []string) string {
	return callOf(kindOf(table.Column{Type: result}, false), n, args)
}

// CallList implements store.CallingSnapshot.
func (s *snapshot) CallList(n int, args []string) string { return callOf(kindTextList, n, args) }

func callName(k kind) string {
	if k == kindTextList {
		return callPrefix + "list"
	}
	return callPrefix + strings.ToLower(k.sql())
}

func callOf(k kind, n int, args []string) string {
	return callName(k) + "(" + strings.Join(append([]string{strconv.Itoa(n) + "::BIGINT"}, args...), ", ") + ")"
}

// calls are the functions of the statement that an instance runs.
type calls struct {
	mu   sync.Mutex
	list []store.Function
	err  error // the first of a function
}

func (c *calls) set(list []store.Function) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list, c.err = list, nil
}

func (c *calls) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *calls) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

func (c *calls) function(n int64) (store.Function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 || n >= int64(len(c.list)) {
		return store.Function{}, fault.New(fault.Internal, "the statement has no function %d", n)
	}
	return c.list[n], nil
}

func registerCalls(i *instance, c *calls) error {
	long := capi.CreateLogicalType(capi.TypeBigInt)
	defer capi.DestroyLogicalType(&long)
	any := capi.CreateLogicalType(capi.TypeAny)
	defer capi.DestroyLogicalType(&any)
	for _, k := range callKinds {
		f := capi.CreateScalarFunction()
		defer capi.DestroyScalarFunction(&f)
		name := callName(k)
		capi.ScalarFunctionSetName(f, name)
		capi.ScalarFunctionAddParameter(f, long)
		capi.ScalarFunctionSetVarargs(f, any)
		t := k.logicalType()
		capi.ScalarFunctionSetReturnType(f, t)
		capi.DestroyLogicalType(&t)
		capi.ScalarFunctionSetSpecialHandling(f) // NULL is for the function to judge
		C.call_register(f.Ptr, C.uintptr_t(cgo.NewHandle(c)))
		if capi.RegisterScalarFunction(i.conn, f) == capi.StateError {
			return fault.New(fault.Internal, "cannot register %s with DuckDB", name)
		}
	}
	return nil
}

//export sextantCall
func sextantCall(p, in, out unsafe.Pointer) {
	c := cgo.Handle(C.call_extra(p)).Value().(*calls)
	err := func() (err error) {
		defer func() {
			if x := recover(); x != nil { // it must end the query, not the process
				err = fault.New(fault.Internal, "a function panicked: %v\n%s", x, debug.Stack())
			}
		}()
		return c.call(capi.DataChunk{Ptr: in}, capi.Vector{Ptr: out})
	}()
	if err != nil {
		c.fail(err)
		capi.ScalarFunctionSetError(capi.FunctionInfo{Ptr: p}, "a function failed")
	}
}

// maxCallBytes is about how much text of a chunk is copied for one call.
const maxCallBytes = 4 << 20

func (c *calls) call(chunk capi.DataChunk, out capi.Vector) error {
	n := int(capi.DataChunkGetSize(chunk))
	if n == 0 {
		return nil
	}
	f, err := c.function(slice[int64](capi.VectorGetData(capi.DataChunkGetVector(chunk, 0)), 1)[0])
	if err != nil {
		return err
	}
	if have := int(capi.DataChunkGetColumnCount(chunk)) - 1; have != len(f.Args) {
		return fault.New(fault.Internal, "a function of %d arguments was called with %d", len(f.Args), have)
	}
	args := make([]argument, len(f.Args))
	for i := range args {
		vec := capi.DataChunkGetVector(chunk, capi.IdxT(i+1))
		args[i] = argument{vec, typeOf(vec), 0}
	}
	result := table.NewVector(f.Result, n)
	if f.Group != nil {
		if err := groups(f, args, n, &result); err != nil {
			return err
		}
	} else {
		for from := 0; from < n; {
			to := upTo(args, from, n)
			b, err := batchOf(f.Args, args, from, to-from)
			if err != nil {
				return err
			}
			v, err := f.Eval(b)
			if err != nil {
				return err
			}
			if v.Len() != b.Rows || v.Type != f.Result {
				return fault.New(fault.Internal, "a function gave %d cells of type %s for %d of type %s", v.Len(), v.Type, b.Rows, f.Result)
			}
			if from == 0 && to == n {
				result = v
				break
			}
			for i := range v.Len() {
				result.Append(v.At(i))
			}
			from = to
		}
	}
	w := fillers.Get().(*filler)
	defer fillers.Put(w)
	return w.fill(out, kindOf(table.Column{Type: f.Result}, f.List), &result, 0, n, nil)
}

// argument is a column of cells that DuckDB calls with, from a place on.
type argument struct {
	vec capi.Vector
	t   capi.Type
	at  int
}

func typeOf(vec capi.Vector) capi.Type {
	lt := capi.VectorGetColumnType(vec)
	defer capi.DestroyLogicalType(&lt)
	return capi.GetTypeId(lt)
}

// upTo is where the rows from a place on have as much text as one call should copy; n
// at most.
func upTo(args []argument, from, n int) int {
	var texts [][]textCell
	for _, a := range args {
		if a.t == capi.TypeVarchar {
			texts = append(texts, slice[textCell](capi.VectorGetData(a.vec), a.at+n)[a.at:])
		}
	}
	bytes := 0
	for i := from; i < n; i++ {
		for _, t := range texts { // a NULL's length is of no use, and does no harm
			bytes += int(t[i].n)
		}
		if bytes > maxCallBytes && i > from {
			return i
		}
	}
	return n
}

func batchOf(schema table.Schema, args []argument, from, n int) (*table.Batch, error) {
	b := &table.Batch{Schema: schema, Rows: n, Cols: make([]table.Vector, len(args))}
	for i, a := range args {
		var err error
		if b.Cols[i], err = readCells(a.vec, a.t, schema[i].Type, a.at+from, n); err != nil {
			return nil, fmt.Errorf("argument %d of a function: %w", i+1, err)
		}
	}
	return b, nil
}

// groups calls an aggregate for each of n rows of lists.
func groups(f store.Function, args []argument, n int, result *table.Vector) error {
	type entry struct{ offset, length uint64 }
	lists := make([][]entry, len(args))
	elems := make([]argument, len(args))
	masks := make([][]uint64, len(args))
	for i, a := range args {
		if a.t != capi.TypeList {
			return fault.New(fault.Internal, "argument %d of an aggregate is no list", i+1)
		}
		lists[i] = slice[entry](capi.VectorGetData(a.vec), n)
		child := capi.ListVectorGetChild(a.vec)
		elems[i] = argument{child, typeOf(child), 0}
		if p := capi.VectorGetValidity(a.vec); p != nil {
			masks[i] = slice[uint64](p, (n+63)/64)
		}
	}
	// find the elements of row r, and how many there are.
	find := func(r int) (size int, err error) {
		for i := range args {
			have := 0
			if m := masks[i]; m == nil || m[r>>6]>>(r&63)&1 == 1 {
				have, elems[i].at = int(lists[i][r].length), int(lists[i][r].offset)
			}
			if i > 0 && have != size {
				return 0, fault.New(fault.Internal, "the lists of an aggregate have %d and %d elements", size, have)
			}
			size = have
		}
		return size, nil
	}
	one := func(r int) (v table.Value, err error) {
		size, err := find(r)
		if err != nil {
			return v, err
		}
		g := f.Group()
		defer g.Close()
		for at := 0; at < size; {
			to := upTo(elems, at, min(at+vectorSize, size))
			b, err := batchOf(f.Args, elems, at, to-at)
			if err != nil {
				return v, err
			}
			if err := g.Add(b); err != nil {
				return v, err
			}
			at = to
		}
		return g.Result()
	}
	// several rows from r on whose elements lie one behind the other, as many as fit a
	// vector; 0: it is one.
	several := func(r int) (rows int, err error) {
		var begin []argument
		var of []int64
		for ; r+rows < n; rows++ {
			size, err := find(r + rows)
			if err != nil {
				return 0, err
			}
			if begin == nil {
				begin = slices.Clone(elems)
			}
			fits := size > 0 && len(of)+size <= vectorSize
			for i := range elems {
				fits = fits && elems[i].at == begin[i].at+len(of)
			}
			if !fits {
				break
			}
			for range size {
				of = append(of, int64(rows))
			}
		}
		if rows < 2 || upTo(begin, 0, len(of)) < len(of) {
			return 0, nil
		}
		b, err := batchOf(f.Args, begin, 0, len(of))
		if err != nil {
			return 0, err
		}
		v, err := f.Groups(b, of, rows)
		if err != nil {
			return 0, err
		}
		if v.Len() != rows || v.Type != f.Result {
			return 0, fault.New(fault.Internal, "a function gave %d cells of type %s for %d of type %s", v.Len(), v.Type, rows, f.Result)
		}
		for i := range rows {
			result.Append(v.At(i))
		}
		return rows, nil
	}
	for r := 0; r < n; {
		if f.Groups != nil {
			rows, err := several(r)
			if err != nil {
				return err
			}
			if r += rows; rows > 0 {
				continue
			}
		}
		v, err := one(r)
		if err != nil {
			return err
		}
		result.Append(v)
		r++
	}
	return nil
}
