package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"

	"sextant/kql/complete"
	"sextant/query"
	"sextant/record"
)

// A query is over with a ; behind it, with an empty line, and not behind a declaration.
func TestEnds(t *testing.T) {
	f := func(text, last string, want bool) {
		t.Helper()
		if got := ends(text, last); got != want {
			t.Errorf("%q ends: %v", text, got)
		}
	}
	f("T | take 1", "T | take 1", false)
	f("T | take 1;", "T | take 1;", true)
	f("T | take 1; // all", "", true)
	f("T | take 1; // all", "T | take 1; // all", true)
	f("T | take 1 // all;", "T | take 1 // all;", false)
	f("let x = 1;", "let x = 1;", false)
	f("let x = 1;\nprint x;", "print x;", true)
	f("set notruncation;", "set notruncation;", false)
	f("print ';", "print ';", false)
	f("T |\n", "", true)
	f("T | nonsense nonsense;", "T | nonsense nonsense;", true)
}

// What the line editor is given has the word that is typed in common.
func TestProposals(t *testing.T) {
	f := func(word string, want []string, inserts ...string) {
		t.Helper()
		var items []complete.Candidate
		for _, s := range inserts {
			items = append(items, complete.Candidate{Insert: s})
		}
		if got := proposals(items, word); !slices.Equal(got, want) {
			t.Errorf("%q of %q: %q, not %q", word, inserts, got, want)
		}
	}
	f("", []string{"a", "b"}, "a", "b")
	f("Us", []string{"User"}, "User", "userx", "aUs")
	f("us", []string{"User"}, "User")
	f("us", []string{"User", "UserId"}, "User", "UserId")
	f("us", []string{"user", "users"}, "User", "USers") // they differ where the word is
	f("Sign", []string{"AADSign"}, "AADSign")
	f("Sign", nil, "AADSign", "BSign")
}

// The history has a query on one line, without what is to be hidden.
func TestOneLineOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := oneLineOf(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	f("T\n| where x == 'a // b' // c\n\n| take 1;", "T | where x == 'a // b' | take 1")
	f("print h'secret'", "")
	f("print ```a\nb```", "")
	f("  ", "")
}

// stuck is a backend whose queries end only when they are cancelled.
type stuck struct {
	backend
	began chan struct{}
}

func (s stuck) Query(ctx context.Context, _, _, _ string) (*result, error) {
	close(s.began)
	<-ctx.Done()
	return nil, ctx.Err()
}

// Ctrl-C ends the query that runs, and the conversation goes on.
func TestCtrlCCancels(t *testing.T) {
	var out, errs bytes.Buffer
	p := &prompter{cmd: &QueryCmd{Output: "table"}, a: &app{ctx: t.Context(), out: &out, err: &errs}, b: stuck{began: make(chan struct{})}, breaks: make(chan os.Signal, 1)}
	go func() {
		<-p.b.(stuck).began
		p.breaks <- os.Interrupt
	}()
	p.run("T", false)
	if errs.String() != "cancelled\n" {
		t.Errorf("%q", errs.String())
	}
}

// Names over several lines of a query are completed with those before.
func TestCompleteOverLines(t *testing.T) {
	model, err := record.New()
	if err != nil {
		t.Fatal(err)
	}
	p := &prompter{engine: query.New(query.Options{}), names: query.NewEnvironment(model.Defs())}
	p.text.WriteString("SigninLogs // ünïcode\n| extend Österreich = 1")
	head, words, tail := p.complete("| where UserPr == 'ü'", len("| where UserPr"))
	if head != "| where " || tail != " == 'ü'" || !slices.Contains(words, "UserPrincipalName") {
		t.Errorf("%q %q %q", head, words, tail)
	}
}
