package commitlog

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// Range is a piece of a file that holds whole batches, or a batch in memory that lies
// packed on the disk. It stays readable until its Fetched is closed, whatever happens to
// the file's name.
type Range struct {
	file *sharedFile // nil: mem
	mem  []byte
	Off  int64
	Len  int
}

// File is the file of the machine, to send the range from without a copy; use
// calls that take an offset, since others share the descriptor. ok is false when
// the range is not a piece of a file on the machine's own file system.
func (r Range) File() (f *os.File, ok bool) {
	if r.file == nil {
		return nil, false
	}
	o, ok := r.file.File.(vfs.OSFile)
	return o.File, ok
}

// Fetched is a row of whole batches: as they lie, or, where they lie packed, compressed
// as Append does it.
type Fetched struct {
	Start, End int64 // the partition's first offset and durable end
	Next       int64 // the offset behind the last batch; where to fetch next
	Bytes      int
	Ranges     []Range
}

// Close lets go of the files.
func (f *Fetched) Close() error {
	var errs []error
	for _, r := range f.Ranges {
		if r.file != nil {
			errs = append(errs, r.file.release())
		}
	}
	f.Ranges = nil
	return errors.Join(errs...)
}

// AppendTo reads the batches into memory.
func (f *Fetched) AppendTo(dst []byte) ([]byte, error) {
	for _, r := range f.Ranges {
		at := len(dst)
		if cap(dst)-at < r.Len {
			dst = append(make([]byte, 0, at+max(f.Bytes, r.Len)), dst...)
		}
		if r.file == nil {
			dst = append(dst, r.mem...)
			continue
		}
		dst = dst[:at+r.Len]
		if n, err := r.file.ReadAt(dst[at:], r.Off); n < r.Len {
			return dst[:at], fault.New(fault.Unavailable, "cannot read %s: %w", r.file.name, err)
		}
	}
	return dst, nil
}

// WriteTo sends the batches; to a TCP connection without copying them, where
// the system can.
func (f *Fetched) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	for _, r := range f.Ranges {
		var n int64
		var err error
		file, onDisk := r.File()
		conn, isTCP := w.(*net.TCPConn)
		switch {
		case r.file == nil:
			var k int
			k, err = w.Write(r.mem)
			n = int64(k)
		case onDisk && isTCP && canSendfile:
			n, err = sendfile(conn, file, r.Off, r.Len)
		default:
			n, err = io.Copy(w, io.NewSectionReader(r.file, r.Off, int64(r.Len)))
		}
		total += n
		if err != nil {
			return total, err
		}
		if n != int64(r.Len) {
			return total, io.ErrShortWrite
		}
	}
	return total, nil
}

// Fetch implements Log.
func (d *Disk) Fetch(ctx context.Context, topic string, partition int32, offset int64, maxBytes int) (*Fetched, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &Fetched{Next: offset}
	for {
		more, err := d.fetchSome(f, topic, partition, maxBytes)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if !more {
			return f, nil
		}
	}
}

// fetchSome adds one sealed batch, or all that are hot.
func (d *Disk) fetchSome(f *Fetched, topic string, partition int32, maxBytes int) (more bool, err error) {
	loc, ok, _, err := d.locate(topic, partition, f.Next)
	if err != nil {
		return false, err
	}
	if !ok {
		d.mu.RLock()
		f.Start, f.End = loc.part.start, loc.part.durable
		d.mu.RUnlock()
		return false, nil
	}
	fits := func(n int) bool { return f.Bytes == 0 || f.Bytes+n <= maxBytes }
	d.mu.RLock()
	p := loc.part
	f.Start, f.End = p.start, p.durable
	if i := p.hotAt(loc.base); i < len(p.hot) && p.hot[i].base == loc.base && p.hot[i].journal.file == loc.file {
		for ; i < len(p.hot) && fits(int(p.hot[i].length)); i++ {
			e := &p.hot[i]
			f.add(e.journal.file.hold(), e.pos, int(e.length), e.last)
		}
		d.mu.RUnlock()
		return false, loc.file.release() // hot batches are the last ones
	}
	d.mu.RUnlock()
	b, err := d.unpacked(&loc)
	if err != nil {
		return false, errors.Join(err, loc.file.release())
	}
	if b == nil {
		if !fits(loc.length) {
			return false, loc.file.release()
		}
		f.add(loc.file, loc.pos, loc.length, loc.last)
		return true, nil
	}
	if err := loc.file.release(); err != nil || !fits(len(b)) {
		return false, err
	}
	f.Ranges = append(f.Ranges, Range{mem: b, Len: len(b)})
	f.Bytes += len(b)
	f.Next = loc.last + 1
	return true, nil
}

// unpacked makes a batch of a pack; nil where it is one.
func (d *Disk) unpacked(loc *location) ([]byte, error) {
	p, err := loc.pack(d.cs.limit)
	if err != nil || p == nil {
		return nil, err
	}
	raw, h, err := loc.raw(d.cs.limit)
	if err != nil || d.opt.Codec == None {
		return raw, err
	}
	b, err := d.cs.compress(d.opt.Codec, make([]byte, headLen, headLen+len(raw)/4+64), raw[headLen:])
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot compress a batch: %w", err)
	}
	return finishBatch(b, loc.base, loc.last-loc.base, int(h.NumRecords), d.opt.Codec, h.FirstTimestamp, h.MaxTimestamp), nil
}

// add takes over the caller's reference to the file.
func (f *Fetched) add(file *sharedFile, off int64, n int, last int64) {
	f.Ranges = append(f.Ranges, Range{file: file, Off: off, Len: n})
	f.Bytes += n
	f.Next = last + 1
}
