package fault

import (
	"errors"
	"io"
	"io/fs"
	"testing"
)

func TestNewKeepsCauses(t *testing.T) {
	f := func(err error, text string, causes ...error) {
		t.Helper()
		if err.Error() != text {
			t.Errorf("text is %q, not %q", err, text)
		}
		if KindOf(err) != Denied {
			t.Errorf("%v is %v", err, KindOf(err))
		}
		for _, c := range causes {
			if !errors.Is(err, c) {
				t.Errorf("%v has lost its cause %v", err, c)
			}
		}
	}
	f(New(Denied, "no entry for %s", "ann"), "no entry for ann")
	f(New(Denied, "one: %w", io.EOF), "one: EOF", io.EOF)
	f(New(Denied, "two: %w: %w", io.EOF, fs.ErrExist), "two: EOF: file already exists", io.EOF, fs.ErrExist)
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"": "", "the code is wrong": "The code is wrong.", "Wait.": "Wait.", "übel?": "Übel?", "3 tries": "3 tries."} {
		if got := Sentence(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
