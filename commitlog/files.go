package commitlog

import (
	"sync/atomic"

	"sextant/commitlog/vfs"
)

// sharedFile is a file that readers use while its owner may give it up: it is
// closed when the last of them lets go. It may be removed from its folder
// before that.
type sharedFile struct {
	vfs.File
	name string
	refs atomic.Int32
}

// share makes a file whose one reference is the caller's.
func share(f vfs.File, name string) *sharedFile {
	s := &sharedFile{File: f, name: name}
	s.refs.Store(1)
	return s
}

// hold takes a reference. The caller must know that one is held meanwhile.
func (s *sharedFile) hold() *sharedFile {
	s.refs.Add(1)
	return s
}

func (s *sharedFile) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	return s.File.Close()
}
