package commitlog

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"

	"sextant/commitlog/vfs"
)

func mustSeal(t testing.TB, d *Disk) Report {
	t.Helper()
	rep, err := d.Seal(bg)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return rep
}

// What is read does not depend on where it lies: in memory, in the journal, in
// a segment, in a merged one, before or after reopening.
func TestSealingChangesNothing(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{SealedBatch: 600})
	var want []string
	n := 0
	fill := func() {
		for i := range 5 {
			a, b := fmt.Sprintf("%s-%d", strings.Repeat("x", 10*i), n), fmt.Sprint("y", n)
			if i%2 == 0 {
				mustAppend(t, d, "t", a, b)
			} else if _, err := d.AppendBatch(bg, "t", 0, foreign(Codec(i), a, b).bytes(t)); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%d=%s", n, a), fmt.Sprintf("%d=%s", n+1, b))
			n += 2
		}
		mustAppend(t, d, "other", "z")
	}
	check := func(when string) {
		t.Helper()
		for from := range want {
			if got := values(t, d, "t", 0, int64(from)); !slices.Equal(got, want[from:]) {
				t.Fatalf("%s: Reader from %d: %q", when, from, got)
			}
			if got := kafkaValues(t, fetchAll(t, d, "t", 0, int64(from), 50*from), int64(from)); !slices.Equal(got, want[from:]) {
				t.Fatalf("%s: Fetch from %d: %q", when, from, got)
			}
			e, err := d.Event(bg, "t", 0, int64(from))
			if err != nil || fmt.Sprintf("%d=%s", e.Offset, e.Value) != want[from] {
				t.Fatalf("%s: Event %d: %+v, %v", when, from, e, err)
			}
		}
	}
	fill()
	check("hot")
	if rep := mustSeal(t, d); rep.Sealed != 2 || rep.Journals != 1 {
		t.Errorf("first Seal: %+v", rep)
	}
	check("sealed")
	fill()
	check("sealed and hot")
	merged := 0
	for range 6 {
		merged += mustSeal(t, d).Merged
		check("sealed again")
		fill()
		check("hot again")
	}
	if merged == 0 {
		t.Errorf("nothing was merged")
	}
	closeLog(t, d)
	d = openMem(t, m, Options{})
	check("reopened")
	for name := range m.Names("log") {
		if strings.HasSuffix(name, ".idx") {
			if err := m.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeLog(t, d)
	d = openMem(t, m, Options{})
	check("without index files")
	closeLog(t, d)
}

func TestSealedIsSmaller(t *testing.T) {
	d := openMem(t, vfs.NewMem(), Options{})
	defer closeLog(t, d)
	plain := 0
	events := signIns(4000)
	for _, e := range events {
		plain += len(e.Value)
	}
	for c := range slices.Chunk(events, 100) {
		if _, err := d.Append(bg, "t", c); err != nil {
			t.Fatal(err)
		}
	}
	rep := mustSeal(t, d)
	if rep.After*3 > rep.Before*2 || rep.After*8 > int64(plain) {
		t.Errorf("%d bytes of JSON took %d as appended and %d sealed", plain, rep.Before, rep.After)
	}
	t.Logf("JSON %d, hot %d (1/%.1f), sealed %d (1/%.1f)", plain, rep.Before, float64(plain)/float64(rep.Before), rep.After, float64(plain)/float64(rep.After))
}

func TestRetention(t *testing.T) {
	m, clk := vfs.NewMem(), newClock()
	opt := Options{Now: clk.now, Retention: func(topic string) Retention {
		switch topic {
		case "aged":
			return Retention{Age: 48 * time.Hour}
		case "small":
			return Retention{Bytes: 320}
		}
		return Retention{}
	}}
	d := openMem(t, m, opt)
	for day := range 4 {
		for _, topic := range []string{"aged", "small", "kept"} {
			mustAppend(t, d, topic, fmt.Sprint("day ", day), strings.Repeat("v", 10))
		}
		mustSeal(t, d)
		clk.t = clk.t.Add(25 * time.Hour)
	}
	rep, err := d.Maintain(bg)
	if err != nil {
		t.Fatal(err)
	}
	start := func(topic string) int64 {
		t.Helper()
		topics, err := d.Topics(bg)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range topics {
			if x.Name == topic {
				return x.Partitions[0].Start
			}
		}
		t.Fatalf("topic %s is gone", topic)
		return 0
	}
	if got := []int64{start("aged"), start("small"), start("kept")}; !slices.Equal(got, []int64{6, 4, 0}) {
		t.Errorf("starts are %v; report %+v", got, rep)
	}
	// Everything goes; offsets go on, also after reopening.
	clk.t = clk.t.Add(1000 * time.Hour)
	if rep, err = d.Maintain(bg); err != nil || len(rep.Dropped) != 1 || rep.Dropped[0].Reason != DropAge || rep.Dropped[0].To != 7 {
		t.Errorf("Maintain = %+v, %v", rep, err)
	}
	closeLog(t, d)
	d = openMem(t, m, opt)
	defer closeLog(t, d)
	if got := start("aged"); got != 8 {
		t.Errorf("after reopening aged starts at %d", got)
	}
	if ack := mustAppend(t, d, "aged", "new"); ack.Base != 8 {
		t.Errorf("offset %d was given again", ack.Base)
	}
	if _, err := d.Reader("aged", 0, 3); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("Reader of what is gone: %v", err)
	}
	var oor *OffsetError
	if _, err := d.Fetch(bg, "aged", 0, 3, 1); !errors.As(err, &oor) || oor.Start != 8 || oor.End != 9 {
		t.Errorf("Fetch of what is gone: %v", err)
	}
	size, _ := d.Tree()
	leaves, err := d.Leaves(0, int(size))
	if err != nil {
		t.Fatal(err)
	}
	drops := 0
	for _, l := range leaves {
		if l.Kind == LeafDrop && l.Topic == "aged" {
			drops++
		}
	}
	if drops != 4 {
		t.Errorf("%d leaves tell of what was dropped from aged, not 4", drops)
	}
}

// A reader that is overtaken by retention says so, and one that holds on to
// what is being removed reads it to its end.
func TestRetentionUnderReaders(t *testing.T) {
	clk := newClock()
	d := openMem(t, vfs.NewMem(), Options{Now: clk.now, Retention: func(string) Retention { return Retention{Age: time.Hour} }})
	defer closeLog(t, d)
	mustAppend(t, d, "t", "old")
	mustSeal(t, d)
	f, err := d.Fetch(bg, "t", 0, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Reader("t", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	clk.t = clk.t.Add(2 * time.Hour)
	if _, err := d.Maintain(bg); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(bg); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("overtaken reader: %v", err)
	}
	var b bytes.Buffer
	if _, err := f.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if got := kafkaValues(t, b.Bytes(), 0); !slices.Equal(got, []string{"0=old"}) {
		t.Errorf("held fetch: %q", got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// The tree is RFC 6962's over the leaves; a leaf is there for every batch, says
// what the batch says, and stays true when the batch is sealed.
func TestLeaves(t *testing.T) {
	m := vfs.NewMem()
	d := openMem(t, m, Options{})
	theirs := foreign(Zstd, "a", "b").bytes(t)
	if _, err := d.AppendBatch(bg, "foreign", 0, theirs); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, d, "own", "c")
	check := func(when string, n int) []Leaf {
		t.Helper()
		size, root := d.Tree()
		leaves, err := d.Leaves(0, 1000)
		if err != nil || len(leaves) != n || size != uint64(n) {
			t.Fatalf("%s: %d leaves of %d, %v", when, len(leaves), size, err)
		}
		if want := slowRoot(leaves); !bytes.Equal(root[:], want) {
			t.Errorf("%s: root is %x, by the definition %x", when, root, want)
		}
		return leaves
	}
	leaves := check("hot", 2)
	if l := leaves[0]; l.Kind != LeafForeign || l.Topic != "foreign" || l.Base != 0 || l.Last != 1 || l.Hash != sha256.Sum256(theirs[21:]) {
		t.Errorf("leaf of a client's batch: %+v", l)
	}
	own := leaves[1]
	mustSeal(t, d)
	leaves = check("sealed", 3)
	if l := leaves[2]; l.Kind != LeafContent || l.Topic != "foreign" || l.Ref != 0 || l.Last != 1 {
		t.Errorf("leaf of its content: %+v", l)
	}
	// What is on the disk now proves both.
	for _, l := range []Leaf{leaves[2], own} {
		raw := fetchAll(t, d, l.Topic, 0, 0, 1<<20)
		h, err := parseHead(raw)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := d.cs.uncompress(codecOf(&h), raw[headLen:])
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := contentOf(&h, plain); err != nil || sum != l.Hash {
			t.Errorf("content of %s is %x, %v; its leaf says %x", l.Topic, sum, err, l.Hash)
		}
	}
	closeLog(t, d)
	d = openMem(t, m, Options{})
	check("reopened", 3)
	mustAppend(t, d, "own", "d")
	check("grown", 4)
	closeLog(t, d)
	// The leaf file is only a copy of what the journals say, as far as they reach.
	f, err := m.OpenWrite("log/leaves")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(rowLen*3 + 7); err != nil {
		t.Fatal(err)
	}
	d = openMem(t, m, Options{})
	check("after losing rows of the file", 4)
	closeLog(t, d)
}

// slowRoot is RFC 6962 section 2.1, word for word.
func slowRoot(leaves []Leaf) []byte {
	switch len(leaves) {
	case 0:
		return rfc6962.DefaultHasher.EmptyRoot()
	case 1:
		return leaves[0].TreeHash()
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return rfc6962.DefaultHasher.HashChildren(slowRoot(leaves[:k]), slowRoot(leaves[k:]))
}

func TestOffsetAt(t *testing.T) {
	d := openMem(t, vfs.NewMem(), Options{})
	defer closeLog(t, d)
	base := newClock().t
	for i := range 6 {
		at := base.Add(time.Duration(i) * time.Minute)
		if _, err := d.Append(bg, "t", []Event{{Value: []byte("x"), Time: at}, {Value: []byte("y"), Time: at.Add(time.Second)}}); err != nil {
			t.Fatal(err)
		}
		if i == 1 || i == 3 {
			mustSeal(t, d)
		}
	}
	f := func(after time.Duration, want int64, found bool) {
		t.Helper()
		got, ok, err := d.OffsetAt(bg, "t", 0, base.Add(after))
		if err != nil || got != want || ok != found {
			t.Errorf("OffsetAt(+%v) = %d, %v, %v; want %d, %v", after, got, ok, err, want, found)
		}
	}
	f(-time.Hour, 0, true)
	f(0, 0, true)
	f(time.Millisecond, 1, true)
	f(time.Minute, 2, true)
	f(2*time.Minute+500*time.Millisecond, 5, true)
	f(3*time.Minute+time.Second, 7, true)
	f(5*time.Minute, 10, true)
	f(5*time.Minute+2*time.Second, 0, false)
}

// Producers go on while Maintain works, so the manifest it writes may know more
// than the head of a journal that is not sealed yet. (Found by killing a process.)
func TestManifestYoungerThanJournals(t *testing.T) {
	m, clk := vfs.NewMem(), newClock()
	var d *Disk
	busy := false
	opt := Options{Now: clk.now, JournalBytes: 1000, Retention: func(string) Retention {
		for i := range 20 {
			if busy {
				mustAppend(t, d, "t", fmt.Sprint("meanwhile ", i))
			}
		}
		return Retention{Age: time.Hour}
	}}
	d = openMem(t, m, opt)
	mustAppend(t, d, "t", "old")
	mustSeal(t, d)
	clk.t = clk.t.Add(2 * time.Hour)
	busy = true
	if rep, err := d.Maintain(bg); err != nil || len(rep.Dropped) != 1 {
		t.Fatalf("Maintain = %+v, %v", rep, err)
	}
	busy = false
	mustAppend(t, d, "t", "last")
	size, root := d.Tree()
	after := m.CrashClone(nil)
	closeLog(t, d)
	d = openMem(t, after, opt)
	defer closeLog(t, d)
	if got := values(t, d, "t", 0, 1); len(got) != 21 || got[20] != "21=last" {
		t.Errorf("after a crash: %q", got)
	}
	if n, r := d.Tree(); n != size || r != root {
		t.Errorf("the tree has %d leaves, or another root; it had %d", n, size)
	}
}
