// Package vfs is the file layer under the commit log: the few operations that
// the log needs, so that tests can put a layer in their place which fails,
// fills up and crashes ([Mem]).
//
// What durable means here: bytes of a file are durable after [File.Sync], the
// name of a file after [FS.SyncDir] of its folder. Until then a crash may keep
// all, some or none of it, in any order.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// FS is a file system. Names are slash-separated. A missing file is
// [fs.ErrNotExist]. Implementations are safe for concurrent use.
type FS interface {
	// Create makes an empty file, or empties an existing one, to read and write.
	Create(name string) (File, error)
	// Open opens an existing file to read.
	Open(name string) (File, error)
	// OpenWrite opens an existing file to read and write.
	OpenWrite(name string) (File, error)
	// Remove removes a file. Files that are open stay readable.
	Remove(name string) error
	// Rename gives a file a new name, replacing what had it, at once.
	Rename(from, to string) error
	// MkdirAll makes a folder and its parents and makes their names durable.
	MkdirAll(dir string) error
	// List returns the names (without folder) in dir, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock of the named file, which it creates; closing
	// gives it back. When another process has it, the error is a *HeldError.
	Lock(name string) (io.Closer, error)
}

// File is an open file. ReadAt may run beside everything else; the others are
// called by one goroutine at a time.
type File interface {
	io.ReaderAt
	io.Closer
	// WriteAt writes the buffers one behind the other from off on. On an error
	// any part of it may have been written.
	WriteAt(bufs [][]byte, off int64) error
	Truncate(size int64) error
	// Sync makes the file's bytes and size durable. After an error nobody knows
	// which of them are, and a second Sync that succeeds proves nothing.
	Sync() error
	Size() (int64, error)
}

// HeldError says who holds a lock.
type HeldError struct {
	Name string
	PID  int // 0 when it is not known
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is held by another process", e.Name)
	}
	return fmt.Sprintf("%s is held by process %d", e.Name, e.PID)
}

// IsFull reports whether err says that there is no room on the disk, or none
// within the quota.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Exists reports whether name is a file.
func Exists(fsys FS, name string) (bool, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// ReadFile returns the content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && (err != io.EOF || n < len(b)) {
		return nil, err
	}
	return b, nil
}

// WriteFile replaces the content of name at once: after a crash the file holds
// the old or the new bytes, whole. It is durable when WriteFile returns.
func WriteFile(fsys FS, dir, name string, data []byte) error {
	path, tmp := dir+"/"+name, dir+"/"+name+".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	err = f.WriteAt([][]byte{data}, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(fsys.Remove(tmp)))
	}
	return fsys.SyncDir(dir)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
