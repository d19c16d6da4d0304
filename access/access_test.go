package access

import (
	"os"
	"path/filepath"
	"testing"

	"sextant/fault"
)

func TestTheFirstStartMakesATokenThatLaterStartsFind(t *testing.T) {
	dir := t.TempDir()
	a, token, made, err := Open(dir)
	if err != nil || !made || !a.Check(token) {
		t.Fatalf("first: %v %v", made, err)
	}
	if a.Check("") || a.Check(token+"x") {
		t.Error("a wrong token passes")
	}
	info, err := os.Stat(filepath.Join(dir, TokenFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b, again, made, err := Open(dir)
	if err != nil || made || again != token || !b.Check(token) {
		t.Errorf("second: %q made=%v %v", again, made, err)
	}
	if err := os.WriteFile(filepath.Join(dir, TokenFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Open(dir); err == nil {
		t.Error("an empty token was accepted")
	}
}

func TestWhatCannotBeKeptIsSaid(t *testing.T) {
	dir := t.TempDir()
	if _, _, _, err := Open(filepath.Join(dir, "nowhere")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, TokenFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Open(dir); err == nil {
		t.Error("a folder in the token's place was accepted")
	}
}

func TestTokensAreNotGuessed(t *testing.T) {
	_, first, _, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, second, _, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if first == second || len(first) < 40 {
		t.Errorf("%q and %q", first, second)
	}
	if New("").Check(" ") || New(first).Check(second) || !New(first).Check(first) {
		t.Error("a token that is not the one passes, or the one does not")
	}
}
