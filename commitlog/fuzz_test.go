package commitlog

import (
	"bytes"
	"testing"
	"time"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// FuzzBatch holds the reading of batches that anybody may send: no panic, and
// what is decoded survives being written by us.
func FuzzBatch(f *testing.F) {
	for _, c := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		f.Add(producerBatch{codec: c, id: 3, events: []Event{{Key: []byte("k"), Value: []byte("v"), Headers: []Header{{"h", []byte("x")}}}, {}}}.bytes(f))
	}
	f.Add([]byte(nil))
	cs, err := newCodecs(1 << 20)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > headLen { // get past the checksum, as an attacker does
			b = bytes.Clone(b)
			b[8], b[9], b[10], b[11] = byte((len(b)-12)>>24), byte((len(b)-12)>>16), byte((len(b)-12)>>8), byte(len(b)-12)
			fixCRC(b)
		}
		h, err := checkBatch(b, 1<<20)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%v is %v", err, fault.KindOf(err))
			}
			return
		}
		plain, err := cs.uncompress(codecOf(&h), b[headLen:])
		if err != nil {
			return
		}
		h.FirstOffset = 0
		events, err := decodeEvents(&h, plain, 0)
		if err != nil {
			return
		}
		if len(events) != int(h.NumRecords) {
			t.Fatalf("%d events of %d", len(events), h.NumRecords)
		}
		for i := range events {
			if events[i].Time.Year() < 1 || events[i].Time.Year() > 9999 || events[i].Time.IsZero() {
				return // such times are the producer's business
			}
		}
		again, _, err := encodeEvents(cs, None, events, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		h2, err := checkBatch(again, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeEvents(&h2, again[headLen:], 0)
		if err != nil || len(back) != len(events) {
			t.Fatalf("%d events of %d, %v", len(back), len(events), err)
		}
		for i := range back {
			if !bytes.Equal(back[i].Key, events[i].Key) || !bytes.Equal(back[i].Value, events[i].Value) || !back[i].Time.Equal(events[i].Time) || len(back[i].Headers) != len(events[i].Headers) {
				t.Fatalf("event %d changed: %+v, %+v", i, events[i], back[i])
			}
		}
	})
}

// FuzzSnappy holds the two forms of snappy.
func FuzzSnappy(f *testing.F) {
	cs, err := newCodecs(1 << 16)
	if err != nil {
		f.Fatal(err)
	}
	block, err := cs.compress(Snappy, nil, bytes.Repeat([]byte("sign-in "), 40))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	framed := append(bytes.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, byte(len(block)))
	f.Add(append(framed, block...))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := cs.uncompress(Snappy, b)
		if err == nil && len(out) > 1<<16 {
			t.Fatalf("%d bytes came out", len(out))
		}
	})
}

// FuzzRecovery opens logs whose files were edited: an error of a kind, or a log
// that can be read and written, never a panic.
func FuzzRecovery(f *testing.F) {
	build := func(t testing.TB) *vfs.Mem {
		m := vfs.NewMem()
		d := openMem(t, m, Options{NoCompression: true})
		mustAppend(t, d, "t", "a", "b")
		mustSeal(t, d)
		mustAppend(t, d, "t", "c")
		if _, err := d.AppendBatch(bg, "u", 0, producerBatch{id: 1, events: eventsOf("d")}.bytes(t)); err != nil {
			t.Fatal(err)
		}
		closeLog(t, d)
		return m
	}
	files := []string{"MANIFEST", "leaves", "journal/0000000000000002.log", "segments/t/0-00000000000000000000-1.seg", "segments/t/0-00000000000000000000-1.idx"}
	for i, name := range files {
		if _, err := vfs.ReadFile(build(f), "log/"+name); err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), uint16(40), []byte("garbage"), false)
		f.Add(uint8(i), uint16(0), []byte{}, true)
		f.Add(uint8(i), uint16(208), bytes.Repeat([]byte{0xff}, 30), true)
	}
	f.Fuzz(func(t *testing.T, file uint8, at uint16, data []byte, cut bool) {
		m := build(t)
		name := "log/" + files[int(file)%len(files)]
		h, err := m.OpenWrite(name)
		if err != nil {
			t.Fatal(err)
		}
		size, err := h.Size()
		if err != nil {
			t.Fatal(err)
		}
		off := int64(at) % (size + 1)
		if err := h.WriteAt([][]byte{data}, off); err != nil {
			t.Fatal(err)
		}
		if cut {
			if err := h.Truncate(off + int64(len(data))); err != nil {
				t.Fatal(err)
			}
		}
		d, err := tryOpenMem(m, Options{})
		if err != nil {
			if k := fault.KindOf(err); k != fault.Damaged && k != fault.Conflict {
				t.Fatalf("%v is %v", err, k)
			}
			return
		}
		topics, err := d.Topics(bg)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range topics {
			r, err := d.Reader(info.Name, 0, info.Partitions[0].Start)
			if err != nil {
				t.Fatal(err)
			}
			for {
				_, ok, err := r.TryNext(bg)
				if err != nil && fault.KindOf(err) != fault.Damaged {
					t.Fatalf("%v is %v", err, fault.KindOf(err))
				}
				if err != nil || !ok {
					break
				}
			}
		}
		mustAppend(t, d, "t", "more")
		closeLog(t, d)
	})
}
