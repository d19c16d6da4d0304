package commitlog

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const canSendfile = true

// sendfile sends a piece of a file with an offset of its own, so that others may
// use the descriptor meanwhile; net's own way would move the one they share.
func sendfile(conn *net.TCPConn, f *os.File, off int64, n int) (sent int64, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	src := int(f.Fd())
	werr := raw.Write(func(fd uintptr) (done bool) {
		for n > 0 {
			var m int
			m, err = unix.Sendfile(int(fd), src, &off, n)
			if m > 0 {
				sent += int64(m)
				n -= m
			}
			switch {
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				err = nil
				return false
			case err != nil:
				return true
			case m == 0:
				err = io.ErrUnexpectedEOF
				return true
			}
		}
		return true
	})
	return sent, errors.Join(err, werr)
}
