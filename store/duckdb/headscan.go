package duckdb

/*
#include <stdint.h>
#include <stdbool.h>

// The parts of DuckDB's C interface that take callbacks or pass handles through
// a void pointer. The symbols come with the bindings' static library.
typedef uint64_t idx_t;
void duckdb_table_function_set_extra_info(void *f, void *extra, void (*del)(void *));
void duckdb_table_function_set_bind(void *f, void (*bind)(void *));
void duckdb_table_function_set_init(void *f, void (*init)(void *));
void duckdb_table_function_set_function(void *f, void (*scan)(void *, void *));
void *duckdb_bind_get_extra_info(void *info);
void duckdb_bind_set_bind_data(void *info, void *data, void (*del)(void *));
void *duckdb_init_get_bind_data(void *info);
void duckdb_init_set_init_data(void *info, void *data, void (*del)(void *));
void *duckdb_function_get_init_data(void *info);

void sextantHeadBind(void *info);
void sextantHeadInit(void *info);
void sextantHeadScan(void *info, void *chunk);
void sextantHeadFree(void *handle);

static void head_register(void *f, uintptr_t store) {
	duckdb_table_function_set_extra_info(f, (void *)store, sextantHeadFree);
	duckdb_table_function_set_bind(f, sextantHeadBind);
	duckdb_table_function_set_init(f, sextantHeadInit);
	duckdb_table_function_set_function(f, sextantHeadScan);
}
static uintptr_t head_extra(void *info) { return (uintptr_t)duckdb_bind_get_extra_info(info); }
static void head_set_bind(void *info, uintptr_t h) { duckdb_bind_set_bind_data(info, (void *)h, sextantHeadFree); }
static uintptr_t head_get_bind(void *info) { return (uintptr_t)duckdb_init_get_bind_data(info); }
static void head_set_init(void *info, uintptr_t h) { duckdb_init_set_init_data(info, (void *)h, sextantHeadFree); }
static uintptr_t head_get_init(void *info) { return (uintptr_t)duckdb_function_get_init_data(info); }
static uintptr_t head_handle(void *p) { return (uintptr_t)p; }
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"unsafe"

	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/fault"
)

// headFunction is the table function by which SQL reads rows that are still in
// memory: sextant_head(view), where view is the number of a registered headView.
// Its columns are c0, c1, … in physical order; only those asked for are copied.
const headFunction = "sextant_head"

// headView is what one snapshot sees of one table in memory.
type headView struct {
	def     *tableDef
	batches []*headBatch
	rows    int
}

// headViews resolves view numbers for the instances of one store.
type headViews struct {
	mu   sync.Mutex
	next uint64
	byID map[uint64]*headView
}

func (v *headViews) add(view *headView) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byID == nil {
		v.byID = map[uint64]*headView{}
	}
	v.next++
	v.byID[v.next] = view
	return v.next
}

func (v *headViews) get(id uint64) *headView {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byID[id]
}

func (v *headViews) remove(id uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byID, id)
}

// registerHead gives the instance the function.
func registerHead(i *instance, views *headViews) error {
	f := capi.CreateTableFunction()
	defer capi.DestroyTableFunction(&f)
	capi.TableFunctionSetName(f, headFunction)
	t := capi.CreateLogicalType(capi.TypeBigInt)
	defer capi.DestroyLogicalType(&t)
	capi.TableFunctionAddParameter(f, t)
	capi.TableFunctionSupportsProjectionPushdown(f, true)
	C.head_register(f.Ptr, C.uintptr_t(cgo.NewHandle(views)))
	if capi.RegisterTableFunction(i.conn, f) == capi.StateError {
		return fault.New(fault.Internal, "cannot register %s with DuckDB", headFunction)
	}
	return nil
}

// headScan is one running scan. DuckDB calls from several threads.
type headScan struct {
	view    *headView
	columns []int // physical column for each output vector; -1 fills nothing
	chunks  []headChunk
	next    atomic.Int64
}

type headChunk struct {
	batch   *headBatch
	from, n int
}

var fillers = sync.Pool{New: func() any { return new(filler) }}

//export sextantHeadFree
func sextantHeadFree(p unsafe.Pointer) { cgo.Handle(C.head_handle(p)).Delete() }

//export sextantHeadBind
func sextantHeadBind(p unsafe.Pointer) {
	info := capi.BindInfo{Ptr: p}
	views := cgo.Handle(C.head_extra(p)).Value().(*headViews)
	v := capi.BindGetParameter(info, 0)
	id := int64(0)
	if !capi.IsNullValue(v) { // DuckDB ends the process when it is asked for the number of a NULL
		id = capi.GetInt64(v)
	}
	capi.DestroyValue(&v)
	view := views.get(uint64(id))
	if view == nil {
		capi.BindSetError(info, fmt.Sprintf("no snapshot has the view %d of rows in memory", id))
		return
	}
	for i, k := range view.def.kinds {
		t := k.logicalType()
		capi.BindAddResultColumn(info, physName(i), t)
		capi.DestroyLogicalType(&t)
	}
	capi.BindSetCardinality(info, capi.IdxT(view.rows), true)
	C.head_set_bind(p, C.uintptr_t(cgo.NewHandle(view)))
}

//export sextantHeadInit
func sextantHeadInit(p unsafe.Pointer) {
	info := capi.InitInfo{Ptr: p}
	scan := &headScan{view: cgo.Handle(C.head_get_bind(p)).Value().(*headView)}
	for i := range capi.InitGetColumnCount(info) {
		c := int(capi.InitGetColumnIndex(info, i))
		if c < 0 || c >= len(scan.view.def.kinds) { // a virtual column, when rows are only counted
			c = -1
		}
		scan.columns = append(scan.columns, c)
	}
	for _, b := range scan.view.batches {
		rows := b.count()
		for at := 0; at < rows; at += vectorSize {
			scan.chunks = append(scan.chunks, headChunk{b, at, min(vectorSize, rows-at)})
		}
	}
	capi.InitSetMaxThreads(info, capi.IdxT(max(1, min(len(scan.chunks), threads()))))
	C.head_set_init(p, C.uintptr_t(cgo.NewHandle(scan)))
}

//export sextantHeadScan
func sextantHeadScan(p, out unsafe.Pointer) {
	chunk := capi.DataChunk{Ptr: out}
	scan := cgo.Handle(C.head_get_init(p)).Value().(*headScan)
	at := int(scan.next.Add(1)) - 1
	if at >= len(scan.chunks) {
		capi.DataChunkSetSize(chunk, 0)
		return
	}
	f := fillers.Get().(*filler)
	defer fillers.Put(f)
	c := scan.chunks[at]
	var rows []int32
	if c.batch.alive != nil {
		rows = c.batch.alive[c.from : c.from+c.n]
	}
	for i, col := range scan.columns {
		if col < 0 {
			continue
		}
		if f.fill(capi.DataChunkGetVector(chunk, capi.IdxT(i)), scan.view.def.kinds[col], &c.batch.rows.Cols[col], c.from, c.n, rows) != nil {
			capi.FunctionSetError(capi.FunctionInfo{Ptr: p}, outOfMemory)
			return
		}
	}
	capi.DataChunkSetSize(chunk, capi.IdxT(c.n))
}
