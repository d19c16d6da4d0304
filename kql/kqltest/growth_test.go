package kqltest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
)

// Expressions that make much of little end at a limit, before the memory is taken, and
// leave nothing charged.
func TestGrowthEnds(t *testing.T) {
	cat := fn.New()
	const most = 32 << 20
	f := func(name, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			budget := &fn.Budget{MaxBytes: most}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := kqltest.Eval{Catalogue: cat, Budget: func() *fn.Budget { return budget }}.Query(ctx, nil, text)
			runtime.ReadMemStats(&after)
			if fault.KindOf(err) != fault.Limit || ctx.Err() != nil {
				t.Errorf("%v, where a limit was to be reached", err)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 16*most {
				t.Errorf("%d MB were made, where %d may be held", made>>20, most>>20)
			}
			if held := heldBy(budget); held != 0 {
				t.Errorf("%d bytes are still charged", held)
			}
		})
	}
	const kilo = `print a = strrep("a", 1024) | extend `
	again := func(step string, n int) string {
		var b strings.Builder
		for i := range n {
			from, to := string(rune('a'+i)), string(rune('a'+i+1))
			b.WriteString(" | extend " + to + " = " + strings.ReplaceAll(step, "$", from))
		}
		return b.String()
	}
	f("texts joined", `print a = strrep("a", 1024)`+again(`strcat($, $, $, $, $, $, $, $)`, 8)+` | project strlen(i)`)
	f("texts with a delimiter", `print a = strrep("a", 1024)`+again(`strcat_delim($, $, $, $, $)`, 10)+` | project strlen(k)`)
	f("texts repeated", kilo+`b = strrep(strrep(strrep(a, 1024), 1024), 1024) | project strlen(b)`)
	f("an array joined", kilo+`b = strcat_array(range(1, 100000), a) | project strlen(b)`)
	f("a text replaced", kilo+`b = replace_string(strrep(a, 1000), "a", a) | project strlen(b)`)
	f("texts replaced", kilo+`b = replace_strings(strrep(a, 1000), dynamic(["a"]), pack_array(a)) | project strlen(b)`)
	f("a pattern replaced", kilo+`b = replace_regex(strrep(a, 1000), "a", a) | project strlen(b)`)
	f("a text that is folded", `print strlen(replace_strings("`+strings.Repeat("a", 30_000)+`", dynamic(["a"]), dynamic(["`+strings.Repeat("b", 30_000)+`"])))`)
	f("arrays joined", `print a = range(1, 1000)`+again(`array_concat($, $, $, $, $, $, $, $)`, 8)+` | project array_length(i)`)
	f("bags of bags as text", `print a = 1`+again(`pack_all()`, 25)+` | project strlen(tostring(z))`)
	f("bags of bags", `print a = 1`+again(`pack_all()`, 25))
	f("arrays of arrays as text", `print a = dynamic([1])`+again(`pack_array($, $, $, $)`, 20)+` | project strcat(u, "x")`)
	f("large cells of many rows", `range x from 1 to 1000 step 1 | extend y = strcat(x, strrep(strrep("a", 1024), 100)) | summarize max(strlen(y))`)
	f("large cells in a condition", `range x from 1 to 1000 step 1 | where strlen(strcat(x, strrep(strrep("a", 1024), 100))) > 1 | count`)
}

// What takes long for one row alone ends soon after the query's time.
func TestLongRowsEnd(t *testing.T) {
	cat := fn.New()
	f := func(text string) {
		t.Helper()
		const limit = 200 * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		begin := time.Now()
		_, _, err := kqltest.Eval{Catalogue: cat, Budget: func() *fn.Budget { return &fn.Budget{MaxBytes: 1 << 30} }}.Query(ctx, nil, text)
		if fault.KindOf(err) != fault.Limit {
			t.Errorf("%s: %v, where its time was to end", text, err)
		}
		if took := time.Since(begin); took > limit+3*time.Second {
			t.Errorf("%s took %v", text, took)
		}
	}
	f(`print a = range(1, 1000000) | project array_length(series_fir(a, range(1, 100000)))`)
	f(`print a = range(1, 1000000) | project array_length(series_iir(a, range(1, 100000), range(1, 100000)))`)
	f(`print a = range(1, 1000000) | project array_length(series_iir(a, dynamic([1]), range(1, 100000)))`)
}
