package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// split a body into records. What is no JSON stays, with the reason, so that the
// good part of a body is kept.
func split(body []byte, contentType, tenant string) ([]source.Incoming, error) {
	if kind, _, _ := mime.ParseMediaType(contentType); kind == FrameType {
		return parseFrames(body)
	}
	s := splitter{body: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), tenant: tenant}
	s.attempts = 4*len(body) + 4096
	s.run()
	if len(s.recs) == 0 {
		return nil, fault.New(fault.Invalid, `the body holds no record; send JSON lines, or {"records":[…]}`)
	}
	return s.recs, nil
}

// MaxRecord is the largest record, in bytes: what an event hub takes.
const MaxRecord = 1 << 20

// maxAside is how much of a broken text is kept, in bytes.
const maxAside = 4 << 20

// splitter walks a body line by line. A line is a record or an event where it is
// JSON by itself; else it may be the first of a text that goes over several lines.
type splitter struct {
	body     []byte
	tenant   string
	recs     []source.Incoming
	attempts int // bytes that looking for texts of several lines may still cost
}

func (s *splitter) run() {
	for at, n := 0, 1; at < len(s.body); {
		end := len(s.body)
		if i := bytes.IndexByte(s.body[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := bytes.TrimSpace(s.body[at:end])
		where := fmt.Sprintf("line %d", n)
		switch {
		case len(line) == 0:
		case json.Valid(line):
			s.event(line, where)
		case !open(line):
			s.event(line, where) // broken: a line cut short must not take the next one with it
		case line[0] == '[' || startsEvent(s.body[at:]):
			// An event over several lines, whole or not: its records are told apart by
			// their brackets, so one that is broken costs no other.
			s.event(s.body[at:], where)
			return
		default:
			if more := s.value(s.body[at:]); more > 0 {
				end = at + more
			}
			s.event(bytes.TrimSpace(s.body[at:end]), where)
		}
		n += bytes.Count(s.body[at:end], []byte("\n"))
		at = end
	}
}

// open says that a line ends where no JSON text can.
func open(line []byte) bool {
	switch line[len(line)-1] {
	case '{', '[', ',':
		return true
	}
	return false
}

// startsEvent says that a text begins as {"records" does.
func startsEvent(b []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(b, space), []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, space), []byte(`"records"`))
}

const space = " \t\r\n"

// value is the length of the JSON text that b starts with and whose last line
// holds nothing else; 0 where there is none. White space behind it, up to the
// line's end, counts.
func (s *splitter) value(b []byte) int {
	if s.attempts <= 0 {
		return 0
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		var bad *json.SyntaxError
		if errors.As(err, &bad) {
			s.attempts -= int(bad.Offset)
			return 0
		}
		return len(b) // it breaks off with the body: one piece, not a piece a line
	}
	end := int(dec.InputOffset())
	for ; end < len(b); end++ {
		switch b[end] {
		case '\n':
			return end + 1
		case ' ', '\t', '\r':
		default:
			return 0
		}
	}
	return end
}

func (s *splitter) event(value []byte, where string) {
	given := 0 // bytes up to the end of the last record
	err := record.SplitEvent(value, func(i int, raw []byte) error {
		given += bytes.Index(value[given:], raw) + len(raw)
		s.add(raw, fmt.Sprintf("%s record %d", where, i+1), "")
		return nil
	})
	// What was given is not set aside a second time.
	if rest := bytes.TrimLeft(value[given:], ","+space); err != nil && len(rest) > 0 {
		s.add(rest, where, err.Error())
	}
}

// add a record, or what is none. What is set aside for its length is kept in part:
// a body without a line end must not become one dead letter of its size.
func (s *splitter) add(raw []byte, where, reason string) {
	switch {
	case reason == "" && len(raw) > MaxRecord:
		reason = fmt.Sprintf("the record is longer than %d bytes; the first of them are kept", MaxRecord)
		raw = raw[:MaxRecord:MaxRecord]
	case len(raw) > maxAside:
		reason += fmt.Sprintf("; the first %d bytes of what is set aside are kept", maxAside)
		raw = raw[:maxAside:maxAside]
	}
	s.recs = append(s.recs, source.Incoming{JSON: raw, Form: record.Export, Tenant: s.tenant, Where: where, Reason: reason})
}
