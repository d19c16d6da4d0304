package commitlog

import (
	"fmt"
	"slices"
	"testing"

	"sextant/commitlog/vfs"
	"sextant/fault"
)

// One batch in the middle of a journal is damaged, in its payload or in its
// frame's head. Salvage opens the log without it, and everything else is as it was.
func TestSalvage(t *testing.T) {
	for _, closed := range []bool{false, true} { // whether another journal follows
		for frameAt, into := range map[string]int64{"head": 30, "payload": frameLen + headLen + 7} {
			t.Run(fmt.Sprint(frameAt, closed), func(t *testing.T) {
				m := vfs.NewMem()
				d := openMem(t, m, Options{NoCompression: true})
				for i := range 5 {
					mustAppend(t, d, []string{"t", "u"}[i%2], fmt.Sprint("v", i))
				}
				name, at := "", int64(0)
				for _, e := range d.topics["t"].parts[0].hot {
					if e.base == 1 {
						name, at = e.journal.file.name, e.pos-frameLen
					}
				}
				closeLog(t, d)
				if closed {
					d = openMem(t, m, Options{})
					mustAppend(t, d, "u", "later")
					closeLog(t, d)
				}
				d = openMem(t, m, Options{})
				size, root := d.Tree()
				closeLog(t, d)
				if err := m.Flip(name, at+into, 3); err != nil {
					t.Fatal(err)
				}
				if _, err := tryOpenMem(m, Options{}); fault.KindOf(err) != fault.Damaged {
					t.Fatalf("Open: %v", err)
				}
				check := func(when string) {
					t.Helper()
					if got, want := values(t, d, "t", 0, 0), []string{"0=v0", "2=v4"}; !slices.Equal(got, want) {
						t.Errorf("%s: t has %q", when, got)
					}
					if got := values(t, d, "u", 0, 0); !slices.Equal(got[:2], []string{"0=v1", "1=v3"}) {
						t.Errorf("%s: u has %q", when, got)
					}
					if _, err := d.Event(bg, "t", 0, 1); fault.KindOf(err) != fault.NotFound {
						t.Errorf("%s: the lost event: %v", when, err)
					}
				}
				d = openMem(t, m, Options{Salvage: true})
				if n, r := d.Tree(); n != size || r != root {
					t.Errorf("the tree changed: %d leaves of %d", n, size)
				}
				lost := d.Lost()
				if len(lost) != 1 || lost[0].Topic != "t" || lost[0].Base != 1 || lost[0].Last != 1 {
					t.Errorf("Lost = %+v", lost)
				}
				check("salvaged")
				mustSeal(t, d)
				check("sealed")
				closeLog(t, d)
				d = openMem(t, m, Options{})
				check("reopened without salvage")
				if ack := mustAppend(t, d, "t", "new"); ack.Base != 3 {
					t.Errorf("went on at %d", ack.Base)
				}
				closeLog(t, d)
			})
		}
	}
}
