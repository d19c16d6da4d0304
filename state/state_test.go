package state

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"sextant/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *DB {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeDB(t *testing.T, d *DB) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

type thing struct{ Name string }

func TestDocumentsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	for i := range 5 {
		if _, err := d.Put("table", fmt.Sprintf("a/%d", i), thing{fmt.Sprint(i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"b/1", "a"} { // beside the prefix
		if _, err := d.Put("table", id, thing{"other"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Put("tables", "a/9", thing{"of another kind"}, ""); err != nil {
		t.Fatal(err)
	}
	if found, err := d.Delete("table", "a/3", ""); !found || err != nil {
		t.Fatalf("delete: %v %v", found, err)
	}
	if found, err := d.Delete("table", "a/3", ""); found || err != nil {
		t.Fatalf("second delete: %v %v", found, err)
	}
	closeDB(t, d)
	d = open(t, dir)
	defer closeDB(t, d)
	docs, err := d.List("table", "a/")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, doc := range docs {
		var x thing
		if err := doc.Decode(&x); err != nil {
			t.Fatal(err)
		}
		got += doc.ID + "=" + x.Name + " "
	}
	if want := "a/0=0 a/1=1 a/2=2 a/4=4 "; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	if _, err := d.Get("table", "a/3"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a deleted document: %v", err)
	}
}

func TestETags(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	put := func(match string, want fault.Kind) Document {
		t.Helper()
		doc, err := d.Put("rule", "x", thing{match}, match)
		if (err != nil) != (want != fault.Internal) || err != nil && fault.KindOf(err) != want {
			t.Errorf("put if %s: %v", match, err)
		}
		return doc
	}
	put("*", fault.Conflict)
	first := put("", fault.Internal)
	second := put(first.ETag(), fault.Internal)
	put(first.ETag(), fault.Conflict)
	put(`W/`+second.ETag(), fault.Internal)
	if _, err := d.Delete("rule", "x", second.ETag()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("delete of what has changed: %v", err)
	}
	last := put("*", fault.Internal)
	if ok, err := d.Delete("rule", "x", last.ETag()); !ok || err != nil {
		t.Errorf("delete: %v %v", ok, err)
	}
	closeDB(t, d)
	d = open(t, dir)
	defer closeDB(t, d)
	if again := put("", fault.Internal); again.Version <= last.Version {
		t.Errorf("version %d was given again", again.Version)
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	d := open(t, t.TempDir())
	defer closeDB(t, d)
	doc, err := d.Put("case", "1", thing{"start"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	won := make(chan int, 8)
	for i := range 8 {
		wg.Go(func() {
			if _, err := d.Put("case", "1", thing{fmt.Sprint(i)}, doc.ETag()); err == nil {
				won <- i
			} else if fault.KindOf(err) != fault.Conflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d writers had the same etag", len(won))
	}
	now, err := d.Get("case", "1")
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := json.Marshal(thing{fmt.Sprint(<-won)}); string(now.Body) != string(want) {
		t.Errorf("kept %s, want %s", now.Body, want)
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	d := open(t, t.TempDir())
	defer closeDB(t, d)
	for _, id := range []string{"", "a\x00b"} {
		if _, err := d.Put("rule", id, thing{}, ""); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := d.Put("rule", "x", func() {}, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a body without JSON: %v", err)
	}
}
