package access

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"sextant/fault"
)

func TestNewPasswords(t *testing.T) {
	h := newHouse(t)
	_, err := h.SetTenant(t.Context(), by, home, func(d *Directory) error { d.DisplayName = "Alder Moor Ltd"; return nil })
	h.ok(err)
	ann := Person{UserPrincipalName: "ann.berg@aldermoor.example", DisplayName: "Ann-Kristin Berg"}
	text, err := os.ReadFile("testdata/passwords.txt")
	h.ok(err)
	says := map[string]string{"length": "12 to 256 characters", "account": "the account's name", "tenant": "the tenant's name", "easy": "too easy to guess"}
	n := 0
	for f := range fields(string(text), 2) {
		n++
		err := h.CheckNewPassword(home, ann, f[0])
		if f[1] == "ok" {
			if err != nil {
				t.Errorf("%s: %v", f[0], err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), says[f[1]]) || says[f[1]] == "" {
			t.Errorf("%s: %v, want %s", f[0], err, f[1])
		}
		if err != nil && strings.Contains(err.Error(), f[0]) {
			t.Errorf("the refusal of %s repeats it", f[0])
		}
	}
	if n < 30 {
		t.Errorf("only %d passwords", n)
	}
	// Whatever it asks for holds for every way in which a password is set.
	p := h.person("bo@aldermoor.example")
	if err := h.SetPassword(t.Context(), by, home, p.ID, "password1234", false); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a common password was set: %v", err)
	}
	if err := h.SetPassword(t.Context(), by, home, p.ID, "a walk on aldermoor heath", false); fault.KindOf(err) != fault.Invalid {
		t.Errorf("the tenant's domain was set: %v", err)
	}
}

// Every word of the list is one part, whatever stands for its letters.
func TestCommonWords(t *testing.T) {
	words := readCommonWords()
	if len(words) < 500 {
		t.Fatalf("only %d words", len(words))
	}
	for w := range words {
		if len(w) < 3 || strings.ContainsFunc(w, func(r rune) bool { return r < 'a' || r > 'z' || r == 'l' }) {
			t.Errorf("%q is not spelt as it is looked for", w)
		}
		if got := worth([]rune(w), words); got != 1 {
			t.Errorf("%s is worth %d", w, got)
		}
	}
	for _, w := range []string{"p4$$w0rd", "PASSW0RD", "m1chae1", "we1come", "adm!n"} {
		if got := worth([]rune(strings.ToLower(w)), words); got != 1 {
			t.Errorf("%s is worth %d", w, got)
		}
	}
}

func FuzzNewPassword(f *testing.F) {
	for _, s := range []string{"password1234", "Ännchen von Tharau 1636", "\xff", strings.Repeat("ab", 128), "ﬁﬁﬁﬁﬁﬁﬁﬁﬁﬁﬁﬁ", "12345678901234567890"} {
		f.Add(s)
	}
	words := readCommonWords()
	f.Fuzz(func(t *testing.T, password string) {
		if len(password) > 1024 {
			return
		}
		plain := []rune(strings.ToLower(norm.NFKC.String(password)))
		n := len(plain)
		if got := worth(plain, words); got > n || got < 0 || n > 0 && got == 0 {
			t.Fatalf("%q of %d characters is worth %d", password, n, got)
		}
	})
}
