package eval

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sextant/kql/plan"
	"sextant/table"
)

// reduce groups texts that look alike. A text is cut into terms; a term that stands
// at its place in more than the threshold's share of all texts is kept, any other is
// replaced by *. What Kusto does is not published: groups need not be the same
// there. Groups come with the largest first.
type reduce struct {
	x         *compiler
	schema    table.Schema
	by        *node
	threshold float64
	separate  string
}

func (x *compiler) reduce(p *pipe, op *plan.Reduce) error {
	es, err := x.liftRows(p, []plan.Expr{op.By})
	if err != nil {
		return err
	}
	by, err := x.scope(p).expr(es[0])
	if err != nil {
		return err
	}
	s := &reduce{x, op.Schema(), by, op.Threshold, op.Characters}
	p.add(s, s.schema)
	return nil
}

func (s *reduce) open(_ *env, in Reader) Reader {
	return &reduceReader{base: base{in: in, schema: s.schema}, s: s, hold: s.x.hold("reduce")}
}

type reduceReader struct {
	base
	s    *reduce
	hold hold
	out  *batches
}

func (r *reduceReader) Next(ctx context.Context) (*table.Batch, error) {
	if r.out == nil {
		b, err := r.fill(ctx)
		if err != nil {
			return nil, err
		}
		r.out = &batches{schema: r.schema, list: []*table.Batch{b}, size: r.s.x.o.batchRows()}
	}
	return r.out.Next(ctx)
}

// looks is a text's group.
type looks struct {
	pattern, first string
	n              int64
}

func (r *reduceReader) fill(ctx context.Context) (*table.Batch, error) {
	type text struct {
		s string
		n int64
	}
	var texts []*text // in the order that they came
	byText := map[string]*text{}
	var all int64
	for {
		b, err := r.in.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		if err := r.s.x.alive(ctx); err != nil {
			return nil, err
		}
		v := r.s.by.vector(b)
		var grown int64
		for i := range b.Rows {
			s := textOf(&v, i)
			t := byText[s]
			if t == nil {
				t = &text{s: s}
				byText[s] = t
				texts = append(texts, t)
				grown += int64(len(s)) + mapEntryBytes + 32
			}
			t.n++
			all++
		}
		if err := r.hold.add(grown); err != nil {
			return nil, err
		}
	}
	shares := map[string]int64{} // of a place and a term
	for i, t := range texts {
		if i&255 == 255 {
			if err := r.s.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		before := len(shares)
		for k, term := range r.s.terms(t.s) {
			if !term.gap {
				shares[strconv.Itoa(k)+" "+t.s[term.from:term.to]] += t.n
			}
		}
		if err := r.hold.add(int64(len(shares)-before) * 2 * mapEntryBytes); err != nil {
			return nil, err
		}
	}
	var groups []*looks
	byPattern := map[string]*looks{}
	for i, t := range texts {
		if i&255 == 255 {
			if err := r.s.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		p := r.s.pattern(t.s, shares, all)
		g := byPattern[p]
		if g == nil {
			g = &looks{pattern: p, first: t.s}
			if p == othersPattern {
				g.first = ""
			}
			byPattern[p] = g
			groups = append(groups, g)
		}
		g.n += t.n
	}
	slices.SortStableFunc(groups, func(a, b *looks) int { return cmp.Compare(b.n, a.n) })
	out := table.NewBatch(r.schema, len(groups))
	for _, g := range groups {
		out.AppendRow([]table.Value{table.StringValue(g.pattern), table.LongValue(g.n), table.StringValue(g.first)})
	}
	return out, nil
}

// othersPattern is what Kusto calls the texts of which nothing is left.
const othersPattern = "others"

// term is a part of a text: letters and digits, or a gap between them.
type term struct {
	from, to int
	gap      bool
}

func (s *reduce) terms(text string) []term {
	var out []term
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		gap := strings.ContainsRune(s.separate, r) || !unicode.IsLetter(r) && !unicode.IsDigit(r)
		if n := len(out); n == 0 || out[n-1].gap != gap {
			out = append(out, term{from: i, gap: gap})
		}
		i += size
		out[len(out)-1].to = i
	}
	return out
}

func (s *reduce) pattern(text string, shares map[string]int64, all int64) string {
	var b strings.Builder
	kept, star := false, false
	terms := s.terms(text)
	for k, t := range terms {
		word := text[t.from:t.to]
		if t.gap {
			// A gap beside a star goes with it.
			if !star && (k+1 >= len(terms) || s.keeps(k+1, text[terms[k+1].from:terms[k+1].to], shares, all)) {
				b.WriteString(word)
			}
			continue
		}
		if s.keeps(k, word, shares, all) {
			b.WriteString(word)
			kept, star = true, false
			continue
		}
		if !star {
			b.WriteByte('*')
		}
		star = true
	}
	if !kept {
		return othersPattern
	}
	return b.String()
}

func (s *reduce) keeps(place int, word string, shares map[string]int64, all int64) bool {
	return float64(shares[strconv.Itoa(place)+" "+word]) > s.threshold*float64(all)
}

func (r *reduceReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
