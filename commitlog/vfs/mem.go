package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// OpKind names an operation that changes something.
type OpKind string

const (
	OpCreate   OpKind = "create"
	OpWrite    OpKind = "write"
	OpTruncate OpKind = "truncate"
	OpSync     OpKind = "sync"
	OpSyncDir  OpKind = "syncdir"
	OpRemove   OpKind = "remove"
	OpRename   OpKind = "rename"
)

// Op is one operation, as it is about to happen.
type Op struct {
	Kind OpKind
	Name string
	N    int // counts from 1
}

// Mem is a file system in memory for tests. It knows what is durable and what
// is not, and can fail, fill up and crash.
type Mem struct {
	mu      sync.Mutex
	files   map[string]*inode
	durable map[string]*inode // names as of the last SyncDir of their folder
	dirs    map[string]bool
	locks   map[string]bool
	ops     int
	used    int64

	// Fail is asked before each operation; an error from it is the operation's.
	// A write that fails leaves a random part of its bytes behind when Tear is set.
	Fail func(Op) error
	Tear *rand.Rand
	// Capacity is the number of bytes that all files may have together; 0: no limit.
	Capacity int64
}

type inode struct {
	data   []byte
	synced []byte // as of the last Sync
	dirty  int    // data and synced agree before this byte
}

const sector = 512 // what a disk writes whole or not at all

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{files: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{"/": true, ".": true}, locks: map[string]bool{}}
}

// Ops is the number of operations so far.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// op counts and asks Fail. The caller holds m.mu.
func (m *Mem) op(kind OpKind, name string) error {
	m.ops++
	if m.Fail == nil {
		return nil
	}
	return m.Fail(Op{Kind: kind, Name: name, N: m.ops})
}

// CrashClone is the file system as the machine might find it after losing
// power now: everything durable, and of the rest what chance kept, sector by
// sector and name by name. A nil rng keeps nothing that was not durable.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMem()
	for d := range m.dirs {
		c.dirs[d] = true
	}
	names := map[string]*inode{}
	for n, ino := range m.durable {
		names[n] = ino
	}
	if rng != nil {
		for _, n := range sortedKeys(m.files) {
			if names[n] != m.files[n] && rng.IntN(2) == 0 {
				names[n] = m.files[n]
			}
		}
		for _, n := range sortedKeys(m.durable) {
			if _, ok := m.files[n]; !ok && rng.IntN(2) == 0 {
				delete(names, n)
			}
		}
	}
	seen := map[*inode]*inode{}
	for _, n := range sortedKeys(names) {
		old := names[n]
		ino, ok := seen[old]
		if !ok {
			b := old.crash(rng)
			ino = &inode{data: b, synced: slices.Clone(b), dirty: len(b)}
			seen[old] = ino
			c.used += int64(len(b))
		}
		c.files[n], c.durable[n] = ino, ino
	}
	return c
}

// crash is what is left of the file.
func (i *inode) crash(rng *rand.Rand) []byte {
	if rng == nil {
		return slices.Clone(i.synced)
	}
	size := len(i.synced)
	if len(i.data) != size {
		switch rng.IntN(3) {
		case 0:
		case 1:
			size = len(i.data)
		default:
			lo, hi := min(size, len(i.data)), max(size, len(i.data))
			size = lo + rng.IntN(hi-lo+1)
		}
	}
	b := make([]byte, size)
	copy(b, i.synced)
	for at := i.dirty / sector * sector; at < len(i.data) && at < size; at += sector {
		if rng.IntN(2) == 0 {
			copy(b[at:], i.data[at:min(at+sector, len(i.data))])
		}
	}
	return b
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m *Mem) Create(name string) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(OpCreate, name); err != nil {
		return nil, err
	}
	if !m.dirs[path.Dir(name)] {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrNotExist}
	}
	ino := m.files[name]
	if ino == nil {
		ino = &inode{}
		m.files[name] = ino
	}
	m.used -= int64(len(ino.data))
	ino.data, ino.dirty = nil, 0
	return &memFile{m: m, ino: ino, name: name, write: true}, nil
}

func (m *Mem) open(name string, write bool) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino := m.files[name]
	if ino == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{m: m, ino: ino, name: name, write: write}, nil
}

func (m *Mem) Open(name string) (File, error)      { return m.open(name, false) }
func (m *Mem) OpenWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) Remove(name string) error {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(OpRemove, name); err != nil {
		return err
	}
	ino := m.files[name]
	if ino == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	m.used -= int64(len(ino.data))
	delete(m.files, name)
	return nil
}

func (m *Mem) Rename(from, to string) error {
	from, to = path.Clean(from), path.Clean(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(OpRename, to); err != nil {
		return err
	}
	ino := m.files[from]
	if ino == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if old := m.files[to]; old != nil && old != ino {
		m.used -= int64(len(old.data))
	}
	delete(m.files, from)
	m.files[to] = ino
	return nil
}

func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = path.Clean(dir); !m.dirs[dir]; dir = path.Dir(dir) {
		m.dirs[dir] = true
	}
	return nil
}

func (m *Mem) List(dir string) ([]string, error) {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[dir] {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	var names []string
	for n := range m.files {
		if path.Dir(n) == dir {
			names = append(names, path.Base(n))
		}
	}
	for n := range m.dirs {
		if path.Dir(n) == dir && n != dir {
			names = append(names, path.Base(n))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *Mem) SyncDir(dir string) error {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(OpSyncDir, dir); err != nil {
		return err
	}
	for n := range m.durable {
		if path.Dir(n) == dir && m.files[n] == nil {
			delete(m.durable, n)
		}
	}
	for n, ino := range m.files {
		if path.Dir(n) == dir {
			m.durable[n] = ino
		}
	}
	return nil
}

type memLock struct {
	m    *Mem
	name string
}

func (l memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, &HeldError{Name: name}
	}
	m.locks[name] = true
	return memLock{m, name}, nil
}

// Flip inverts one bit of a file, durably, as a decaying disk would.
func (m *Mem) Flip(name string, at int64, bit uint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ino := m.files[path.Clean(name)]
	if ino == nil || at < 0 || at >= int64(len(ino.data)) {
		return fmt.Errorf("cannot flip a bit at %d of %s: no such byte", at, name)
	}
	ino.data[at] ^= 1 << (bit % 8)
	if at < int64(len(ino.synced)) {
		ino.synced[at] = ino.data[at]
	}
	return nil
}

// Names lists all files below dir, with their sizes.
func (m *Mem) Names(dir string) map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sizes := map[string]int64{}
	for n, ino := range m.files {
		if strings.HasPrefix(n, path.Clean(dir)+"/") {
			sizes[n] = int64(len(ino.data))
		}
	}
	return sizes
}

type memFile struct {
	m     *Mem
	ino   *inode
	name  string
	write bool
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if off >= int64(len(f.ino.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.ino.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(bufs [][]byte, off int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	err := f.m.op(OpWrite, f.name)
	if err == nil && !f.write {
		err = fs.ErrPermission
	}
	room := total
	if err != nil {
		room = 0
		if f.m.Tear != nil {
			room = f.m.Tear.IntN(total + 1)
		}
	}
	if grow := off + int64(room) - int64(len(f.ino.data)); f.m.Capacity > 0 && grow > 0 && f.m.used+grow > f.m.Capacity {
		room = max(room-int(f.m.used+grow-f.m.Capacity), 0)
		if err == nil {
			err = syscall.ENOSPC
		}
	}
	for _, b := range bufs {
		b = b[:min(len(b), room)]
		f.put(b, off)
		off += int64(len(b))
		room -= len(b)
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: f.name, Err: err}
	}
	return nil
}

func (f *memFile) put(b []byte, off int64) {
	if len(b) == 0 {
		return
	}
	if need := off + int64(len(b)); need > int64(len(f.ino.data)) {
		f.m.used += need - int64(len(f.ino.data))
		f.ino.data = append(f.ino.data, make([]byte, need-int64(len(f.ino.data)))...)
	}
	copy(f.ino.data[off:], b)
	f.ino.dirty = min(f.ino.dirty, int(off))
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.op(OpTruncate, f.name); err != nil {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: err}
	}
	f.m.used += size - int64(len(f.ino.data))
	if size <= int64(len(f.ino.data)) {
		f.ino.data = f.ino.data[:size:size]
	} else {
		f.ino.data = append(f.ino.data, make([]byte, size-int64(len(f.ino.data)))...)
	}
	f.ino.dirty = min(f.ino.dirty, int(size))
	return nil
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.op(OpSync, f.name); err != nil {
		return &fs.PathError{Op: "sync", Path: f.name, Err: err}
	}
	d := min(f.ino.dirty, len(f.ino.synced), len(f.ino.data))
	f.ino.synced = append(f.ino.synced[:d], f.ino.data[d:]...)
	f.ino.dirty = len(f.ino.data)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.ino.data)), nil
}

func (f *memFile) Close() error { return nil }
