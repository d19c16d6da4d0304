//go:build unix

package duckdb

import (
	"os"
	"path/filepath"
	"syscall"

	"sextant/fault"
)

// lockDir makes sure that one store has the folder. DuckDB's own lock does not
// keep out a second one in the same process.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot lock the folder of the tables: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Unavailable, "the tables in %s are in use by another process", dir)
	}
	return f, nil
}
