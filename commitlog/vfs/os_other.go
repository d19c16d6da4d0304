//go:build !linux

package vfs

// WriteAt writes one buffer after the other.
func (f OSFile) WriteAt(bufs [][]byte, off int64) error {
	for _, b := range bufs {
		n, err := f.File.WriteAt(b, off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
