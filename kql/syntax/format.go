package syntax

import (
	"strings"

	"sextant/fault"
)

// FormatText lays a query out as [Format] does and keeps its comments: one that stands
// alone comes before what it stood before, one behind something stays behind the end of
// that line; comments in the midst of an operator come behind it. The text ends in a
// line break. A text with errors is given back as it is, with what is wrong.
func FormatText(text string) (string, fault.Diagnostics) {
	f, ds := Parse(text)
	if ds.Err() != nil {
		return text, ds
	}
	l := lexer{src: text, keep: true}
	l.run()
	p := printer{lines: true, src: text, comments: l.comments}
	if len(f.Stmts) > 0 {
		for at := f.Stmts[0].At().Start; len(p.comments) > 0 && p.comments[0].start < at; p.comments = p.comments[1:] {
			p.s(p.comments[0].text, "\n")
		}
	}
	p.node(f)
	for first := true; len(p.comments) > 0; first = false {
		c := p.comments[0]
		p.comments = p.comments[1:]
		switch {
		case first && c.behind:
			p.s(" ")
		case p.b.Len() > 0:
			p.s("\n")
		}
		p.s(c.text)
	}
	out := p.b.String()
	if out != "" {
		out += "\n"
	}
	again, ds := Parse(out)
	if ds.Err() != nil || Print(again) != Print(f) {
		// what cannot be written again must not be changed
		return text, fault.Diagnostics{{Severity: fault.Bad, Code: "SXT007", Span: fault.Span{Length: len(text)}, Text: "this query cannot be laid out: its new text would mean something else"}}
	}
	return out, nil
}

// closing is where the parenthesis behind a part of the text stands.
func (p *printer) closing(part fault.Span) int {
	end := part.Start + part.Length
	for _, c := range p.comments {
		switch {
		case c.start < end:
		case strings.Trim(p.src[end:c.start], " \t\r\n\f") == "":
			end = c.start + len(c.text)
		default:
			return end
		}
	}
	return end
}
