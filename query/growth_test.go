package query

import (
	"context"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/kqltest"
)

// Texts that are joined again and again end at a limit in the engine's half of a query,
// too, which does not count them itself: the join that makes them long is called in Go.
func TestLongTexts(t *testing.T) {
	st := numbers(t, openDuckDB(t), 10)
	e := New(Options{Clock: clockAt(kqltest.Now), MaxBytes: 32 << 20})
	again := func(step string, n int, between string) string {
		var b strings.Builder
		b.WriteString("Numbers | where n < 3 | extend a = s")
		for i := range n {
			from, to := string(rune('a'+i)), string(rune('a'+i+1))
			b.WriteString(strings.ReplaceAll(between, "$", from) + " | extend " + to + " = " + strings.ReplaceAll(step, "$", from))
		}
		return b.String()
	}
	f := func(name, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			_, err := drain(ctx, e, st, Request{Text: text})
			if fault.KindOf(err) != fault.Limit || ctx.Err() != nil {
				t.Errorf("%v, where a limit was to be reached", err)
			}
		})
	}
	const join = "strcat($, $, $, $, $, $, $, $, $, $, $, $, $, $, $, $)"
	f("joined", again(join, 7, "")+" | summarize max(strlen(h))")
	f("joined behind filters", again(join, 7, " | where n >= 0")+" | summarize max(strlen(h))")
	f("joined behind groups", again("strcat(x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x)", 7, " | summarize x = max($) by n")+" | summarize max(strlen(h))")
	f("replaced", again(`replace_string($, substring($, 0, 1), strcat($, $, $, $, $, $, $, $))`, 6, "")+" | summarize max(strlen(g))")

	// What people write has its form.
	text, err := e.Explain(context.Background(), st, Request{Text: again("strcat($, ' ', n, '/', $, tolower($))", 3, "") + " | summarize count() by d"})
	if err != nil || strings.Contains(text, "too long") {
		t.Errorf("%v\n%s", err, text)
	}
}
