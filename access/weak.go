package access

import (
	_ "embed"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sextant/fault"
)

//go:embed data/passwords.txt
var passwordsText string

// Lengths of passwords, in characters, and what they are worth at least.
const (
	minPassword = 12
	maxPassword = 256
	minWorth    = 7
	ownName     = 4 // shorter names are in too many words
)

// readCommonWords of passwordsText.
func readCommonWords() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(passwordsText) {
		if line[0] != '#' {
			for w := range strings.FieldsSeq(line) {
				words[string(folded([]rune(w)))] = true
			}
		}
	}
	return words
}

// CheckNewPassword says what is wrong with a password for a person of a tenant, in words
// that give nothing of it away. The person need not be there yet.
//
// A password is worth its characters, where a common word, a year, a row of keys, a run
// of one character and what was there before are one character each: the rule of Entra's
// password protection, which wants eight characters that are worth five.
func (a *Accounts) CheckNewPassword(tenant string, p Person, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fault.New(fault.Invalid, "the password is not text")
	case n < minPassword || n > maxPassword:
		return fault.New(fault.Invalid, "a password has %d to %d characters, not %d; a sentence works", minPassword, maxPassword, n)
	}
	plain := []rune(strings.ToLower(norm.NFKC.String(password)))
	letters := folded(plain)
	for _, name := range []struct {
		of    string
		words []string
	}{{"account", namesOf(p)}, {"tenant", a.namesOfTenant(tenant, p)}} {
		for _, w := range name.words {
			if strings.Contains(string(onlyLetters(letters)), w) {
				return fault.New(fault.Invalid, "the password has the %s's name in it, which is tried first; a sentence about something else works", name.of)
			}
		}
	}
	if worth(plain, a.common) < minWorth {
		return fault.New(fault.Invalid, "the password is too easy to guess: it is made of common words or names, years, rows of keys and repeats; four words that do not belong together work")
	}
	return nil
}

// namesOf a person, as they are looked for in a password.
func namesOf(p Person) []string {
	name, _, _ := strings.Cut(p.UserPrincipalName, "@")
	return nameWords(append(strings.FieldsFunc(p.DisplayName+" "+name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), name)...)
}

// namesOfTenant: what it is called, and its domains without what stands behind the dot.
func (a *Accounts) namesOfTenant(tenant string, p Person) []string {
	var names []string
	_, domain, _ := strings.Cut(p.UserPrincipalName, "@")
	domains := []string{domain}
	if d, err := a.Tenant(tenant); err == nil {
		domains = append(domains, d.Domains...)
		if d.DisplayName != d.ID {
			names = append(names, d.DisplayName)
		}
	}
	for _, d := range domains {
		labels := strings.Split(d, ".")
		names = append(names, labels[max(len(labels)-2, 0)])
	}
	return nameWords(names...)
}

// nameWords in the spelling that passwords are compared in.
func nameWords(names ...string) []string {
	var out []string
	for _, n := range names {
		if w := string(onlyLetters(folded([]rune(strings.ToLower(norm.NFKC.String(n)))))); utf8.RuneCountInString(w) >= ownName {
			out = append(out, w)
		}
	}
	return out
}

// onlyLetters and digits of a text: a name is one with dots and spaces in it, too.
func onlyLetters(text []rune) []rune {
	var out []rune
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			out = append(out, r)
		}
	}
	return out
}

// folded text: letters for the figures and signs that people put in their place, and i
// for l, since 1 and ! stand for both.
func folded(text []rune) []rune {
	out := make([]rune, len(text))
	for i, r := range text {
		out[i] = r
		switch r {
		case '0':
			out[i] = 'o'
		case '1', '!', '|', 'l':
			out[i] = 'i'
		case '3':
			out[i] = 'e'
		case '4', '@':
			out[i] = 'a'
		case '5', '$':
			out[i] = 's'
		case '7', '+':
			out[i] = 't'
		case '8':
			out[i] = 'b'
		case '9':
			out[i] = 'g'
		}
	}
	return out
}

// worth of a password, in lower case: the fewest parts that it is made of.
func worth(plain []rune, words map[string]bool) int {
	letters, longest := folded(plain), 0
	for w := range words {
		longest = max(longest, len(w))
	}
	fewest := make([]int, len(plain)+1) // parts of what stands before a place
	for i := 1; i <= len(plain); i++ {
		fewest[i] = math.MaxInt
	}
	for i := range plain {
		reach := func(j int) { fewest[j] = min(fewest[j], fewest[i]+1) }
		reach(i + 1)
		for _, step := range []func(a, b rune) bool{same, up, down, along, back} {
			for j := i + 1; j < len(plain) && step(plain[j-1], plain[j]); j++ {
				if j >= i+2 { // three in a row
					reach(j + 1)
				}
			}
		}
		if i+4 <= len(plain) && isYear(plain[i:i+4]) {
			reach(i + 4)
		}
		for j := i + 3; j <= len(plain); j++ { // what began before, and may go on into it
			if !strings.Contains(string(plain[:j-1]), string(plain[i:j])) {
				break
			}
			reach(j)
		}
		for j := i + 3; j <= min(i+longest, len(letters)); j++ {
			if words[string(letters[i:j])] {
				reach(j)
			}
		}
	}
	return fewest[len(plain)]
}

func same(a, b rune) bool { return a == b }
func up(a, b rune) bool   { return b == a+1 && isPlain(a) && isPlain(b) || a == '9' && b == '0' }
func down(a, b rune) bool { return up(b, a) }

// along a row of keys.
func along(a, b rune) bool {
	for _, row := range []string{"1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm", "zxcvbnm", "yxcvbnm", "wxcvbn", "!@#$%^&*()", "!\"§$%&/()="} {
		keys := []rune(row)
		for i := range keys[1:] {
			if keys[i] == a && keys[i+1] == b {
				return true
			}
		}
	}
	return false
}

func back(a, b rune) bool { return along(b, a) }

func isPlain(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }

func isYear(text []rune) bool {
	s := string(text)
	return (strings.HasPrefix(s, "19") || strings.HasPrefix(s, "20")) && text[2] >= '0' && text[2] <= '9' && text[3] >= '0' && text[3] <= '9'
}
