package complete

import (
	"slices"
	"strings"

	"sextant/kql/syntax"
)

// place is where the cursor is, as far as the tokens before it tell.
type place struct {
	text       string
	start, end int            // of the word at the cursor
	silent     bool           // inside a text or a comment
	toks       []syntax.Token // before the word
	frames     []*frame       // open brackets, the innermost last; frames[0] is the text
}

// frame is the inside of a bracket, or the whole text.
type frame struct {
	open   string // ( [ { or ""
	callee string // the word before the bracket, in lower case
	before *frame // the frame around it

	stmt string // let, set, declare: of the statement that the cursor is in
	op   string // the operator that the cursor is in; "" in its source
	pipe bool   // a | stood before
	// own are the tokens since the operator's word, or since the source began; a bracket with
	// all in it is one.
	own []syntax.Token
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

func behindPipe(text string) bool { return strings.HasSuffix(strings.TrimRight(text, " \t\r\n"), "|") }

// placeOf looks at a text up to a cursor.
func placeOf(text string, cursor int) *place {
	p := &place{text: text, start: cursor, end: cursor}
	for p.start > 0 && isWordByte(text[p.start-1]) {
		p.start--
	}
	for p.end < len(text) && isWordByte(text[p.end]) {
		p.end++
	}
	if p.start > 0 && text[p.start-1] == '$' {
		p.start--
	}
	// project-aw, mv-: behind a | dashes belong to the word
	for at := p.start; at > 1 && text[at-1] == '-' && isWordByte(text[at-2]); {
		at--
		for at > 0 && isWordByte(text[at-1]) {
			at--
		}
		if behindPipe(text[:at]) {
			p.start = at
		}
	}
	if behindPipe(text[:p.start]) {
		for p.end+1 < len(text) && text[p.end] == '-' && isWordByte(text[p.end+1]) {
			for p.end++; p.end < len(text) && isWordByte(text[p.end]); p.end++ {
			}
		}
	}
	// !has, !~
	if p.start > 0 && text[p.start-1] == '!' {
		p.start--
	}
	p.toks = syntax.Tokens(text[:p.start])
	last := 0
	if n := len(p.toks); n > 0 {
		t := p.toks[n-1]
		last = t.Span.Start + t.Span.Length
		if t.Kind == syntax.TextToken && t.Open && last >= p.start {
			p.silent = true
			return p
		}
	}
	gap := text[min(last, p.start):p.start]
	if strings.Contains(gap[strings.LastIndexAny(gap, "\r\n")+1:], "//") {
		p.silent = true
		return p
	}
	if p.start < cursor && text[p.start] >= '0' && text[p.start] <= '9' {
		p.silent = true // a number is being written
		return p
	}
	p.nest()
	return p
}

// statements that begin with a word of their own.
var statements = []string{"let", "set", "declare", "alias", "restrict"}

// sources are operators that may come first.
var sources = []string{"print", "range", "union", "search", "find", "evaluate"}

// nest follows the brackets, pipes and statements.
func (p *place) nest() {
	f := &frame{}
	p.frames = []*frame{f}
	for i, t := range p.toks {
		word := t.Kind == syntax.WordToken
		mark := ""
		if t.Kind == syntax.MarkToken {
			mark = t.Text
		}
		switch mark {
		case "(", "[", "{":
			inner := &frame{open: mark, before: f}
			if i > 0 && p.toks[i-1].Kind == syntax.WordToken {
				inner.callee = strings.ToLower(p.toks[i-1].Text)
			}
			f.own = append(f.own, t)
			f = inner
			p.frames = append(p.frames, f)
			continue
		case ")", "]", "}":
			want := map[string]string{")": "(", "]": "[", "}": "{"}[mark]
			at := len(p.frames) - 1
			for at > 0 && p.frames[at].open != want {
				at--
			}
			if at > 0 {
				p.frames = p.frames[:at]
				f = p.frames[at-1]
				f.own = append(f.own, t)
			}
			continue
		case "|":
			f.op, f.pipe, f.own = "", true, nil
			continue
		case ";":
			f.stmt, f.op, f.pipe, f.own = "", "", false, nil
			continue
		}
		low := t.Text
		switch {
		case f.op == "" && len(f.own) == 0 && f.pipe && word:
			f.op = low
			continue
		case f.op == "" && len(f.own) == 0 && word && f.stmt == "" && f.open != "(" && f.open != "[" && slices.Contains(statements, low):
			f.stmt = low
			continue
		case f.op == "" && len(f.own) == 0 && word && slices.Contains(sources, low):
			f.op = low
			continue
		case f.stmt == "let" && mark == "=" && f.op == "" && !f.pipe && len(f.own) == 1:
			f.stmt, f.own = "let=", nil
			continue
		}
		f.own = append(f.own, t)
	}
}

// top frame, where the cursor is.
func (p *place) top() *frame { return p.frames[len(p.frames)-1] }

// closing brackets for those that are open at the cursor.
func (p *place) closing() string {
	var b strings.Builder
	for _, f := range slices.Backward(p.frames) {
		switch f.open {
		case "(":
			b.WriteByte(')')
		case "[":
			b.WriteByte(']')
		case "{":
			b.WriteByte('}')
		}
	}
	return b.String()
}

// lastOf the tokens of a frame; ok is false where there is none.
func lastOf(f *frame) (syntax.Token, bool) {
	if len(f.own) == 0 {
		return syntax.Token{}, false
	}
	return f.own[len(f.own)-1], true
}

// wordsThatOpen are words behind which a value comes.
var wordsThatOpen = append([]string{"and", "or", "not", "by", "on", "of", "from", "to", "step", "where", "in", "between", "with", "as", "default", "matches", "regex", "=="}, textOperators...)

// textOperators compare texts.
var textOperators = []string{"has", "!has", "has_cs", "!has_cs", "contains", "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith",
	"startswith_cs", "!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs", "hasprefix", "!hasprefix", "hassuffix", "!hassuffix",
	"has_any", "has_all", "in~", "!in~", "!in", "!between"}

// expectsValue says whether what comes next in a frame begins a value: nothing, a comma, or
// a sign of calculation or comparison stands before.
func expectsValue(f *frame) bool {
	t, ok := lastOf(f)
	switch {
	case !ok:
		return true
	case t.Kind == syntax.MarkToken:
		return t.Text != ")" && t.Text != "]" && t.Text != "}" && t.Text != "*"
	case t.Kind == syntax.WordToken:
		return slices.Contains(wordsThatOpen, t.Text)
	}
	return false
}
