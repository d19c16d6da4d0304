package table

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Case never changes where a term ends.
func TestLowerKeepsTerms(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		low := unicode.ToLower(r)
		if IsTermRune(r) != IsTermRune(low) {
			t.Errorf("%U is %v, lower case %U is %v", r, IsTermRune(r), low, IsTermRune(low))
		}
		if unicode.ToLower(low) != low {
			t.Errorf("%U has the lower case %U, which has another", r, low)
		}
	}
}

func TestIndexTerms(t *testing.T) {
	for _, c := range []struct {
		text       string
		start, end bool
		want       string
	}{
		{"", true, true, ""},
		{"--", true, true, ""},
		{"Zoë", true, true, "zoë"},
		{"user@Contoso.example", true, true, "contoso example user"},
		{"user@Contoso.example", false, true, "contoso example"},
		{"user@Contoso.example", true, false, "contoso user"},
		{"user@Contoso.example", false, false, "contoso"},
		{"user", false, true, ""},
		{"/user/", false, false, "user"},
		{"a a A", true, true, "a"},
		{"203.0.113.7", true, true, "0 113 203 203.0.113.7 7"},
		{"203.0.113.7", false, true, "0 113 7"},
		{"1.203.0.113.7", true, true, "0 1 1.203.0.113 113 203 203.0.113.7 7"},
		{"1.2.3..4", true, true, "1 2 3 4"},
		{"1.2.x.3.4", true, true, "1 2 3 4 x"},
		{"1.2.3.4x", true, true, "1 2 3 4x"},
		{"1.2-3.4", true, true, "1 2 3 4"},
		{"１.２.３.４", true, true, "１ ２ ３ ４"},
	} {
		want := strings.Fields(c.want)
		slices.Sort(want)
		if got := IndexTerms(c.text, c.start, c.end); !slices.Equal(got, want) {
			t.Errorf("%q %v %v: %q, want %q", c.text, c.start, c.end, got, want)
		}
	}
}

// A text that occurs in another as whole terms has only terms that the other has.
func FuzzIndexTerms(f *testing.F) {
	f.Add("from 10.0.0.12:443 to", "10.0.0.12", 5)
	f.Add("K\u212aelvin İstanbul", "kelvin", 1)
	f.Add("1.2.3.4.5", "2.3.4.5", 2)
	f.Fuzz(func(t *testing.T, text, part string, cut int) {
		if cut >= 0 && cut < len(text) { // mostly a part of the text
			part = text[cut:][:min(len(part), len(text)-cut)]
		}
		low, lowPart := Lower(text), Lower(part)
		at := strings.Index(low, lowPart)
		if at < 0 {
			return
		}
		whole := IndexTerms(text, true, true)
		for _, term := range IndexTerms(part, false, false) {
			if !slices.Contains(whole, term) {
				t.Errorf("%q has %q inside, and not its term %q", text, part, term)
			}
		}
	})
}
