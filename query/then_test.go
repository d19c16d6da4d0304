package query_test

import (
	"strings"
	"testing"

	"sextant/query"
)

func TestThen(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := query.Then(text, "| count")
		if err != nil {
			got = err.Error()
		}
		if strings.ReplaceAll(got, "\n", " ") != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	f("T", "T | count")
	f("T | where a > 1 // that is all", "T | where a > 1 | count")
	f("let x = 1;\nT | take x;", "let x = 1; T | take x | count")
	f("T | summarize n = count() by a | render timechart with (title='x')", "T | summarize n = count() by a | count")
	f("print 1", "print 1 | count")
	f("union A, B", "union A, B | count")
	f("set notruncation; T", "set notruncation; T | count")
	f("T | count; T | take 1", "the query has 2 results; one works, behind its let statements")
	f("let x = 1;", "the query has 0 results; one works, behind its let statements")
	f("T | fork (take 1) (take 2)", "the query has several results; one works, without fork and facet")
	f("T | where (", "expected an expression, found the end of the query")
}
