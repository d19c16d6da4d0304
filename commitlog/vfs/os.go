package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OS is the file system of the machine.
type OS struct{}

// OSFile is a File of the machine; servers take the descriptor from it to send
// a range without copying it.
type OSFile struct{ *os.File }

func (OS) Create(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640))
}

func (OS) Open(name string) (File, error) { return wrap(os.Open(name)) }

func (OS) OpenWrite(name string) (File, error) { return wrap(os.OpenFile(name, os.O_RDWR, 0)) }

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return OSFile{f}, nil
}

func (OS) Remove(name string) error { return os.Remove(name) }

func (OS) Rename(from, to string) error { return os.Rename(from, to) }

func (o OS) MkdirAll(dir string) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (OS) SyncDir(dir string) error { return syncDir(dir) }

func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	held, err := tryLock(f)
	if err == nil && !held {
		b, _ := io.ReadAll(io.LimitReader(f, 32)) // who holds it is a courtesy
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
		err = &HeldError{Name: name, PID: pid}
	}
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		}
		if IsFull(err) { // the lock itself needs no room; a full disk must not keep readers out
			err = nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f OSFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
