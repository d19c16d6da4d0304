package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
)

// Both file systems do the same, as far as one that does not crash can tell.
func TestContract(t *testing.T) {
	for name, fsys := range map[string]FS{"machine": OS{}, "memory": NewMem()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/a/b"
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(fsys.MkdirAll(dir))
			must(fsys.MkdirAll(dir))
			_, err := fsys.Open(dir + "/x")
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open of nothing: %v", err)
			}
			f, err := fsys.Create(dir + "/x")
			must(err)
			var bufs [][]byte // more than one system call takes
			var want []byte
			for i := range 2500 {
				b := bytes.Repeat([]byte{byte(i)}, i%5)
				bufs, want = append(bufs, b), append(want, b...)
			}
			must(f.WriteAt([][]byte{[]byte("head")}, 0))
			must(f.WriteAt(bufs, 4))
			must(f.Sync())
			must(f.Close())
			got, err := ReadFile(fsys, dir+"/x")
			must(err)
			if !bytes.Equal(got, append([]byte("head"), want...)) {
				t.Errorf("%d bytes came back, not the %d that were written", len(got), len(want)+4)
			}
			f, err = fsys.OpenWrite(dir + "/x")
			must(err)
			must(f.Truncate(2))
			if n, err := f.Size(); n != 2 || err != nil {
				t.Errorf("size after cutting is %d, %v", n, err)
			}
			must(f.Close())
			must(WriteFile(fsys, dir, "y", []byte("1")))
			must(WriteFile(fsys, dir, "y", []byte("2")))
			must(fsys.Rename(dir+"/x", dir+"/z"))
			names, err := fsys.List(dir)
			must(err)
			if !slices.Equal(names, []string{"y", "z"}) {
				t.Errorf("names are %v", names)
			}
			if b, err := ReadFile(fsys, dir+"/y"); string(b) != "2" || err != nil {
				t.Errorf("replaced file holds %q, %v", b, err)
			}
			open, err := fsys.Open(dir + "/y")
			must(err)
			must(fsys.Remove(dir + "/y"))
			b := make([]byte, 1)
			if _, err := open.ReadAt(b, 0); err != nil || b[0] != '2' {
				t.Errorf("a removed file that is open holds %q, %v", b, err)
			}
			must(open.Close())
			if ok, err := Exists(fsys, dir+"/y"); ok || err != nil {
				t.Errorf("a removed file exists: %v, %v", ok, err)
			}
			lock, err := fsys.Lock(dir + "/L")
			must(err)
			var held *HeldError
			if _, err := fsys.Lock(dir + "/L"); !errors.As(err, &held) {
				t.Errorf("second Lock: %v", err)
			}
			must(lock.Close())
			if lock, err = fsys.Lock(dir + "/L"); err != nil {
				t.Errorf("Lock after Close: %v", err)
			}
			must(lock.Close())
		})
	}
}

// A crash keeps what was synced, and of the rest anything.
func TestCrashClone(t *testing.T) {
	outcomes := map[string]bool{}
	for seed := range uint64(200) {
		m := NewMem()
		f, err := m.Create("f")
		if err != nil {
			t.Fatal(err)
		}
		put := func(b byte, off int64) {
			t.Helper()
			if err := f.WriteAt([][]byte{bytes.Repeat([]byte{b}, sector)}, off); err != nil {
				t.Fatal(err)
			}
		}
		put('a', 0)
		if err := errors.Join(f.Sync(), m.SyncDir(".")); err != nil {
			t.Fatal(err)
		}
		put('b', sector)
		put('c', 2*sector)
		if _, err := m.Create("g"); err != nil {
			t.Fatal(err)
		}
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		b, err := ReadFile(c, "f")
		if err != nil || len(b) < sector || b[0] != 'a' {
			t.Fatalf("what was synced is gone: %d bytes, %v", len(b), err)
		}
		what := ""
		for at := 0; at < len(b); at += sector {
			what += fmt.Sprintf("%c", max(b[at], '0'))
		}
		_, err = c.Open("g")
		outcomes[what], outcomes[fmt.Sprint("g ", err == nil)] = true, true
		strict, err := ReadFile(m.CrashClone(nil), "f")
		if err != nil || len(strict) != sector {
			t.Fatalf("a strict crash kept %d bytes, %v", len(strict), err)
		}
	}
	for _, want := range []string{"a", "abc", "a0c", "ab0", "g true", "g false"} {
		if !outcomes[want] {
			t.Errorf("in 200 crashes %q never happened: %v", want, outcomes)
		}
	}
}

func TestMemFails(t *testing.T) {
	m := NewMem()
	f, err := m.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	m.Capacity = 10
	if err := f.WriteAt([][]byte{make([]byte, 11)}, 0); !IsFull(err) {
		t.Errorf("writing more than there is room for: %v", err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	m.Fail = func(op Op) error {
		if op.Kind == OpSync && op.Name == "f" {
			return syscall.EIO
		}
		return nil
	}
	if err := f.WriteAt([][]byte{make([]byte, 10)}, 0); err != nil {
		t.Errorf("room was not given back: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Sync: %v", err)
	}
	if got := m.CrashClone(nil).Names("."); len(got) != 0 {
		t.Errorf("after a failed Sync a crash leaves %v", got)
	}
}
