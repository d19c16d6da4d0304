//go:build !unix

package duckdb

import (
	"os"
	"path/filepath"

	"sextant/fault"
)

// lockDir: an open file cannot be removed on Windows, so who can remove it is alone.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "LOCK")
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fault.New(fault.Unavailable, "the tables in %s are in use by another process", dir)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot lock the folder of the tables: %w", err)
	}
	return f, nil
}
