package kqltest

import (
	"fmt"
	"regexp"
	"strings"

	"sextant/table"
)

// Script is a file of cases.
type Script struct {
	Name  string
	lines []string // as read
	Cases []*Case
}

// Case is a block with an answer, and the tables that it sees.
type Case struct {
	Line   int    // of the block's first line, from 1
	Kind   string // query, plan or error
	Text   string
	Want   []string // the answer's lines
	Tables map[string]*table.Batch
	Skips  []Skip

	from, to int // the answer's lines in the script, to excluded
}

// Skip of a case: for one engine, or all where Engine is "".
type Skip struct{ Engine, Reason string }

var (
	tableLine = regexp.MustCompile(`^table\s+(\S+?)\s*(\(.*\))\s*$`)
	skipLine  = regexp.MustCompile(`^skip(?:\(([^)]*)\))?\s+(\S.*)$`)
)

const bar = "----"

// Parse reads a script. The error names the line.
func Parse(name, text string) (*Script, error) {
	s := &Script{Name: name, lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	tables := map[string]*table.Batch{}
	var skips []Skip
	fail := func(i int, format string, args ...any) (*Script, error) {
		return nil, fmt.Errorf("%s:%d: %s", name, i+1, fmt.Sprintf(format, args...))
	}
	for i := 0; i < len(s.lines); {
		line := strings.TrimRight(s.lines[i], " \t")
		if line == "" || line[0] == '#' {
			i++
			continue
		}
		if m := skipLine.FindStringSubmatch(line); m != nil {
			skips = append(skips, Skip{m[1], m[2]})
			i++
			continue
		}
		first := i
		body, at := s.until(i+1, func(l string) bool { return l == bar })
		if at < 0 {
			return fail(first, "no line %s behind this one", bar)
		}
		i = at + 1
		if m := tableLine.FindStringSubmatch(line); m != nil {
			schema, err := ParseSchema(m[2])
			if err != nil {
				return fail(first, "%v", err)
			}
			b := table.NewBatch(schema, len(body))
			for k, l := range body {
				row, err := ParseRow(l, schema)
				if err != nil {
					return fail(first+1+k, "%v", err)
				}
				b.AppendRow(row)
			}
			// Cases before this one keep the tables that they saw.
			next := make(map[string]*table.Batch, len(tables)+1)
			for n, t := range tables {
				next[n] = t
			}
			next[m[1]] = b
			tables = next
			continue
		}
		switch line {
		case "query", "plan", "error":
		default:
			return fail(first, "a block starts with table, query, plan or error, not with %q", line)
		}
		c := &Case{Line: first + 1, Kind: line, Text: strings.Join(body, "\n"), Tables: tables, Skips: skips, from: i}
		skips = nil
		c.Want, c.to = s.until(i, func(l string) bool { return strings.TrimRight(l, " \t") == "" })
		if c.to < 0 {
			c.to = len(s.lines)
			c.Want = s.lines[c.from:]
		}
		i = c.to
		s.Cases = append(s.Cases, c)
	}
	return s, nil
}

// until gives the lines from i up to the one that ends, and where that is; -1 at the
// end of the script.
func (s *Script) until(i int, ends func(string) bool) ([]string, int) {
	for k := i; k < len(s.lines); k++ {
		if ends(s.lines[k]) {
			return s.lines[i:k], k
		}
	}
	return s.lines[i:], -1
}

// update is the script with new answers.
func (s *Script) update(answers map[*Case][]string) string {
	var out []string
	at := 0
	for _, c := range s.Cases {
		if a, ok := answers[c]; ok {
			out = append(append(out, s.lines[at:c.from]...), a...)
			at = c.to
		}
	}
	out = append(out, s.lines[at:]...)
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}

// ParseSchema reads (a:string, ['b c']:long).
func ParseSchema(text string) (table.Schema, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "(")
	if ok {
		inner, ok = strings.CutSuffix(inner, ")")
	}
	if !ok {
		return nil, fmt.Errorf("a schema stands in parentheses, not %q", text)
	}
	var out table.Schema
	for _, part := range strings.Split(inner, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		c, err := parseColumn(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// parseColumn reads name:type, the name perhaps quoted as a cell is.
func parseColumn(text string) (table.Column, error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return table.Column{}, fmt.Errorf("%q has no type", text)
	}
	t, ok := table.ParseType(text[i+1:])
	if !ok {
		return table.Column{}, fmt.Errorf("there is no type %q", text[i+1:])
	}
	name := text[:i]
	if strings.HasPrefix(name, `"`) {
		v, err := unquote(name)
		if err != nil {
			return table.Column{}, err
		}
		name = v
	}
	return table.Column{Name: name, Type: t}, nil
}
