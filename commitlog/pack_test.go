package commitlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/commitlog/vfs"
	"sextant/fault"
	records "sextant/record"
)

// recordsEvent is an event of n records, each of so many bytes or a few more.
func recordsEvent(rng *rand.Rand, n, size int) (value []byte, all []string) {
	for i := range n {
		text := make([]byte, size)
		for j := range text {
			text[j] = byte('a' + rng.IntN(20))
		}
		all = append(all, fmt.Sprintf(`{"n":%d,"category":"SignInLogs","text":%q}`, i, text))
	}
	return []byte(`{"records":[` + strings.Join(all, ", ") + "]}"), all
}

// A record comes back alone, wherever its event lies and however many chunks that
// fills; what is asked for and is not there is nil.
func TestRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	m := vfs.NewMem()
	d := openMem(t, m, Options{Split: records.Bounds, SealedBatch: 200 << 10})
	want := map[Place]string{}
	fill := func() {
		for _, shape := range [][2]int{{1, 10}, {300, 900}, {3, 40_000}, {2, 100}, {40, 20}, {1, 70_000}} {
			value, all := recordsEvent(rng, shape[0], shape[1])
			ack, err := d.Append(bg, "t", []Event{{Key: []byte("k"), Value: value, Headers: []Header{{Key: "h", Value: []byte("v")}}}})
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range all {
				want[Place{ack.Base, int32(i)}] = r
			}
		}
		// What is no JSON is one record, however long.
		for _, v := range []string{"plain " + strings.Repeat("text ", 20_000), ""} {
			ack := mustAppend(t, d, "t", v)
			if v != "" {
				want[Place{ack.Base, 0}] = strings.TrimSpace(v)
			}
		}
	}
	check := func(when string) {
		t.Helper()
		places := []Place{{1 << 40, 0}, {0, 1}, {0, 0}, {0, 0}, {1, 300}}
		for p := range want {
			if rng.IntN(3) == 0 {
				places = append(places, p)
			}
		}
		got, err := d.Records(bg, "t", 0, places)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		for i, p := range places {
			if w := want[p]; string(got[i]) != w {
				t.Fatalf("%s: record %d of the event at %d is %.60q, not %.60q", when, p.Index, p.Offset, got[i], w)
			}
		}
	}
	fill()
	check("hot")
	for range 4 {
		mustSeal(t, d)
		check("sealed")
		fill()
		check("hot again")
	}
	mustSeal(t, d)
	closeLog(t, d)
	d = openMem(t, m, Options{Split: records.Bounds})
	check("reopened")
	closeLog(t, d)
	d = openMem(t, m, Options{}) // an event is one record to who knows no better
	for offset := range int64(6) {
		got, err := d.Records(bg, "t", 0, []Place{{offset, 0}, {offset, 1}})
		e, eerr := d.Event(bg, "t", 0, offset)
		if err != nil || eerr != nil || got[1] != nil || string(got[0]) != string(e.Value) {
			t.Fatalf("at %d: %.40q, %v, %v", offset, got, err, eerr)
		}
	}
	closeLog(t, d)
}

// What is damaged is named, and the records beside it come all the same.
func TestRecordsBesideDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	m := vfs.NewMem()
	d := openMem(t, m, Options{Split: records.Bounds, SealedBatch: 1})
	var places []Place
	var want []string
	for range 8 {
		value, all := recordsEvent(rng, 5, 2000)
		ack, err := d.Append(bg, "t", []Event{{Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		places, want = append(places, Place{ack.Base, 3}), append(want, all[3])
	}
	mustSeal(t, d)
	closeLog(t, d)
	for name, size := range m.Names("log") {
		if strings.HasSuffix(name, ".seg") {
			if err := m.Flip(name, size/2, 3); err != nil {
				t.Fatal(err)
			}
		}
	}
	d = openMem(t, m, Options{Split: records.Bounds})
	defer closeLog(t, d)
	got, err := d.Records(bg, "t", 0, places)
	if fault.KindOf(err) != fault.Damaged {
		t.Errorf("the error is %v", err)
	}
	missing := 0
	for i := range got {
		if got[i] == nil {
			missing++
		} else if string(got[i]) != want[i] {
			t.Errorf("record %d is %.60q", i, got[i])
		}
	}
	if missing != 1 {
		t.Errorf("%d of %d are missing", missing, len(got))
	}
}

// Logs of format 1, whose segments hold nothing but record batches, are read, grow and
// are merged into segments of this one.
func TestFormat1(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		d, err := Open(bg, dir, Options{Split: records.Bounds, Now: newClock().now})
		if err != nil {
			t.Fatal(err)
		}
		got := values(t, d, "t", 0, 0)
		for i := range 12 {
			if want := fmt.Sprintf(`%d={"records":[{"n":%d},{"n":%d}]}`, i, i, i+100); i >= len(got) || got[i] != want {
				t.Fatalf("event %d is not %s: %q", i, want, got)
			}
		}
		r, err := d.Records(bg, "t", 0, []Place{{7, 1}})
		if err != nil || string(r[0]) != `{"n":107}` {
			t.Errorf("a record is %q, %v", r, err)
		}
		mustAppend(t, d, "t", "new")
		mustSeal(t, d)
		closeLog(t, d)
	}
	if old, err := filepath.Glob(filepath.Join(dir, "segments/t/*.seg")); err != nil || len(old) == 0 {
		t.Errorf("segments: %v, %v", old, err)
	}
}

// FuzzPack reads packs whose bytes were edited, with checksums that fit: an error, or
// what a pack can hold, never a panic and never more than the limit.
func FuzzPack(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	value, _ := recordsEvent(rng, 40, 2000)
	other, _ := recordsEvent(rng, 2, 50)
	d := openMem(f, vfs.NewMem(), Options{})
	defer closeLog(f, d)
	zenc, err := newDictless()
	if err != nil {
		f.Fatal(err)
	}
	batch := producerBatch{events: []Event{{Value: other}, {Value: value}, {Value: []byte("x")}}}.bytes(f)
	h, err := verify(batch)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := appendPack(nil, batch, &h, records.Bounds, func(dst, src []byte) ([]byte, error) { return zenc.EncodeAll(src, dst), nil })
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(0), []byte{}, int64(0), int32(0))
	f.Add(uint16(packTable), []byte{0x80, 0x80, 1, 0x7f}, int64(1), int32(7))
	f.Add(uint16(packTable+3), bytes.Repeat([]byte{0xff}, 9), int64(2), int32(0))
	f.Add(uint16(12), []byte{0, 0, 0, 0}, int64(-1), int32(-1))
	const limit = 1 << 20
	dec, err := newUnpacker(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at uint16, edit []byte, delta int64, part int32) {
		b := slices.Clone(whole)
		copy(b[int(at)%len(b):], edit)
		end, err := packTableEnd(b, int64(len(b)))
		if err != nil || end > int64(len(b)) {
			return
		}
		if end >= 12 {
			binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[12:end], castagnoli))
		}
		p, err := parsePack(b[:end], int64(len(b)), limit)
		if err != nil {
			return
		}
		if p.plain > limit {
			t.Fatalf("%d bytes", p.plain)
		}
		if i := p.holds(delta, part); i >= len(p.chunks) {
			t.Fatalf("chunk %d of %d", i, len(p.chunks))
		}
		log := &Disk{opt: Options{Split: records.Bounds}}
		for i := range p.chunks {
			c := &p.chunks[i]
			plain, err := c.unpack(dec, []byte{'['}, b[c.at:][:c.packed])
			if err != nil {
				continue
			}
			var got []byte
			want := []wanted{{Place{delta, part}, &got}}
			if c.part > 0 {
				log.pickEvent(plain, c.delta, c.part, want)
			} else {
				_ = log.pickEvents(plain[1:], 0, want)
			}
			_, _, _ = p.eventIn(plain[1:], delta)
			_, _, _ = truncatedValue(plain[1:])
		}
	})
}
