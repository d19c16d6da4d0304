package eval

import (
	"context"
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// parse takes columns from a text. The whole text must match the pattern. Simple
// and relaxed patterns are literal: each delimiter is found at its first place
// behind the one before, the last one at the end of the text. In a strict kind
// (simple, regex) a capture that is not of its type makes the row fail; a row that
// fails has nulls in all captured columns.
type parse struct {
	x      *compiler
	schema table.Schema
	of     *node
	match  func(text string, out []string) bool
	cols   []table.Column // captured, in the order of match's out
	strict bool
	where  bool
	from   []int // for each column of schema: the input's, or -1-k for captured k
}

func (x *compiler) parse(p *pipe, op *plan.Parse) error {
	es, err := x.liftRows(p, []plan.Expr{op.Of})
	if err != nil {
		return err
	}
	of, err := x.scope(p).expr(es[0])
	if err != nil {
		return err
	}
	s := &parse{x: x, schema: op.Out, of: of, where: op.Where, strict: op.Kind != plan.ParseRelaxed}
	for _, part := range op.Pattern {
		if part.Column != nil {
			s.cols = append(s.cols, *part.Column)
		}
	}
	if op.Kind == plan.ParseRegex {
		if s.match, err = regexMatch(op.Pattern, op.Flags); err != nil {
			return err
		}
	} else {
		s.match = literalMatch(op.Pattern)
	}
	if s.from, err = capturesInto(op.Out, p.schema, s.cols); err != nil {
		return err
	}
	p.add(s, op.Out)
	return nil
}

// capturesInto maps the columns of out to captured ones (-1-k) or the input's. Of
// two captures with one name the last counts.
func capturesInto(out, in table.Schema, captured []table.Column) ([]int, error) {
	from := make([]int, len(out))
	for c := range out {
		from[c] = in.Index(out[c].Name)
		found := from[c] >= 0
		for k := range captured {
			if captured[k].Name == out[c].Name {
				from[c], found = -1-k, true
			}
		}
		if !found {
			return nil, fault.New(fault.Internal, "eval: parse has no column %q", out[c].Name)
		}
	}
	return from, nil
}

// field is what stands between two delimiters.
type field struct {
	cols []table.Column
	skip bool // a star is among it
}

// literalMatch compiles the parts of a simple pattern into delimiters and what
// stands before each of them.
func literalMatch(parts []plan.ParsePart) func(string, []string) bool {
	var delims []string
	fields := []field{{}}
	for i, p := range parts {
		last := &fields[len(fields)-1]
		switch {
		case p.Star:
			last.skip = true
		case p.Column != nil:
			last.cols = append(last.cols, *p.Column)
		case i > 0 && parts[i-1].Column == nil && !parts[i-1].Star:
			delims[len(delims)-1] += p.Literal
		default:
			delims = append(delims, p.Literal)
			fields = append(fields, field{})
		}
	}
	return func(text string, out []string) bool {
		k := 0
		for i, f := range fields {
			region := text
			if i < len(delims) {
				d := delims[i]
				at := 0
				switch {
				case !f.skip && len(f.cols) == 0:
					if !strings.HasPrefix(text, d) {
						return false
					}
				case i == len(delims)-1 && !fields[i+1].skip && len(fields[i+1].cols) == 0:
					if at = len(text) - len(d); at < 0 || text[at:] != d {
						return false
					}
				default:
					if at = strings.Index(text, d); at < 0 {
						return false
					}
				}
				region, text = text[:at], text[at+len(d):]
			} else if !f.skip && len(f.cols) == 0 && text != "" {
				return false
			}
			for c, col := range f.cols {
				if c < len(f.cols)-1 || f.skip {
					n := prefixOf(region, col.Type)
					out[k], region = region[:n], region[n:]
				} else {
					out[k] = region
				}
				k++
			}
		}
		return true
	}
}

var (
	wholePrefix = regexp.MustCompile(`^\s*[-+]?\d+`)
	realPrefix  = regexp.MustCompile(`^\s*[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`)
)

// prefixOf is how much of a text belongs to a column that no delimiter ends: the
// longest start that can be of its type.
func prefixOf(text string, t table.Type) int {
	switch t {
	case table.String, table.Dynamic:
		return len(text)
	case table.Int, table.Long:
		return len(wholePrefix.FindString(text))
	case table.Real, table.Decimal:
		return len(realPrefix.FindString(text))
	}
	const most = 64 // no text of these types is longer
	for n := min(len(text), most); n > 0; n-- {
		if !fn.Convert(table.StringValue(text[:n]), t).IsNull() {
			return n
		}
	}
	return 0
}

// regexMatch builds one expression of a regex pattern.
func regexMatch(parts []plan.ParsePart, flags string) (func(string, []string) bool, error) {
	var b strings.Builder
	if flags = strings.ReplaceAll(flags, " ", ""); flags != "" {
		if strings.Trim(flags, "Umsi") != "" {
			return nil, fault.New(fault.Invalid, "parse does not know the flags %q; U, m, s and i work", flags)
		}
		b.WriteString("(?" + flags + ")")
	}
	b.WriteString(`\A`)
	n := 0
	for _, p := range parts {
		switch {
		case p.Star:
			b.WriteString(".*?")
		case p.Column != nil:
			b.WriteString("(?P<capture" + strconv.Itoa(n) + ">" + patternOf(p.Column.Type) + ")")
			n++
		default:
			b.WriteString("(?:" + p.Literal + ")")
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, errRegex("parse", err)
	}
	groups := make([]int, n)
	for i := range groups {
		if groups[i] = re.SubexpIndex("capture" + strconv.Itoa(i)); groups[i] < 0 {
			return nil, fault.New(fault.Invalid, "parse cannot use the regular expression: a column stands inside [ ]; close it before the column")
		}
	}
	return func(text string, out []string) bool {
		m := re.FindStringSubmatchIndex(text)
		if m == nil {
			return false
		}
		for i, g := range groups {
			out[i] = ""
			if m[2*g] >= 0 {
				out[i] = text[m[2*g]:m[2*g+1]]
			}
		}
		return true
	}, nil
}

// errRegex says what is wrong without the expression that was built around it.
func errRegex(who string, err error) error {
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return fault.New(fault.Invalid, "%s cannot use the regular expression: %s", who, bad.Code)
	}
	return fault.New(fault.Invalid, "%s cannot use the regular expression: %w", who, err)
}

func patternOf(t table.Type) string {
	switch t {
	case table.Int, table.Long:
		return `[-+]?\d+`
	case table.Real, table.Decimal:
		return `[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`
	}
	return ".*"
}

func (s *parse) open(_ *env, in Reader) Reader {
	return &parseReader{base: base{in: in, schema: s.schema}, s: s}
}

type parseReader struct {
	base
	s *parse
}

func (r *parseReader) Next(ctx context.Context) (*table.Batch, error) {
	for {
		b, err := r.in.Next(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		out, err := r.s.run(ctx, b)
		if err != nil || out.Rows > 0 {
			return out, err
		}
	}
}

func (s *parse) run(ctx context.Context, b *table.Batch) (*table.Batch, error) {
	texts := s.of.vector(b)
	caps := make([]table.Vector, len(s.cols))
	for k, c := range s.cols {
		caps[k] = table.NewVector(c.Type, b.Rows)
	}
	found := make([]string, len(s.cols))
	vals := make([]table.Value, len(s.cols))
	var keep []int32
	for i := range b.Rows {
		if i&63 == 63 {
			if err := s.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		ok := s.match(textOf(&texts, i), found)
		for k, c := range s.cols {
			vals[k] = table.Null(c.Type)
			if ok {
				vals[k] = fn.Convert(table.StringValue(found[k]), c.Type)
				if s.strict && vals[k].IsNull() {
					ok = false
				}
			}
		}
		if !ok && s.where {
			continue
		}
		keep = append(keep, int32(i))
		for k, c := range s.cols {
			if !ok {
				vals[k] = table.Null(c.Type)
			}
			caps[k].Append(vals[k])
		}
	}
	return captured(b, s.schema, s.from, keep, caps), nil
}

// textOf is cell i as a text.
func textOf(v *table.Vector, i int) string {
	if v.Type == table.String {
		return v.S[i]
	}
	return fn.ToText(v.At(i))
}

// captured puts captured columns in their places beside the input's.
func captured(b *table.Batch, schema table.Schema, from []int, keep []int32, caps []table.Vector) *table.Batch {
	out := &table.Batch{Schema: schema, Cols: make([]table.Vector, len(schema)), Rows: len(keep)}
	for c := range schema {
		switch {
		case from[c] < 0:
			out.Cols[c] = caps[-1-from[c]]
		case len(keep) == b.Rows:
			out.Cols[c] = b.Cols[from[c]]
		default:
			out.Cols[c] = pick(&b.Cols[from[c]], keep)
		}
	}
	return out
}
