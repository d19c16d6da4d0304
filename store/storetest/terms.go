package storetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"sextant/store"
	"sextant/table"
)

// testTerms: asking for terms never loses a row that has them, whatever its texts
// are made of.
func testTerms(t *testing.T, e Engine) {
	def := table.Def{Name: "T", Time: "At", Text: []string{"Doc"}, Columns: table.Schema{
		{Name: "At", Type: table.DateTime}, {Name: "N", Type: table.Long}, {Name: "Text", Type: table.String}, {Name: "Doc", Type: table.Dynamic},
		{Name: "Id", Type: table.Guid}, {Name: "Small", Type: table.Int}, {Name: "Share", Type: table.Real}}}
	r := rand.New(rand.NewPCG(5, 5))
	alphabet := []rune("aAbBzZ019.. --_@/\\\"\n\tëËßſ\u212aİıǅΣςДд名前😀\u0301٣Ⅷ\u2028\u0000")
	word := func() string {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	// quoted writes a JSON string, some of its runes as escapes.
	quoted := func(s string) string {
		var b strings.Builder
		b.WriteByte('"')
		for _, c := range s {
			if c < 0x10000 && r.IntN(4) == 0 {
				fmt.Fprintf(&b, `\u%04x`, c)
				continue
			}
			text := string(table.AppendQuoted(nil, string(c)))
			b.WriteString(text[1 : len(text)-1])
		}
		return b.String() + `"`
	}
	const rows = 20_000
	texts := make([][]string, 0, rows) // of each row, all that may be asked for
	var cells [][]table.Value
	from := ticks("2026-01-02T00:00:00Z")
	for n := range rows {
		mine := fmt.Sprintf("%s %s%dx %d.%d.%d.%d", word(), word(), n, r.IntN(256), n>>8, n&255, r.IntN(256))
		inner, key := word()+strconv.Itoa(n), word()
		doc := fmt.Sprintf(`{ %s:[%s, {"k" :%s}],"n":%d}`, quoted(key), quoted(inner), quoted(word()), n)
		switch n % 50 {
		case 0:
			doc = quoted(inner)
		case 1:
			doc = []string{"1.50", "1e3", "-7", "null", "true"}[n/50%5]
		}
		d := table.DynamicText(doc)
		share := float64(r.IntN(1 << 20))
		if n%100 == 7 {
			share /= 7
		}
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", n, r.Uint64()>>16)
		small := r.Int64N(1<<32) - 1<<31
		row := []table.Value{table.DateTimeValue(from + int64(n)), table.LongValue(int64(n)), table.StringValue(mine), d, table.GuidValue(id), table.IntValue(small), table.RealValue(share)}
		cells = append(cells, row)
		all := []string{mine, id, strconv.FormatInt(small, 10), strconv.Itoa(n)}
		all = append(all, strconv.FormatFloat(share, 'f', -1, 64))
		switch x := d.Dyn().(type) {
		case *table.Object:
			all = append(all, doc, inner, key, string(table.AppendJSON(nil, x)))
		case string:
			all = append(all, x)
		case float64:
			all = append(all, strconv.FormatFloat(x, 'f', -1, 64))
		case int64, bool:
			all = append(all, doc)
		}
		texts = append(texts, all)
	}
	dir := t.TempDir()
	s := open(t, e, dir)
	noErr(t, s.Define(t.Context(), def))
	noErr(t, s.Append(t.Context(), rowsOf(&def, 0, cells[:rows/2]...)))
	noErr(t, s.Append(t.Context(), rowsOf(&def, rows/2, cells[rows/2:]...)))
	stages(t, e, dir, &s, func(stage string) {
		for range 120 {
			n := r.IntN(rows)
			if r.IntN(4) == 0 {
				n = n / 50 * 50 // a document that is one value
			}
			text := texts[n][r.IntN(len(texts[n]))]
			if runes := []rune(text); len(runes) > 2 && r.IntN(2) == 0 { // a part, that terms may go through
				a := r.IntN(len(runes))
				text = string(runes[a : a+1+r.IntN(len(runes)-a)])
			}
			whole := r.IntN(2) == 0
			terms := []store.Terms{{Any: [][]string{{"nobodyhasthis"}, table.IndexTerms(text, false, false)}}}
			if whole {
				terms = append(terms, store.Terms{Any: [][]string{table.IndexTerms(texts[n][0], true, true)}})
			}
			found := false
			for _, have := range readAll(t, s, store.Scan{Table: "T", Columns: []string{"N"}, Terms: terms}) {
				found = found || have == strconv.Itoa(n)
			}
			if !found {
				t.Errorf("%s: row %d has %q, and is not among the rows with the terms %q", stage, n, text, terms)
			}
		}
	})
}
