package query

import (
	"strings"
	"testing"
)

func TestRowwise(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := ""
		if wrong := Rowwise(text, "source"); wrong != nil {
			got = wrong.Error()
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
	f("source", "")
	f("source | where n > 1 | extend TimeGenerated = now(), a = tostring(d.a) | project-away d", "")
	f("source | parse text with 'a' b:long | parse-where text with * 'c' e | parse-kv text as (k:string)", "")
	f("let limit = 5; let mine = source | where n > limit; mine | project-rename m = n | project-reorder m", "")
	f("source | extend known = n in (datatable(n:long)[1, 2])", "")
	f("source | extend source = 1 | extend twice = source + source", "") // columns of that name
	f("source | summarize count()", "'summarize' does not work on each record by itself")
	for _, op := range []string{"join (source) on n", "union source", "take 5", "top 1 by n", "sort by n", "distinct n", "mv-expand d", "lookup (datatable(n:long)[1]) on n",
		"count", "serialize", "make-series count() on t step 1h", "evaluate bag_unpack(d)", "render table", "as x", "getschema", "sample 1"} {
		f("source | extend a = 1 | "+op, "does not work on each record by itself; a transform may use where, extend, project,")
	}
	f("source | extend n = toscalar(source | count)", "does not work")
	f("let other = source | where n == 1; source | where n in (other)", "source is read twice")
	f("source; source", "source is read twice")
	f("print TimeGenerated = now()", "'print' does not work")
	f("datatable(TimeGenerated:datetime)[]", "does not read source")
	f("source | nope", "there is no operator")
	if wrong := Rowwise("source | count", "source"); len(wrong) != 1 || wrong[0].Span.Start != 9 {
		t.Errorf("the place of what is refused: %+v", wrong)
	}
}
