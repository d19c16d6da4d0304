package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	f := func(events, require, last string, ok bool, parts ...string) {
		t.Helper()
		r := newReport()
		if err := r.read(strings.NewReader(events)); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if got := r.write(&out, require); got != ok || !strings.HasSuffix(out.String(), last+"\n") {
			t.Errorf("%v:\n%s\nshould end with %s", got, out.String(), last)
		}
		for _, p := range parts {
			if !strings.Contains(out.String(), p) {
				t.Errorf("no %q in\n%s", p, out.String())
			}
		}
	}
	pass := `{"Action":"pass","Package":"p","Test":"A"}` + "\n" + `{"Action":"pass","Package":"p","Elapsed":30}` + "\n"
	skip := func(why string) string {
		return `{"Action":"output","Package":"p","Test":"S","Output":"    s_test.go:7: ` + why + `\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"S"}` + "\n"
	}
	f(pass, "", "1 passed, 0 failed, 0 skipped", true, "30 s  p")
	f("", "", "0 passed, 1 failed, 0 skipped", false, "no test ran")
	f(pass+skip("it is slow"), "shared", "1 passed, 0 failed, 1 skipped", true, "1  it is slow")
	f(pass+skip("the reference schemas are not at ../../shared"), "", "1 passed, 0 failed, 1 skipped", true)
	f(pass+skip("the reference schemas are not at ../../shared"), "shared", "1 passed, 1 failed, 0 skipped", false, "SEXTANT_REQUIRE (shared)")
	f(pass+skip("no reference at hand: open x: no such file"), "other, shared", "1 passed, 1 failed, 0 skipped", false)
	f(pass+skip("skipped 1 case: there is no Chromium; the package chromium brings it"), "shared, chromium", "1 passed, 1 failed, 0 skipped", false)
	f(pass+skip("skipped 1 case: the packages of python/requirements.txt cannot be had: exit status 1"), "python", "1 passed, 1 failed, 0 skipped", false)
	f(pass+skip("skipped 1 case: the packages of python/requirements.txt cannot be had: exit status 1"), "clients", "1 passed, 0 failed, 1 skipped", true)
	f(pass+skip("no docker here"), "docker", "1 passed, 1 failed, 0 skipped", false)
	// A failing test is counted once, with what it said, not again with its package.
	f(pass+`{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"B"}
{"Action":"fail","Package":"p"}
`, "", "1 passed, 1 failed, 0 skipped", false, "p B", "wrong")
	// A package that does not build, or dies, is one failure.
	f(pass+`{"Action":"build-output","ImportPath":"q [q.test]","Output":"q.go:1: undefined: x\n"}
{"Action":"build-fail","ImportPath":"q [q.test]"}
{"Action":"fail","Package":"q"}
`, "", "1 passed, 1 failed, 0 skipped", false, "undefined: x")
	f(pass+"panic in the tool\n", "", "1 passed, 1 failed, 0 skipped", false, "panic in the tool")
}
