package loader

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"sextant/record"
)

// filter says of most identities that were never seen that they were not, in
// one look at memory: nearly every record of an import is new, and asking the
// index's tree for what is not there costs microseconds. It is a blocked Bloom
// filter in layers that double: a key sets 8 bits of one 512-bit block, about one
// stranger in five hundred looks known. Keys are hashes already.
//
// add and mayHave may be called by any number of goroutines.
type filter struct {
	mu     sync.Mutex // of growing
	layers atomic.Pointer[[]*filterLayer]
	full   atomic.Bool // more keys than are worth the memory: everything may be known
}

type filterLayer struct {
	blocks [][8]atomic.Uint64
	room   atomic.Int64
}

const (
	filterFirst   = 1 << 20 // keys of the first layer
	filterLast    = 1 << 26 // no layer is larger: 128 MB
	keysPerBlock  = 32
	filterKeyBits = 8
)

func newFilter() *filter {
	f := &filter{}
	f.layers.Store(&[]*filterLayer{newFilterLayer(filterFirst)})
	return f
}

func newFilterLayer(keys int) *filterLayer {
	l := &filterLayer{blocks: make([][8]atomic.Uint64, keys/keysPerBlock)}
	l.room.Store(int64(keys))
	return l
}

// block of a key in a layer, and the bits that the key has there: 9 of the hash
// for each.
func (l *filterLayer) block(key record.Key) (b *[8]atomic.Uint64, bits uint64, more uint64) {
	h := binary.LittleEndian.Uint64(key[:8])
	i := (h >> 32) * uint64(len(l.blocks)) >> 32
	return &l.blocks[i], binary.LittleEndian.Uint64(key[8:]), h & 0xffffffff
}

func eachBit(bits, more uint64, f func(word int, mask uint64) bool) bool {
	for i := range filterKeyBits {
		n := bits & 511
		bits >>= 9
		if i == 6 {
			bits = more
		}
		if !f(int(n>>6), 1<<(n&63)) {
			return false
		}
	}
	return true
}

func (f *filter) add(key record.Key) {
	if f.full.Load() {
		return
	}
	layers := *f.layers.Load()
	l := layers[len(layers)-1]
	if l.room.Add(-1) < 0 {
		f.grow(l)
		f.add(key)
		return
	}
	b, bits, more := l.block(key)
	eachBit(bits, more, func(word int, mask uint64) bool {
		b[word].Or(mask)
		return true
	})
}

func (f *filter) grow(old *filterLayer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	layers := *f.layers.Load()
	if layers[len(layers)-1] != old {
		return // somebody else has
	}
	keys := len(old.blocks) * keysPerBlock * 2
	if keys > filterLast {
		f.full.Store(true)
		return
	}
	next := append(append([]*filterLayer{}, layers...), newFilterLayer(keys))
	f.layers.Store(&next)
}

// mayHave is false only for a key that was never added.
func (f *filter) mayHave(key record.Key) bool {
	if f.full.Load() {
		return true
	}
	for _, l := range *f.layers.Load() {
		b, bits, more := l.block(key)
		if eachBit(bits, more, func(word int, mask uint64) bool { return b[word].Load()&mask != 0 }) {
			return true
		}
	}
	return false
}
