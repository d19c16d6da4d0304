package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codecs compresses and uncompresses record sections, and keeps what is dear to
// make. Snappy is written as one raw block, which every Kafka client reads, and
// read in that form and in the framed one of Java's xerial library. There is
// nothing to close: the zstd coders start no goroutines for whole blocks.
type codecs struct {
	limit  int // bytes that one batch may have uncompressed
	zdec   *zstd.Decoder
	zenc   *zstd.Encoder
	plains sync.Pool // *[]byte
}

var errTooLong = errors.New("uncompressed, the batch is longer than is allowed")

func newCodecs(limit int) (*codecs, error) {
	c := &codecs{limit: limit}
	var err error
	if c.zdec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(uint64(limit)), zstd.WithDecoderMaxWindow(min(uint64(limit), 1<<29))); err != nil {
		return nil, err
	}
	if c.zenc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2)); err != nil {
		return nil, err
	}
	return c, nil
}

// newDictless makes the encoder for dictionaries, and for what is sealed without one.
// It is made for one Maintain, since its tables are large.
func newDictless() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(dictSize),
		zstd.WithEncoderCRC(false)) // packs have CRCs of their own
}

// plain lends a buffer for n uncompressed bytes.
func (c *codecs) plain(n int) []byte {
	if p, ok := c.plains.Get().(*[]byte); ok && cap(*p) >= n {
		return (*p)[:0]
	}
	return make([]byte, 0, n)
}

func (c *codecs) recycle(b []byte) {
	if cap(b) <= 4<<20 {
		c.plains.Put(&b)
	}
}

// compress appends src, compressed, to dst.
func (c *codecs) compress(codec Codec, dst, src []byte) ([]byte, error) {
	switch codec {
	case None:
		return append(dst, src...), nil
	case Snappy:
		n := s2.MaxEncodedLen(len(src))
		if n < 0 {
			return nil, errTooLong
		}
		tmp := c.plain(n)
		out := s2.EncodeSnappy(tmp[:n], src)
		dst = append(dst, out...)
		c.recycle(tmp)
		return dst, nil
	case Zstd:
		return c.zenc.EncodeAll(src, dst), nil
	case Gzip:
		b := bytes.NewBuffer(dst)
		w := gzip.NewWriter(b)
		_, err := w.Write(src)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	case LZ4:
		b := bytes.NewBuffer(dst)
		w := lz4.NewWriter(b)
		_, err := w.Write(src)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	}
	return nil, fmt.Errorf("unknown compression %d", codec)
}

// uncompress returns the plain bytes of src. None returns src itself.
func (c *codecs) uncompress(codec Codec, src []byte) ([]byte, error) {
	switch codec {
	case None:
		return src, nil
	case Snappy:
		return c.unsnappy(src)
	case Zstd:
		out, err := c.zdec.DecodeAll(src, nil)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, errTooLong
		}
		return out, err
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return c.readAll(r, len(src))
	case LZ4:
		return c.readAll(lz4.NewReader(bytes.NewReader(src)), len(src))
	}
	return nil, fmt.Errorf("unknown compression %d", codec)
}

func (c *codecs) readAll(r io.Reader, hint int) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(hint*4, c.limit)+bytes.MinRead))
	n, err := b.ReadFrom(io.LimitReader(r, int64(c.limit)+1))
	if err != nil {
		return nil, err
	}
	if n > int64(c.limit) {
		return nil, errTooLong
	}
	return b.Bytes(), nil
}

// xerial is the head of Java's framing: a mark, then version and compatible
// version, then blocks of a big-endian length and a raw snappy block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (c *codecs) unsnappy(src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerial) {
		return c.snappyBlock(nil, src)
	}
	if len(src) < 16 {
		return nil, io.ErrUnexpectedEOF
	}
	var out []byte
	for src = src[16:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > int64(len(src)) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if out, err = c.snappyBlock(out, src[:n]); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return out, nil
}

// snappyBlock appends one block, uncompressed, to dst.
func (c *codecs) snappyBlock(dst, src []byte) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > c.limit-len(dst) {
		return nil, errTooLong
	}
	// A block cannot be more than about 64 times its size (a copy of 64 bytes takes 2 or 3),
	// so a length that lies cannot make us take much more memory than we were sent.
	if n > 64*len(src)+64 {
		return nil, s2.ErrCorrupt
	}
	if dst == nil {
		return s2.Decode(make([]byte, n), src)
	}
	out, err := s2.Decode(nil, src)
	return append(dst, out...), err
}
