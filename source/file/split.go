package file

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// piece is one value found in a JSON text, or a place where there should be one.
type piece struct {
	raw    []byte // valid until the next call
	line   int64  // 1-based
	column int64  // byte in the line, 1-based
	why    string // set: not a value; raw is what stands there, perhaps only its start
	holder string // what it was found in: "lines", "array", "records", "page"
	ctx    string // @odata.context of the page
}

// splitter finds the values of a JSON text by quotes and brackets alone, in
// memory bounded by the largest value. Whether each is a record, others say.
//
// The text is one of, or several one behind the other: an object a line; objects
// over many lines; an array; {"records":[…]} of an event; {"value":[…]} of a
// page. Where a value breaks off, the splitter goes on with the next line.
type splitter struct {
	r    io.Reader
	max  int // bytes of one value
	buf  []byte
	pos  int // in buf
	eof  bool
	err  error // of r
	line int64 // of buf[mark]
	lead int64 // bytes of that line before buf[mark]
	mark int   // up to here lines are counted

	// inside an array
	array  bool
	closer byte // what must follow the array: '}' of its object, or 0
	holder string
	ctx    string
	first  bool

	long             []byte // the start of a value that is too long, while it is passed over
	lastLine, lastAt int64  // where it starts

	lines  bool // an earlier value filled a line of its own
	broken bool // something was given up before
}

const readSize = 64 << 10

func newSplitter(r io.Reader, max int) *splitter {
	return &splitter{r: r, max: max, line: 1}
}

// fill reads more; false at the end. It drops what is before keep.
func (s *splitter) fill(keep *int) bool {
	if s.eof {
		return false
	}
	if *keep > 0 && (cap(s.buf)-len(s.buf) < readSize || *keep > 4*readSize) {
		s.count(*keep)
		n := copy(s.buf, s.buf[*keep:])
		s.buf = s.buf[:n]
		s.pos -= *keep
		s.mark -= *keep
		*keep = 0
	}
	if cap(s.buf)-len(s.buf) < readSize {
		grown := make([]byte, len(s.buf), 2*cap(s.buf)+readSize)
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.r.Read(s.buf[len(s.buf) : len(s.buf)+readSize])
	s.buf = s.buf[:len(s.buf)+n]
	if err != nil {
		s.eof = true
		if err != io.EOF {
			s.err = err
		}
	}
	return n > 0 || !s.eof
}

// count moves the line counter up to buf[to].
func (s *splitter) count(to int) {
	if to <= s.mark {
		return
	}
	part := s.buf[s.mark:to]
	if n := bytes.Count(part, []byte{'\n'}); n > 0 {
		s.line += int64(n)
		s.lead = int64(len(part) - 1 - bytes.LastIndexByte(part, '\n'))
	} else {
		s.lead += int64(len(part))
	}
	s.mark = to
}

// place of buf[at], which must not be before the last place asked for.
func (s *splitter) place(at int) (line, column int64) {
	s.count(at)
	return s.line, s.lead + 1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// peek gives the next byte that is no white space, without taking it.
func (s *splitter) peek() (byte, bool) {
	for {
		for s.pos < len(s.buf) {
			if c := s.buf[s.pos]; !isSpace(c) {
				return c, true
			}
			s.pos++
		}
		keep := s.pos
		if !s.fill(&keep) {
			return 0, false
		}
	}
}

// next value. io.EOF at the end; any other error is the reader's.
func (s *splitter) next() (piece, error) {
	for {
		c, ok := s.peek()
		if !ok {
			if s.err != nil {
				return piece{}, s.err
			}
			if s.array {
				s.array = false
				line, column := s.place(s.pos)
				return piece{line: line, column: column, why: "the file ends inside an array"}, nil
			}
			return piece{}, io.EOF
		}
		if s.array {
			if p, done := s.element(c); done {
				return p, nil
			}
			continue
		}
		switch c {
		case '{':
			if p, done := s.object(); done {
				return p, nil
			}
		case '[':
			s.pos++
			s.array, s.closer, s.holder, s.ctx, s.first = true, 0, "array", "", true
		case ',': // objects with commas between them, as people paste them
			s.pos++
		case ']', '}':
			if s.broken { // of what was given up
				s.pos++
				continue
			}
			return s.skipLine(s.pos, "a record starts with {, not with "+show(s.buf[s.pos:])), nil
		default:
			return s.skipLine(s.pos, "a record starts with {, not with "+show(s.buf[s.pos:])), nil
		}
	}
}

// show the character that stands there.
func show(b []byte) string {
	r, _ := utf8.DecodeRune(b)
	return fmt.Sprintf("%q", r)
}

// element inside an array; done is false where the array ended.
func (s *splitter) element(c byte) (piece, bool) {
	if c == ']' {
		s.pos++
		s.array = false
		if s.closer == 0 {
			return piece{}, false
		}
		// The object around it may have more members; they say nothing of use.
		return s.afterArray()
	}
	if !s.first {
		if c != ',' {
			s.array = false
			return s.skipLine(s.pos, "a comma or the end of the array should stand here, not "+show(s.buf[s.pos:])), true
		}
		s.pos++
		if c, _ = s.peek(); c == ']' || c == 0 { // a trailing comma
			return piece{}, false
		}
	}
	s.first = false
	start := s.pos
	end, why := s.value(&start, false)
	if why != "" {
		s.array = false
		return s.skipLine(start, why), true
	}
	return s.give(start, end, s.holder), true
}

// afterArray reads to the end of the object that held the array.
func (s *splitter) afterArray() (piece, bool) {
	for {
		c, ok := s.peek()
		if !ok {
			line, column := s.place(s.pos)
			return piece{line: line, column: column, why: "the file ends inside an object"}, true
		}
		switch c {
		case '}':
			s.pos++
			return piece{}, false
		case ',', ':':
			s.pos++
		default:
			start := s.pos
			end, why := s.value(&start, false)
			if why != "" {
				return s.skipLine(start, why), true
			}
			s.pos = end
		}
	}
}

// object at buf[pos]. One that holds an array of records is entered: then done is
// false, and its elements come next.
func (s *splitter) object() (piece, bool) {
	s.ctx = ""
	if s.enter() {
		return piece{}, false
	}
	start := s.pos
	end, why := s.value(&start, true)
	if why != "" {
		s.lines = true
		return s.skipLine(start, why), true
	}
	if !bytes.ContainsRune(s.buf[start:end], '\n') {
		s.lines = true
	}
	return s.give(start, end, "lines"), true
}

// enter the array of an object that holds records: "records" of an event, or
// "value" of a page. The members before it are few and small: it only looks at
// what is near the object's start.
func (s *splitter) enter() bool {
	for len(s.buf)-s.pos < 4096 {
		keep := s.pos
		if !s.fill(&keep) {
			break
		}
	}
	start := s.pos
	b := s.buf[start:]
	i := 1
	page := false
	for n := 0; n < 8; n++ {
		i = space(b, i)
		if i >= len(b) || b[i] != '"' {
			return false
		}
		k, ok := endOfString(b, i)
		if !ok {
			return false
		}
		key := string(b[i+1 : k-1])
		i = space(b, k)
		if i >= len(b) || b[i] != ':' {
			return false
		}
		i = space(b, i+1)
		if i >= len(b) {
			return false
		}
		if b[i] == '[' && (key == "records" && oneObject(b, i) || key == "value" && (page || n == 0 && oneObject(b, i))) {
			s.pos = start + i + 1
			s.array, s.closer, s.first = true, '}', true
			s.holder = map[string]string{"records": "records", "value": "page"}[key]
			return true
		}
		if b[i] != '"' && b[i] != 't' && b[i] != 'f' && b[i] != 'n' && (b[i] < '0' || b[i] > '9') {
			return false
		}
		v := i
		if b[i] == '"' {
			if i, ok = endOfString(b, i); !ok {
				return false
			}
		} else {
			for i < len(b) && b[i] != ',' && b[i] != '}' && !isSpace(b[i]) {
				i++
			}
		}
		if key == "@odata.context" || key == "@odata.nextLink" || key == "@odata.count" || key == "@odata.deltaLink" {
			page = true
			if key == "@odata.context" && b[v] == '"' {
				s.ctx = string(b[v+1 : i-1])
			}
		}
		if i = space(b, i); i >= len(b) || b[i] != ',' {
			return false
		}
		i++
	}
	return false
}

// oneObject says that the array at b[i] is empty or starts with an object.
func oneObject(b []byte, i int) bool {
	i = space(b, i+1)
	return i < len(b) && (b[i] == '{' || b[i] == ']')
}

func space(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func endOfString(b []byte, i int) (int, bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	return 0, false
}

// value finds the end of the value at buf[*start], which moves when more is read.
// why says what is wrong where it has no end. atTop is for objects at the top,
// where a line that starts with a brace ends what broke off before it. Of a value
// that is too long only the start stays in memory, in long.
func (s *splitter) value(start *int, atTop bool) (end int, why string) {
	s.long = nil
	depth := 0
	inString := false
	i := *start
	if c := s.buf[i]; c != '{' && c != '[' && c != '"' { // a number, a literal, or nonsense
		for {
			for ; i < len(s.buf); i++ {
				if c := s.buf[i]; isSpace(c) || c == ',' || c == ']' || c == '}' || c == ':' {
					if i == *start {
						return 0, "a value should stand here, not " + show(s.buf[i:])
					}
					return i, ""
				}
			}
			s.passOver(start, i)
			off := i - *start
			if !s.fill(start) {
				return *start + off, ""
			}
			i = *start + off
		}
	}
	for {
		b := s.buf
	scan:
		for i < len(b) {
			if inString {
				k := bytes.IndexByte(b[i:], '"')
				part := b[i:]
				if k >= 0 {
					part = b[i : i+k]
				}
				// Escapes are rare: look for them only where there is a backslash.
				if e := bytes.IndexByte(part, '\\'); e >= 0 {
					if n := bytes.IndexByte(part[:e], '\n'); n >= 0 {
						return 0, "the line ends inside a string"
					}
					if i+e+1 >= len(b) {
						i += e
						break scan // the escaped character is not here yet
					}
					i += e + 2
					continue
				}
				if n := bytes.IndexByte(part, '\n'); n >= 0 {
					return 0, "the line ends inside a string"
				}
				if k < 0 {
					i = len(b)
					continue
				}
				i += k + 1
				inString = false
				if depth == 0 {
					return i, ""
				}
				continue
			}
			switch b[i] {
			case '"':
				inString = true
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1, ""
				}
			case '\n':
				if atTop && s.lines {
					if i+1 >= len(b) && !s.eof {
						break scan // see how the next line starts
					}
					if i+1 < len(b) && b[i+1] == '{' {
						return 0, "the line ends inside the record"
					}
				}
			}
			i++
		}
		s.passOver(start, i)
		off := i - *start
		if !s.fill(start) {
			return 0, "the file ends inside the record"
		}
		i = *start + off
	}
}

// passOver forgets what was read of a value that has become too long.
func (s *splitter) passOver(start *int, i int) {
	if s.long == nil {
		if i-*start <= s.max {
			return
		}
		s.lastLine, s.lastAt = s.place(*start)
		s.long = bytes.Clone(s.buf[*start:min(i, *start+deadMax)])
	}
	*start = i
}

// give the value buf[start:end], or say that it was too long.
func (s *splitter) give(start, end int, holder string) piece {
	if s.long != nil || end-start > s.max {
		line, column := s.lastLine, s.lastAt
		if s.long == nil {
			line, column = s.place(start)
			s.long = bytes.Clone(s.buf[start:min(end, start+deadMax)])
		}
		p := piece{raw: s.long, line: line, column: column, why: fmt.Sprintf("the record is longer than %d bytes", s.max)}
		s.long, s.pos = nil, end
		return p
	}
	line, column := s.place(start)
	s.pos = end
	return piece{raw: s.buf[start:end], line: line, column: column, holder: holder, ctx: s.ctx}
}

// deadMax is how much of something unusable is kept.
const deadMax = 64 << 10

// skipLine gives up what starts at buf[start], and goes on with the next line that
// starts with a brace.
func (s *splitter) skipLine(start int, why string) piece {
	s.broken = true
	var kept []byte
	var line, column int64
	if s.long != nil { // it was too long, and then broke off
		line, column, kept = s.lastLine, s.lastAt, s.long
		s.long = nil
	} else {
		line, column = s.place(start)
	}
	s.pos = start
	keepSome := func(b []byte) {
		if room := deadMax - len(kept); room > 0 {
			kept = append(kept, b[:min(room, len(b))]...)
		}
	}
	for {
		k := bytes.IndexByte(s.buf[s.pos:], '\n')
		if k < 0 {
			keepSome(s.buf[s.pos:])
			s.pos = len(s.buf)
			if keep := s.pos; s.fill(&keep) {
				continue
			}
			break
		}
		at := s.pos + k + 1
		keepSome(s.buf[s.pos:at])
		s.pos = at
		if at == len(s.buf) {
			if keep := s.pos; !s.fill(&keep) {
				break
			}
		}
		if s.buf[s.pos] == '{' {
			break
		}
	}
	return piece{raw: bytes.TrimRight(kept, "\r\n"), line: line, column: column, why: why}
}
