package commitlog

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
)

// Batches go to a TCP connection without a copy, from the journal and from
// segments, and arrive as they lie.
func TestFetchToConnection(t *testing.T) {
	d, err := Open(bg, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog(t, d)
	big := string(bytes.Repeat([]byte("0123456789abcdef"), 20_000))
	var want []string
	for i, v := range []string{"a", big, "c", big, "e"} {
		if _, err := d.AppendBatch(bg, "t", 0, foreign(None, v).bytes(t)); err != nil {
			t.Fatal(err)
		}
		want = append(want, string(rune('0'+i))+"="+v)
		if i == 2 {
			mustSeal(t, d)
		}
	}
	f, err := d.Fetch(bg, "t", 0, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Next != 5 || f.Start != 0 || f.End != 5 {
		t.Errorf("Fetch = %+v", f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan []byte)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		b, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		got <- b
		c.Close()
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.WriteTo(c); n != int64(f.Bytes) || err != nil {
		t.Errorf("WriteTo = %d of %d, %v", n, f.Bytes, err)
	}
	c.Close()
	sent := <-got
	mem, err := f.AppendTo(nil)
	if err != nil || !bytes.Equal(sent, mem) {
		t.Errorf("sent %d bytes, there are %d, %v", len(sent), len(mem), err)
	}
	if v := kafkaValues(t, sent, 0); !slices.Equal(v, want) {
		t.Errorf("the client read %d events", len(v))
	}
}

func TestFetchLimits(t *testing.T) {
	d, err := Open(bg, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog(t, d)
	one := foreign(None, "0123456789")
	size := len(one.bytes(t))
	for range 6 {
		if _, err := d.AppendBatch(bg, "t", 0, one.bytes(t)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(from int64, maxBytes int, next int64) {
		t.Helper()
		x, err := d.Fetch(bg, "t", 0, from, maxBytes)
		if err != nil || x.Next != next {
			t.Errorf("Fetch(%d, %d) ends at %d, %v; want %d", from, maxBytes, x.Next, err, next)
			return
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
	check := func() {
		t.Helper()
		f(0, 0, 1)
		f(0, size-1, 1)
		f(0, 2*size, 2)
		f(1, 3*size-1, 3)
		f(0, 100*size, 6)
		f(6, 100, 6)
	}
	check()
	d.opt.SealedBatch = 1 // nothing is merged, so that sizes stay
	mustSeal(t, d)
	check()
}
