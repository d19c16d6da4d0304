package fn

import (
	"strings"
	"testing"

	"sextant/table"
)

// TestRows walks the catalogue for what every row owes its readers.
func TestRows(t *testing.T) {
	c := New()
	checkSigs := func(name string, all []Sig) {
		for _, s := range all {
			optional := false
			for i, p := range s.Params {
				if p.Name == "" {
					t.Errorf("%s: parameter %d has no name", name, i)
				}
				if optional && !p.Optional {
					t.Errorf("%s: %s stands behind an optional parameter", name, p.Name)
				}
				optional = p.Optional
			}
			if s.ResultOf == nil && s.Result == table.Unknown {
				t.Errorf("%s: a signature has no result", name)
			}
			if s.Variadic && len(s.Params) == 0 {
				t.Errorf("%s: nothing to repeat", name)
			}
		}
	}
	doc := func(name, doc string) {
		if !strings.HasSuffix(doc, ".") || len(doc) < 5 {
			t.Errorf("%s: no line of documentation", name)
		}
	}
	for _, s := range c.Scalars() {
		doc(s.Name, s.Doc)
		checkSigs(s.Name, s.Sigs)
		if len(s.Sigs) == 0 {
			t.Errorf("%s: no signature", s.Name)
		}
		ways := 0
		for _, has := range []bool{s.Eval != nil, s.Lazy != nil, s.Row != NotRow, s.Refused != ""} {
			if has {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%s: needs exactly one of Eval, Lazy, Row and Refused", s.Name)
		}
		for _, a := range s.Aliases {
			if c.Scalar(a) != s {
				t.Errorf("%s: alias %s leads elsewhere", s.Name, a)
			}
		}
	}
	for _, a := range c.Aggregates() {
		doc(a.Name, a.Doc)
		checkSigs(a.Name, a.Sigs)
		if a.Refused == "" && (a.New == nil || a.ResultName == nil) {
			t.Errorf("%s: needs New and ResultName", a.Name)
		}
	}
}

func TestResolve(t *testing.T) {
	c := New()
	long, text := Arg{Type: table.Long}, Arg{Type: table.String}
	f := func(name string, want string, args ...Arg) {
		t.Helper()
		_, _, got, err := Resolve(name, c.Scalar(name).Sigs, args)
		if err != nil {
			if err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		if got.String() != want {
			t.Errorf("%s: result %s, want %s", name, got, want)
		}
	}
	f("+", "long", Arg{Type: table.Int}, Arg{Type: table.Int})
	f("+", "real", long, Arg{Type: table.Real})
	f("+", "datetime", Arg{Type: table.DateTime}, Arg{Type: table.TimeSpan})
	f("-", "timespan", Arg{Type: table.DateTime}, Arg{Type: table.DateTime})
	f("/", "real", Arg{Type: table.TimeSpan}, Arg{Type: table.TimeSpan})
	f("bin", "real", long, Arg{Type: table.Real})
	f("iff", "dynamic", Arg{Type: table.Bool}, long, text)
	f("iff", "string", Arg{Type: table.Bool}, Arg{Type: table.Dynamic}, text)
	f("case", "long", Arg{Type: table.Bool}, long, Arg{Type: table.Int})
	f("strlen", "strlen: argument 1 (value) cannot be a long; it takes strlen(value: string or dynamic)", long)
	f("strcmp", "strcmp: 1 arguments are too few; it takes strcmp(a, b)", text)
}
