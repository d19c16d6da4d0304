package record

import (
	"strings"
	"testing"
)

func TestView(t *testing.T) {
	var v View
	if err := v.Read([]byte(`{"a":null,"B":{"c":[1,"x\"y",true]},"plain":"p","a2":{}}`)); err != nil {
		t.Fatal(err)
	}
	c := v.Walk(0, "b", "C")
	if v.Kind(c) != Array || v.Len(c) != 3 || string(v.Raw(c)) != `[1,"x\"y",true]` {
		t.Errorf("%v %s", v.Kind(c), v.Raw(c))
	}
	var kinds []NodeKind
	var texts []string
	v.Elements(c, func(n Node) {
		kinds = append(kinds, v.Kind(n))
		texts = append(texts, string(v.Text(n)))
	})
	if len(kinds) != 3 || kinds[0] != Number || kinds[1] != Text || kinds[2] != Truth || strings.Join(texts, "|") != `|x"y|` {
		t.Errorf("%v %q", kinds, texts)
	}
	var keys []string
	v.Members(0, func(key []byte, _ Node) { keys = append(keys, string(key)) })
	if strings.Join(keys, " ") != "a B plain a2" || v.Len(0) != 4 {
		t.Errorf("%v", keys)
	}
	if v.Find(0, "nope") != None || v.Kind(None) != Nothing || v.Raw(None) != nil || v.Kind(v.Find(0, "a")) != Nothing || v.Walk(0, "plain", "x") != None {
		t.Error("what is not there is there")
	}
	if !v.Plain(v.Find(0, "plain")) || v.Plain(v.Find(0, "a2")) {
		t.Error("plain")
	}
	if err := v.Read([]byte(`{"a":`)); err == nil {
		t.Error("half a record was read")
	}
	if err := v.Read([]byte(`{"a":"b"}`)); err != nil || string(v.Text(v.Find(0, "a"))) != "b" {
		t.Errorf("used again: %v", err)
	}
}
