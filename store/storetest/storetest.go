// Package storetest holds the tests that every engine must pass. An engine's own
// test calls Run.
//
// Most of them are scripts in testdata; doc.txt there explains their words. Each
// script runs several times: as it is, and with a flush, a merge or a crash after
// every step, none of which may change an answer.
package storetest

import (
	"context"
	"testing"

	"sextant/store"
)

// Engine is what is tested.
type Engine struct {
	// Open the store in a folder, which exists. Opening it again after Close must
	// find what was durable, if Durable is set.
	Open    func(ctx context.Context, dir string) (store.Store, error)
	Durable bool
}

// Run the suite.
func Run(t *testing.T, e Engine) {
	t.Run("scripts", func(t *testing.T) { runScripts(t, e) })
	t.Run("types", func(t *testing.T) { testTypes(t, e) })
	t.Run("documents", func(t *testing.T) { testDocuments(t, e) })
	t.Run("names", func(t *testing.T) { testNames(t, e) })
	t.Run("values", func(t *testing.T) { testValues(t, e) })
	t.Run("loads are whole", func(t *testing.T) { testWholeLoads(t, e) })
	t.Run("bad loads", func(t *testing.T) { testBadLoads(t, e) })
	t.Run("close", func(t *testing.T) { testClose(t, e) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, e) })
	t.Run("wide scan", func(t *testing.T) { testWideScan(t, e) })
	t.Run("terms", func(t *testing.T) { testTerms(t, e) })
	t.Run("sql", func(t *testing.T) { testSQL(t, e) })
	t.Run("calls", func(t *testing.T) { testCalls(t, e) })
}

func open(t testing.TB, e Engine, dir string) store.Store {
	t.Helper()
	s, err := e.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
