package fn

import (
	"database/sql"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestUnicodeAgrees asks DuckDB about every code point: lower case, the runes of
// terms, and the classes of regular expressions must be Go's. A new version of
// either with other tables fails here.
func TestUnicodeAgrees(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	class := func(c string) string { return "regexp_matches(c, '^[" + c + "]$')" }
	rows, err := db.Query(`SELECT i, lower(c), upper(c), regexp_matches(c, '^[\p{L}\p{N}]$'), ` + class(perlClasses['d']) + ", " + class(perlClasses['s']) + ", " + class(perlClasses['w']) +
		` FROM (SELECT i, chr(i::INT) AS c FROM range(1, 1114112) r(i) WHERE i < 55296 OR i > 57343)`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var i int
		var low, up string
		var term, d, s, w bool
		if err := rows.Scan(&i, &low, &up, &term, &d, &s, &w); err != nil {
			t.Fatal(err)
		}
		n++
		r := rune(i)
		switch {
		case low != Lower(string(r)):
			t.Errorf("lower(%U)", r)
		case up != string(unicode.ToUpper(r)) && r != 'ß':
			t.Errorf("upper(%U)", r)
		case term != isTermRune(r):
			t.Errorf("term %U", r)
		case d != unicode.Is(unicode.Nd, r):
			t.Errorf(`\d %U`, r)
		case s != unicode.In(r, unicode.Z) && !(s && (r >= 9 && r <= 13 || r == 0x85)):
			t.Errorf(`\s %U`, r)
		case w != unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Pc) && !(w && (r == 0x200c || r == 0x200d)):
			t.Errorf(`\w %U`, r)
		}
	}
	if n < utf8.MaxRune-3000 {
		t.Errorf("only %d code points were asked for", n)
	}
}

func TestPattern(t *testing.T) {
	c := NewContext(t.Context(), 0, 0, nil)
	f := func(pattern, text string, want bool) {
		t.Helper()
		re := c.Regexp(pattern)
		if re == nil {
			t.Fatalf("%s is no pattern", pattern)
		}
		if got := re.MatchString(text); got != want {
			t.Errorf("%s on %q: %v", pattern, text, got)
		}
	}
	f(`^\s$`, "\u00a0", true)
	f(`^\S$`, "\u00a0", false)
	f(`^[\s]$`, "\u00a0", true)
	f(`^[^\s]$`, "\u00a0", false)
	f(`^[\S]$`, "\u00a0", false)
	f(`^[\Sx]$`, "é", true)
	f(`^\w+$`, "naïve_1", true)
	f(`^[\W]$`, "é", false)
	f(`^[\W]$`, "-", true)
	f(`^\d$`, "٣", true)
	f(`^[\D]$`, "٣", false)
	f(`^[]\d]+$`, "]1", true)
	f(`^[^]\d]$`, "1", false)
	f(`^[[:alpha:]\d]+$`, "a1", true)
	f(`^\Q\d\E\d$`, `\d1`, true)
	f(`^\\d$`, `\d`, true)
	f(`a[\w.-]+@`, "xa.b-c@", true)
}
