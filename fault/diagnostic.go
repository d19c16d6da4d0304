package fault

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Severity of a diagnostic. Only Bad stops a query.
type Severity uint8

const (
	Bad     Severity = iota // the input cannot be used
	Warning                 // it can, but probably does not say what was meant
	Note
)

func (s Severity) String() string { return [...]string{"error", "warning", "note"}[s] }

// Span is a range of bytes in the text that a user wrote: [Start, Start+Length).
type Span struct{ Start, Length int }

// End is the offset of the first byte behind the span.
func (s Span) End() int { return s.Start + s.Length }

// To is the span from the start of s to the end of t.
func (s Span) To(t Span) Span { return Span{s.Start, max(t.End()-s.Start, 0)} }

// Diagnostic is something to tell the user about their own text.
type Diagnostic struct {
	Severity Severity
	Code     string // stable, e.g. "SEM0100"; Microsoft's where it has one
	Span     Span
	Text     string   // one sentence, names the thing
	Notes    []string // what would work; near names
}

// Diagnostics is an error when at least one is Bad.
type Diagnostics []Diagnostic

func (d Diagnostics) Error() string {
	var b strings.Builder
	for i, x := range d {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(x.Text)
		for _, n := range x.Notes {
			b.WriteString("; " + n)
		}
	}
	return b.String()
}

// Err is d as an error, or nil when nothing in it is Bad.
func (d Diagnostics) Err() error {
	for _, x := range d {
		if x.Severity == Bad {
			return d
		}
	}
	return nil
}

// Position is the 1-based line and column (in characters) of a byte offset.
func Position(text string, offset int) (line, column int) {
	offset = min(max(offset, 0), len(text))
	head := text[:offset]
	line = strings.Count(head, "\n") + 1
	column = utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:]) + 1
	return line, column
}

// Render writes each diagnostic with its line and a caret under its span, the
// way a person at a terminal wants to read it.
func Render(text string, ds Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		line, column := Position(text, d.Span.Start)
		fmt.Fprintf(&b, "%d:%d: %s: %s", line, column, d.Severity, d.Text)
		for _, n := range d.Notes {
			b.WriteString("; " + n)
		}
		start := min(max(d.Span.Start, 0), len(text))
		from := strings.LastIndexByte(text[:start], '\n') + 1
		to := len(text)
		if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
			to = from + i
		}
		src := strings.TrimRight(text[from:to], "\r")
		width := utf8.RuneCountInString(src)
		if width > 160 { // a caret under an endless line helps nobody
			b.WriteString("\n")
			continue
		}
		carets := min(max(d.Span.Length, 1), max(width-column+1, 1))
		pad := strings.Map(func(r rune) rune {
			if r == '\t' {
				return r
			}
			return ' '
		}, string([]rune(src)[:min(column-1, width)]))
		fmt.Fprintf(&b, "\n  %s\n  %s%s\n", src, pad, strings.Repeat("^", carets))
	}
	return b.String()
}
