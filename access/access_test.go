package access

import (
	"os"
	"path/filepath"
	"testing"
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
