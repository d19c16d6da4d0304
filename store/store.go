// Package store is the contract between the one who loads tables, the one who
// queries them, and the engines that keep them. storetest holds the tests that
// every engine must pass.
//
// A store belongs to one tenant. It is not the truth: the commit log is. Rows
// that were appended and not yet flushed may be lost with the process; the
// durable marks say from where the log must be read again.
package store

import (
	"context"

	"sextant/fault"
	"sextant/table"
)

// TopicPartition names a partition of the log.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Marks say for each partition the first offset that is not yet loaded.
type Marks map[TopicPartition]int64

// Place of a record: the event's offset in its partition, and the record's index
// in the event.
type Place struct {
	TopicPartition
	Offset int64
	Index  int32
}

// TableRows are rows for one table, in the physical schema of its definition.
type TableRows struct {
	Table string
	Rows  *table.Batch
}

// Load is one step of loading. It becomes visible as a whole.
type Load struct {
	Tables []TableRows
	// Superseded rows are those whose record came again in a fuller form: they
	// are seen no more. Places that are not there are ignored.
	Superseded []Place
	Marks      Marks // after this step; a mark never moves back
}

// Store keeps the tables of one tenant. All methods may be called concurrently.
type Store interface {
	// Define makes a table known, or widens the one of that name: columns and
	// promoted paths may be added, never removed or retyped (fault.Conflict).
	// It is idempotent.
	Define(ctx context.Context, def table.Def) error

	// Append makes rows visible to every snapshot taken after it returns. The
	// store keeps the batches; the caller must not touch them again. The same
	// places may be appended again after a restart, from the durable marks on;
	// never otherwise.
	Append(ctx context.Context, load Load) error

	// Flush makes everything appended so far durable.
	Flush(ctx context.Context) error

	// Marks are where loading stands: what is visible, and what would survive
	// the process.
	Marks() (visible, durable Marks)

	// Snapshot is a consistent view of what is visible now. It must be closed.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Maintain merges small segments and the like, until there is nothing to do.
	Maintain(ctx context.Context) error

	// DropBefore forgets rows of a table whose time is before ticks, at least
	// by whole segments; no row at or after it. Rows without a time stay.
	DropBefore(ctx context.Context, name string, ticks int64) error

	Close() error
}

// Snapshot is a view of the tables at one moment.
type Snapshot interface {
	// Def of a table; false where there is none. Names are case-sensitive.
	Def(name string) (table.Def, bool)
	// Tables in name order.
	Tables() []string
	// Stats of a table as far as known without reading it.
	Stats(name string) Stats
	// Scan reads columns of a table. Rows come in no particular order.
	Scan(ctx context.Context, scan Scan) (Reader, error)
	Close() error
}

// Stats of a table.
type Stats struct {
	Rows     int64 // at most; 0 only where there are none
	Bytes    int64 // on disk, about
	Min, Max int64 // ticks of the time column; Max < Min when there are no rows
	Undated  int64 // rows without a time, at most
	Segments int
}

// Scan says what to read. From, To, Bounds, Equal and Terms only prune: rows that they
// exclude may still come, so the caller keeps its filters.
type Scan struct {
	Table   string
	Columns []string // physical names, in the order wanted; may be empty (rows are counted)
	From    int64    // ticks of the time column, inclusive
	To      int64    // exclusive; 0 is no bound
	Bounds  []Bound  // all must hold
	Equal   []Equal  // all must hold
	Terms   []Terms  // all must hold
}

// Bound says that a datetime column, other than the table's time, lies in [From, To);
// To 0 is no bound.
type Bound struct {
	Column   string
	From, To int64
}

// Equal says that a string column has one of the values, exactly.
type Equal struct {
	Column string
	Values []string
}

// Terms says that a row has all terms of one of the sets (of none: no row is
// wanted). They are terms as table.IndexTerms gives them. A row has those of the
// texts of all its visible columns of type string, guid, dynamic, int, long and
// real, where the text of a value is what KQL's tostring() gives; and those of
// each string inside a column's JSON, and of any JSON text of a part of it, except
// that a part's numbers may be written in another way (table.NumberTerm). Other
// types, such as datetime, count for nothing: whoever asks for terms knows that
// no text of theirs has them.
type Terms struct {
	Any [][]string
}

// Reader gives batches until there are none: then (nil, nil). A batch is the
// receiver's. Close may be called at any time, more than once.
type Reader interface {
	Schema() table.Schema
	Next(ctx context.Context) (*table.Batch, error)
	Close() error
}

// Excluder is a Snapshot that may know, without reading, that a scan has no rows. Found
// by type assertion.
type Excluder interface {
	Excludes(scan Scan) bool
}

// Dater is a Snapshot that may know how far back rows lie. Found by type assertion.
type Dater interface {
	// Since is a time since which about n of the rows are that may satisfy the scan;
	// where there are not as many, one before all rows. false: it is not known. A guess
	// that a reader checks: rows in memory and superseded ones are not counted.
	Since(scan Scan, n int64) (ticks int64, ok bool)
}

// Finder is a Snapshot that may have an index by which it finds the rows of a scan. Found
// by type assertion.
type Finder interface {
	// Find gives what Scan gives, when the index knows the rows that have the values of
	// scan.Equal, they are n at most, and it has all columns of them that are asked for.
	// false otherwise: Scan has to look.
	Find(scan Scan, n int) (Reader, bool)
}

// Odder is a Snapshot that may know, without reading, whether a table has rows with
// table.HiddenOdd set. Found by type assertion.
type Odder interface {
	Odd(name string) (odd, known bool)
}

// Limits of one query inside the engine. Zero is the engine's default.
type Limits struct {
	MemoryBytes int64
}

// SQLSnapshot is a snapshot whose engine answers SQL. Found by type assertion.
type SQLSnapshot interface {
	Snapshot

	// Dialect names the engine's SQL: "duckdb", "clickhouse".
	Dialect() string

	// Relation is SQL that may stand in FROM (…): the scan's columns, in order,
	// named by their physical names quoted as the dialect does. Each column has
	// the representation that package table gives its type: ticks as BIGINT,
	// dynamic and guid as text, a string never NULL. A promoted "[]." path is a
	// list of text (VARCHAR[]). A promoted path that a segment lacks is
	// extracted from the text.
	Relation(scan Scan) (string, error)

	// Query runs SQL whose result columns have the representations of schema,
	// by position. Cancelling ctx stops it. Over a limit it fails with
	// fault.Limit; the error text does not contain the SQL.
	Query(ctx context.Context, sql string, args []any, schema table.Schema, limits Limits) (Reader, error)
}

// Function is a function in Go that SQL may call. Its arguments and its result have
// the representations that package table gives their types.
type Function struct {
	Args   table.Schema
	Result table.Type // none that the engine lacks: no decimal
	// List says that results, of type dynamic, are arrays of texts and nulls, which
	// the SQL sees as a list of VARCHAR.
	List bool

	// Eval computes the function for all rows of a batch whose columns are the
	// arguments. Several threads may call it at once. An error ends the query and is
	// what the query's reader gives; so is a panic, as fault.Internal.
	Eval func(b *table.Batch) (table.Vector, error)

	// Group is set in the place of Eval where the arguments are lists, as the SQL
	// aggregate list() makes them: one for each argument, all of a row equally long,
	// or NULL for none. It starts one such row.
	Group func() Group
	// Groups, or nil, computes several such rows at once, each as Group would: their
	// elements one row behind the other, of[i] numbering the row of element i from 0 to
	// n-1; a row without elements has none. Several threads may call it at once.
	Groups func(b *table.Batch, of []int64, n int) (table.Vector, error)
}

// Group takes the elements of one row of lists, in order and in parts.
type Group interface {
	Add(b *table.Batch) error
	Result() (table.Value, error)
	Close() // gives back what it holds; called once, whatever went wrong
}

// CallingSnapshot is a SQLSnapshot whose SQL may call functions in Go. Found by type
// assertion.
type CallingSnapshot interface {
	SQLSnapshot

	// Call writes a call of function n of those that QueryCalling is given.
	Call(n int, result table.Type, args []string) string

	// CallList is Call for a function whose results are lists.
	CallList(n int, args []string) string

	// QueryCalling is Query for SQL that calls functions. They are called until the
	// reader is closed, and no longer.
	QueryCalling(ctx context.Context, sql string, functions []Function, schema table.Schema, limits Limits) (Reader, error)
}

// ErrClosed is what a closed store or snapshot answers.
var ErrClosed = fault.New(fault.Unavailable, "the store is closed")
