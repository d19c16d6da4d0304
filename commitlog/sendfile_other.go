//go:build !linux

package commitlog

import (
	"errors"
	"net"
	"os"
)

const canSendfile = false

func sendfile(*net.TCPConn, *os.File, int64, int) (int64, error) {
	return 0, errors.ErrUnsupported
}
