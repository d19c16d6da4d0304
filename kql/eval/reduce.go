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
	alike
	x      *compiler
	schema table.Schema
	by     *node
}

// alike says when texts look alike.
type alike struct {
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
	s := &reduce{alike{op.Threshold, op.Characters}, x, op.Schema(), by}
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

func (r *reduceReader) fill(ctx context.Context) (*table.Batch, error) {
	m := alikeTexts{alike: r.s.alike, x: r.s.x, hold: &r.hold, byText: map[string]*alikeText{}}
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
		if _, err := m.add(r.s.by.vector(b), b.Rows); err != nil {
			return nil, err
		}
	}
	groups, err := m.groups(ctx)
	if err != nil {
		return nil, err
	}
	out := table.NewBatch(r.schema, len(groups))
	for _, g := range groups {
		out.AppendRow([]table.Value{table.StringValue(g.pattern), table.LongValue(g.n), table.StringValue(g.first)})
	}
	return out, nil
}

// reduceSource is reduce kind=source: every row, with the group of its text.
func reduceSource(ctx context.Context, r *wholeRun) error {
	m := alikeTexts{x: r.x, hold: &r.hold, byText: map[string]*alikeText{}}
	m.threshold, m.separate = r.number(0, 0.1), r.param(1).Text()
	var rows []*table.Batch
	var texts []*alikeText // of each row
	err := r.each(ctx, func(b *table.Batch, cols []table.Vector) error {
		of, err := m.add(cols[0], b.Rows)
		if err != nil {
			return err
		}
		texts = append(texts, of...)
		kept := &table.Batch{Rows: b.Rows}
		for _, c := range r.keep {
			kept.Schema = append(kept.Schema, b.Schema[c])
			kept.Cols = append(kept.Cols, b.Cols[c])
		}
		rows = append(rows, kept)
		return r.add(kept.Bytes() + int64(8*b.Rows))
	})
	if err != nil {
		return err
	}
	if _, err := m.groups(ctx); err != nil {
		return err
	}
	row := make([]table.Value, 0, len(r.schema))
	for _, b := range rows {
		for i := range b.Rows {
			if err := r.tick(ctx); err != nil {
				return err
			}
			row = row[:0]
			for c := range b.Cols {
				row = append(row, b.Cols[c].At(i))
			}
			g := texts[0].group
			texts = texts[1:]
			if err := r.emit(append(row, table.StringValue(g.pattern), table.LongValue(g.n), table.StringValue(g.first))...); err != nil {
				return err
			}
		}
	}
	return nil
}

// alikeText is a text, how often it came, and what it looks like.
type alikeText struct {
	s     string
	n     int64
	group *looks
}

// looks is a group of texts.
type looks struct {
	pattern, first string
	n              int64
}

// alikeTexts are those of all rows.
type alikeTexts struct {
	alike
	x      *compiler
	hold   *hold
	texts  []*alikeText // in the order that they came
	byText map[string]*alikeText
	all    int64
}

// add the texts of some rows, and give each row's.
func (m *alikeTexts) add(v table.Vector, rows int) ([]*alikeText, error) {
	out := make([]*alikeText, rows)
	var grown int64
	for i := range rows {
		s := textOf(&v, i)
		t := m.byText[s]
		if t == nil {
			t = &alikeText{s: s}
			m.byText[s] = t
			m.texts = append(m.texts, t)
			grown += int64(len(s)) + mapEntryBytes + 40
		}
		t.n++
		out[i] = t
	}
	m.all += int64(rows)
	return out, m.hold.add(grown)
}

// groups of all texts, the largest first.
func (m *alikeTexts) groups(ctx context.Context) ([]*looks, error) {
	shares := map[string]int64{} // of a place and a term
	for i, t := range m.texts {
		if i&255 == 255 {
			if err := m.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		before := len(shares)
		for k, term := range m.terms(t.s) {
			if !term.gap {
				shares[strconv.Itoa(k)+" "+t.s[term.from:term.to]] += t.n
			}
		}
		if err := m.hold.add(int64(len(shares)-before) * 2 * mapEntryBytes); err != nil {
			return nil, err
		}
	}
	var groups []*looks
	byPattern := map[string]*looks{}
	for i, t := range m.texts {
		if i&255 == 255 {
			if err := m.x.alive(ctx); err != nil {
				return nil, err
			}
		}
		p := m.pattern(t.s, shares, m.all)
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
		t.group = g
	}
	slices.SortStableFunc(groups, func(a, b *looks) int { return cmp.Compare(b.n, a.n) })
	return groups, nil
}

// othersPattern is what Kusto calls the texts of which nothing is left.
const othersPattern = "others"

// term is a part of a text: letters and digits, or a gap between them.
type term struct {
	from, to int
	gap      bool
}

func (s alike) terms(text string) []term {
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

func (s alike) pattern(text string, shares map[string]int64, all int64) string {
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

func (s alike) keeps(place int, word string, shares map[string]int64, all int64) bool {
	return float64(shares[strconv.Itoa(place)+" "+word]) > s.threshold*float64(all)
}

func (r *reduceReader) Close() error {
	r.out = &batches{schema: r.schema}
	r.hold.release()
	return r.in.Close()
}
