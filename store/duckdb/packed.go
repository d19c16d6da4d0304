package duckdb

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A packed column is numbers of which each can be read without the others: blocks of
// packedRows numbers, each the distance from its block's least, in steps that divide all
// of them, in as many bits as the largest needs.
//
//	head of each block | bits, little-endian
//	head: least, 8 bytes | step, 8 | where the bits begin, 4 | bits a number, 1 | whether 0 is null, 1 | 0, 2

const (
	packedRows = 1024
	packedHead = 24
)

// packer makes a packed column, number by number.
type packer struct {
	heads, bits []byte
	block       []int64
	nulls       []bool
	null        bool // the block has one
	rows        int64

	least, most int64 // of all that are not null; least above most for none
	anyNull     bool
}

func newPacker() packer { return packer{least: math.MaxInt64, most: math.MinInt64} }

func (p *packer) add(v int64, null bool) {
	p.block, p.nulls, p.null = append(p.block, v), append(p.nulls, null), p.null || null
	p.rows++
	if null {
		p.anyNull = true
	} else {
		p.least, p.most = min(p.least, v), max(p.most, v)
	}
	if len(p.block) == packedRows {
		p.end()
	}
}

func (p *packer) end() {
	if len(p.block) == 0 {
		return
	}
	least, some := int64(0), false
	for i, v := range p.block {
		if !p.nulls[i] && (!some || v < least) {
			least, some = v, true
		}
	}
	step, most := uint64(0), uint64(0)
	for i, v := range p.block {
		if !p.nulls[i] {
			d := uint64(v) - uint64(least)
			step, most = divisor(step, d), max(most, d)
		}
	}
	step = max(step, 1)
	shift := uint64(0)
	if p.null {
		shift = 1
	}
	// Where numbers fill 64 bits and one is null the distance may have no room.
	if most/step == ^uint64(0) {
		shift = 0
	}
	width := bits.Len64(most/step + shift)
	p.heads = binary.LittleEndian.AppendUint64(p.heads, uint64(least))
	p.heads = binary.LittleEndian.AppendUint64(p.heads, step)
	p.heads = binary.LittleEndian.AppendUint32(p.heads, uint32(len(p.bits)))
	p.heads = append(p.heads, byte(width), byte(shift), 0, 0)
	at := len(p.bits)
	p.bits = append(p.bits, make([]byte, (width*len(p.block)+7)/8)...)
	for i, v := range p.block {
		code := uint64(0)
		if !p.nulls[i] {
			code = (uint64(v)-uint64(least))/step + shift
		}
		for bit, left := i*width, width; left > 0; {
			n := min(8-bit&7, left)
			p.bits[at+bit>>3] |= byte(code) << (bit & 7)
			code >>= n
			bit, left = bit+n, left-n
		}
	}
	p.block, p.nulls, p.null = p.block[:0], p.nulls[:0], false
}

func divisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// packed gives the column.
func (p *packer) packed() []byte {
	p.end()
	return append(append(p.heads, p.bits...), make([]byte, 9)...) // the last number is read in words
}

// cells reads a packed column with so many rows. It remembers the block that it read last.
type cells struct {
	data []byte
	rows int64

	block       int64 // whose head the rest is of
	least, step uint64
	width, bits int64 // bits a number, and where they begin in data
	null        bool
}

func newCells(data []byte, rows int64) *cells { return &cells{data: data, rows: rows, block: -1} }

// seek the block of a row; false for a row that is not there.
func (c *cells) seek(row int64) bool {
	if row < 0 || row >= c.rows {
		return false
	}
	block := row / packedRows
	if block == c.block {
		return true
	}
	heads := (c.rows + packedRows - 1) / packedRows * packedHead
	if heads > int64(len(c.data)) {
		return false
	}
	head := c.data[block*packedHead:]
	c.block, c.least, c.step = block, binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:])
	c.bits, c.width, c.null = heads+int64(binary.LittleEndian.Uint32(head[16:])), int64(head[20]), head[21] != 0
	return true
}

// within gives the numbers that those of a row's block lie between, when that is known.
func (c *cells) within(row int64) (least, most int64, ok bool) {
	if !c.seek(row) || c.width > 62 || c.null {
		return 0, 0, false
	}
	room := uint64(1)<<c.width - 1
	if over, far := bits.Mul64(room, c.step); over != 0 || far > math.MaxInt64 || int64(c.least) > math.MaxInt64-int64(far) {
		return 0, 0, false
	}
	return int64(c.least), int64(c.least + room*c.step), true
}

// at gives the number of a row; false for null and for a row that is not there.
func (c *cells) at(row int64) (v int64, ok bool) {
	if !c.seek(row) {
		return 0, false
	}
	bit := row % packedRows * c.width
	at := c.bits + bit>>3
	if c.width > 64 || at+9 > int64(len(c.data)) {
		return 0, false
	}
	code := binary.LittleEndian.Uint64(c.data[at:]) >> (bit & 7)
	if over := bit&7 + c.width - 64; over > 0 {
		code |= uint64(c.data[at+8]) << (64 - bit&7)
	}
	if c.width < 64 {
		code &= 1<<c.width - 1
	}
	if c.null {
		if code == 0 {
			return 0, false
		}
		code--
	}
	return int64(c.least + code*c.step), true
}
