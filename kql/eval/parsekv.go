package eval

import (
	"context"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// parseKV takes the values of keys from a text of pairs. The first pair with a key
// counts.
type parseKV struct {
	x      *compiler
	schema table.Schema
	of     *node
	keys   table.Schema
	split  func(text string, found func(key, value string))
	from   []int
}

func (x *compiler) parseKV(p *pipe, op *plan.ParseKV) error {
	es, err := x.liftRows(p, []plan.Expr{op.Of})
	if err != nil {
		return err
	}
	of, err := x.scope(p).expr(es[0])
	if err != nil {
		return err
	}
	s := &parseKV{x: x, schema: op.Out, of: of, keys: op.Keys}
	if s.from, err = capturesInto(op.Out, p.schema, op.Keys); err != nil {
		return err
	}
	if op.Regex != "" {
		re, err := regexp.Compile(op.Regex)
		if err != nil {
			return errRegex("parse-kv", err)
		}
		if re.NumSubexp() < 2 {
			return fault.New(fault.Invalid, "the regex of parse-kv needs two groups: the key and its value")
		}
		s.split = func(text string, found func(key, value string)) {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				found(strings.TrimSpace(m[1]), m[2])
			}
		}
	} else {
		kv := &pairs{pair: op.Pair, kv: op.KV, escape: op.Escape, greedy: op.Greedy, keys: map[string]bool{}, ctx: x.c.Ctx}
		for _, q := range op.Quotes {
			if kv.open == 0 {
				kv.open = q
			}
			kv.close = q
		}
		for _, k := range op.Keys {
			kv.keys[k.Name] = true
		}
		s.split = kv.split
	}
	p.add(s, op.Out)
	return nil
}

func (s *parseKV) open(_ *env, in Reader) Reader {
	return &parseKVReader{base: base{in: in, schema: s.schema}, s: s}
}

type parseKVReader struct {
	base
	s *parseKV
}

func (r *parseKVReader) Next(ctx context.Context) (*table.Batch, error) {
	b, err := r.in.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	s := r.s
	texts := s.of.vector(b)
	caps := make([]table.Vector, len(s.keys))
	for k, c := range s.keys {
		caps[k] = table.NewVector(c.Type, b.Rows)
	}
	found := make([]string, len(s.keys))
	have := make([]bool, len(s.keys))
	keep := make([]int32, b.Rows)
	for i := range b.Rows {
		if i&63 == 63 {
			if err := s.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		keep[i] = int32(i)
		clear(have)
		s.split(textOf(&texts, i), func(key, value string) {
			if k := s.keys.Index(key); k >= 0 && !have[k] {
				found[k], have[k] = value, true
			}
		})
		for k, c := range s.keys {
			if have[k] {
				caps[k].Append(fn.Convert(table.StringValue(found[k]), c.Type))
			} else {
				caps[k].Append(table.Null(c.Type))
			}
		}
	}
	return captured(b, s.schema, s.from, keep, caps), nil
}

// pairs reads "key<kv>value<pair>key<kv>value…". A delimiter that is not given is
// any run of characters that are no letter, digit or underscore.
type pairs struct {
	pair, kv    string
	open, close rune // quotes; 0 for none
	escape      rune
	greedy      bool
	keys        map[string]bool
	ctx         context.Context // of the query: a long text is left when that ends
}

func word(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// delim is the length of the delimiter d at the start of s; 0 for none. One that is not
// given ends where a quote opens.
func (p *pairs) delim(s, d string) int {
	if d != "" {
		if strings.HasPrefix(s, d) {
			return len(d)
		}
		return 0
	}
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if word(r) || r == p.open {
			break
		}
		n += size
	}
	return n
}

func blanks(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n")) }

// quoted reads a text in quotes at the start of s; n is 0 where there is none.
func (p *pairs) quoted(s string) (text string, n int) {
	if p.open == 0 {
		return "", 0
	}
	r, size := utf8.DecodeRuneInString(s)
	if r != p.open {
		return "", 0
	}
	var b strings.Builder
	for n = size; n < len(s); {
		r, size := utf8.DecodeRuneInString(s[n:])
		n += size
		switch {
		case p.escape != 0 && r == p.escape && n < len(s):
			r, size = utf8.DecodeRuneInString(s[n:])
			n += size
		case r == p.close:
			return b.String(), n
		}
		b.WriteRune(r)
	}
	return "", 0 // never closed: the quote is a character like any other
}

// key reads a key and the delimiter behind it at the start of s; n is 0 where there
// is none.
func (p *pairs) key(s string) (key string, n int) {
	if text, q := p.quoted(s); q > 0 {
		end := q
		if p.kv != "" {
			end += blanks(s[q:])
		}
		if d := p.delim(s[end:], p.kv); d > 0 {
			return text, end + d
		}
		return "", 0
	}
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		end := i // behind blanks, which may stand before the delimiter
		if p.kv != "" {
			end += blanks(s[i:])
		}
		if i > 0 {
			if d := p.delim(s[end:], p.kv); d > 0 {
				return strings.TrimSpace(s[:i]), end + d
			}
		}
		if p.pair != "" || p.kv != "" {
			for k := i; k < max(end, i+1); k++ {
				if p.delim(s[k:], p.pair) > 0 {
					return "", 0
				}
			}
		}
		i = max(end, i+size)
	}
	return "", 0
}

func (p *pairs) split(s string, found func(key, value string)) {
	for len(s) > 0 && p.ctx.Err() == nil {
		if n := blanks(s); n > 0 && (p.pair == "" || strings.TrimSpace(p.pair) != "") {
			s = s[n:]
			continue
		}
		if n := p.delim(s, p.pair); n > 0 {
			if _, q := p.quoted(s); q == 0 {
				s = s[n:]
				continue
			}
		}
		key, n := p.key(s)
		if n == 0 || p.kv == "" && !p.keys[key] {
			s = s[p.skip(s):]
			continue
		}
		s = s[n:]
		if p.kv != "" {
			s = s[blanks(s):]
		}
		value, n := p.value(s)
		found(key, value)
		s = s[n:]
	}
}

// skip is the length of what is no pair, up to the next delimiter.
func (p *pairs) skip(s string) int {
	if _, q := p.quoted(s); q > 0 {
		return q
	}
	_, n := utf8.DecodeRuneInString(s)
	for n < len(s) && p.delim(s[n:], p.pair) == 0 {
		_, size := utf8.DecodeRuneInString(s[n:])
		n += size
	}
	return n
}

// value reads a value and how long it is.
func (p *pairs) value(s string) (string, int) {
	if text, q := p.quoted(s); q > 0 {
		return text, q
	}
	n := 0
	for n < len(s) {
		if d := p.delim(s[n:], p.pair); d > 0 {
			if !p.greedy || p.ctx.Err() != nil {
				break
			}
			// On to the next key that is known.
			rest := s[n+d:]
			if k, kn := p.key(rest[blanks(rest):]); kn > 0 && p.keys[k] {
				break
			}
			n += d
			continue
		}
		_, size := utf8.DecodeRuneInString(s[n:])
		n += size
	}
	return strings.TrimSpace(s[:n]), n
}
