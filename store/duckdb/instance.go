package duckdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	capi "github.com/duckdb/duckdb-go-bindings"

	"sextant/fault"
)

// instance is one in-memory DuckDB with one connection. It serves one caller
// at a time, except that interrupt may be called by anybody.
type instance struct {
	db   capi.Database
	conn capi.Connection
	mu   sync.Mutex // guards conn against an interrupt during close
}

type setting struct{ name, value string }

// openInstance starts a DuckDB in memory. Nothing is looked for on disk or on
// the network, and nothing spills to disk.
func openInstance(memory int64, threads int, more ...setting) (*instance, error) {
	var cfg capi.Config
	if capi.CreateConfig(&cfg) == capi.StateError {
		return nil, fault.New(fault.Internal, "cannot make a DuckDB configuration")
	}
	defer capi.DestroyConfig(&cfg)
	settings := append([]setting{
		{"memory_limit", fmt.Sprintf("%dB", memory)},
		{"threads", fmt.Sprint(threads)},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"temp_directory", ""},
	}, more...)
	for _, s := range settings {
		if capi.SetConfig(cfg, s.name, s.value) == capi.StateError {
			return nil, fault.New(fault.Internal, "DuckDB does not take the setting %s", s.name)
		}
	}
	i := &instance{}
	var msg string
	if capi.OpenExt(":memory:", &i.db, cfg, &msg) == capi.StateError {
		return nil, fault.New(fault.Internal, "cannot start DuckDB: %s", msg)
	}
	if capi.Connect(i.db, &i.conn) == capi.StateError {
		capi.Close(&i.db)
		return nil, fault.New(fault.Internal, "cannot connect to DuckDB")
	}
	return i, nil
}

func (i *instance) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn.Ptr == nil {
		return
	}
	capi.Disconnect(&i.conn)
	capi.Close(&i.db)
}

func (i *instance) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conn.Ptr != nil {
		capi.Interrupt(i.conn)
	}
}

// exec runs statements of ours whose results nobody wants.
func (i *instance) exec(sql string) error {
	var res capi.Result
	defer capi.DestroyResult(&res)
	if capi.Query(i.conn, sql, &res) == capi.StateError {
		return engineError(capi.ResultErrorType(&res), capi.ResultError(&res))
	}
	return nil
}

// engineError gives DuckDB's errors a kind. The text stays with internal
// errors only, which nobody sends to a user: it may hold the SQL.
func engineError(t capi.ErrorType, text string) error {
	switch {
	case t == capi.ErrorTypeInterrupt:
		return errInterrupted
	case t == capi.ErrorTypeOutOfMemory || strings.HasPrefix(text, "Out of Memory Error") || strings.Contains(text, outOfMemory):
		return errNoMemory
	}
	if at := strings.Index(text, "\n\nLINE "); at >= 0 {
		text = text[:at]
	}
	return &engineFailure{text}
}

// outOfMemory is how a function of ours says so to DuckDB.
const outOfMemory = "sextant: out of memory"

var errNoMemory = fault.New(fault.Limit, "the query needs more memory than it may use; narrow its time range, keep fewer columns, or group by fewer values")

var errInterrupted = errors.New("interrupted")

// engineFailure is an error of DuckDB that our SQL should not have caused.
type engineFailure struct{ text string }

func (e *engineFailure) Error() string { return "duckdb: " + e.text }

// watch interrupts the instance when ctx ends, until the returned function is
// called; after that no interrupt can come. DuckDB forgets an interrupt that
// arrives just before a statement starts, so it is repeated.
func (i *instance) watch(ctx context.Context) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(gone)
		for {
			i.interrupt()
			select {
			case <-quit:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return sync.OnceFunc(func() {
		close(quit)
		if !cancel() {
			<-gone
		}
	})
}

// quote makes an identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal makes a string literal. A backslash is an ordinary character.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// threads of one instance.
func threads() int { return min(2, runtime.GOMAXPROCS(0)) }
