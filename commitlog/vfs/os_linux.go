package vfs

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const maxVectors = 1024 // IOV_MAX

// WriteAt gathers the buffers in one system call for each 1,024 of them.
func (f OSFile) WriteAt(bufs [][]byte, off int64) error {
	var rest [][]byte // what a short write left of the vector it was given
	for len(bufs) > 0 || len(rest) > 0 {
		if len(rest) == 0 {
			n := min(len(bufs), maxVectors)
			rest, bufs = append([][]byte(nil), bufs[:n]...), bufs[n:]
		}
		n, err := unix.Pwritev(int(f.Fd()), rest, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "pwritev", Path: f.Name(), Err: err}
		}
		off += int64(n)
		moved := n
		for len(rest) > 0 && n >= len(rest[0]) {
			n -= len(rest[0])
			rest = rest[1:]
		}
		if len(rest) > 0 {
			if moved == 0 {
				return io.ErrShortWrite
			}
			rest[0] = rest[0][n:]
		}
	}
	return nil
}

// Sync is fdatasync: the bytes and the size, not the times.
func (f OSFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
