// Package fault holds the kinds of error that cross a package's edge, and the
// messages to a user that point at a place in what the user wrote.
//
// Two things go wrong. Either we could not do something: that is an [Error]
// with a [Kind], and the one place that answers clients turns the kind into a
// status. Or the user's input is not what it should be: that is data, a list of
// [Diagnostic] with positions, as many as were found.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what a caller can do about an error. The zero Kind is Internal.
type Kind uint8

const (
	Internal    Kind = iota // ours; the text is logged and never sent
	Invalid                 // the input is wrong; sending it again will not help
	NotFound                // what was named does not exist
	Conflict                // what was asked for contradicts what is
	Denied                  // the principal may not
	Unavailable             // not now: behind, full, closing; try again later
	Limit                   // a budget (time, memory, rows) was used up
	Damaged                 // stored data is not what was written
)

var kindNames = [...]string{"internal", "invalid", "not found", "conflict", "denied", "unavailable", "limit", "damaged"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is an error with a kind. Text is what a person reads: what could not be
// done and to what, and what would work. Err, if any, is the cause.
type Error struct {
	Kind Kind
	Text string
	Err  error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Text
	case e.Text == "":
		return e.Err.Error()
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the given kind. The format may wrap with %w, more
// than once too.
func New(kind Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	switch err.(type) { //nolint:errorlint // the error just made, not its causes
	case interface{ Unwrap() error }, interface{ Unwrap() []error }:
		return &Error{Kind: kind, Err: err}
	}
	return &Error{Kind: kind, Text: err.Error()}
}

// KindOf is the kind of the outermost Error in err's chain; Internal where there
// is none. Diagnostics are Invalid.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var d Diagnostics
	if errors.As(err, &d) {
		return Invalid
	}
	return Internal
}

// Sentence is a message as a page shows it to people: it begins with a capital, and
// ends with a stop.
func Sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") && !strings.HasSuffix(text, "!") {
		text += "."
	}
	return text
}
