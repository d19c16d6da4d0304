package state

import (
	"testing"

	"sextant/fault"
)

// All of a write happens, or none of it.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.Put("rule", "a", "1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(Change{Kind: "rule", ID: "a", Body: "2", Match: first.ETag()}, Change{Kind: "alert", ID: "x", Body: map[string]int{"n": 1}}, Change{Kind: "note", ID: "never", Body: nil}); err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string][]Change{
		"an etag that has passed":      {{Kind: "alert", ID: "y", Body: 1}, {Kind: "rule", ID: "a", Body: "3", Match: first.ETag()}},
		"a body without JSON":          {{Kind: "alert", ID: "y", Body: 1}, {Kind: "alert", ID: "z", Body: func() {}}},
		"an id that cannot name it":    {{Kind: "alert", ID: "y", Body: 1}, {Kind: "alert", ID: "", Body: 1}},
		"a document that should exist": {{Kind: "alert", ID: "y", Body: 1}, {Kind: "alert", ID: "z", Body: 1, Match: "*"}},
	} {
		if err := d.Write(changes...); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := d.Get("alert", "y"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: half of it was written: %v", name, err)
		}
	}
	if err := d.Write(Change{Kind: "alert", ID: "x"}, Change{Kind: "alert", ID: "y", Body: 2}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	rule, err := d.Get("rule", "a")
	if err != nil || string(rule.Body) != `"2"` || rule.Version <= first.Version {
		t.Errorf("%+v %v", rule, err)
	}
	y, err := d.Get("alert", "y")
	if err != nil || string(y.Body) != "2" || y.Version <= rule.Version {
		t.Errorf("%+v %v", y, err)
	}
	if _, err := d.Get("alert", "x"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("what was deleted is there: %v", err)
	}
	// Versions go on rising behind a write.
	if next, err := d.Put("rule", "a", "4", rule.ETag()); err != nil || next.Version <= y.Version {
		t.Errorf("%+v %v", next, err)
	}
}
