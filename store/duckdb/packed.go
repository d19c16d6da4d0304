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

// cell of a packed column with so many rows; a row that is not there is null.
func packedCell(data []byte, rows, row int64) (v int64, ok bool) {
	block, i := row/packedRows, row%packedRows
	heads := (rows + packedRows - 1) / packedRows * packedHead
	if row < 0 || row >= rows || heads > int64(len(data)) {
		return 0, false
	}
	head, data := data[block*packedHead:], data[heads:]
	least, step := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:])
	width, null := int64(head[20]), head[21] != 0
	bit := i * width
	at := int64(binary.LittleEndian.Uint32(head[16:])) + bit>>3
	if width > 64 || at+9 > int64(len(data)) {
		return 0, false
	}
	code := binary.LittleEndian.Uint64(data[at:]) >> (bit & 7)
	if over := bit&7 + width - 64; over > 0 {
		code |= uint64(data[at+8]) << (64 - bit&7)
	}
	if width < 64 {
		code &= 1<<width - 1
	}
	if null {
		if code == 0 {
			return 0, false
		}
		code--
	}
	return int64(least + code*step), true
}
