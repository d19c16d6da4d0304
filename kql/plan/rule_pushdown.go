package plan

import "sextant/table"

// pushdown moves each conjunct of a filter as close to the source as it means the
// same: below project (its columns replaced by what they are), sort, distinct,
// summarize (on groups), mv-expand, parse, into unions and the sides of joins.
// Filters that end up side by side become one.
func pushdown(r *Rewriting, p *Pipeline) *Pipeline {
	out := &Pipeline{Source: p.Source}
	for _, op := range p.Ops {
		f, ok := op.(*Filter)
		if !ok {
			out.Ops = append(out.Ops, op)
			continue
		}
		for _, c := range Conjuncts(f.Pred) {
			out = r.sink(out, c)
		}
	}
	return r.merge(out)
}

// sink puts one predicate behind p, as far down as it goes, and behind the filters
// that are there already.
func (r *Rewriting) sink(p *Pipeline, pred Expr) *Pipeline {
	at, put := len(p.Ops), pred // where it stands if it goes no further
	if movable(pred) {
		i := at
	down:
		for i > 0 {
			switch op := p.Ops[i-1].(type) {
			case *Filter:
				i--
			case *Join:
				side, ok := r.intoJoin(op, pred)
				switch {
				case !ok:
					break down
				case side.join != nil:
					ops := append([]Op(nil), p.Ops...)
					ops[i-1] = side.join
					return &Pipeline{p.Source, ops}
				}
				i--
				pred = side.left
				at, put = i, pred
			default:
				next, ok := r.below(op, pred)
				if !ok {
					break down
				}
				i--
				pred = next
				at, put = i, pred
			}
		}
		if u, ok := p.Source.(*Union); ok && i == 0 {
			if u := r.intoUnion(u, pred); u != nil {
				return &Pipeline{u, p.Ops}
			}
		}
	}
	in := p.Source.Schema()
	if at > 0 {
		in = p.Ops[at-1].Schema()
	}
	ops := append(append([]Op(nil), p.Ops[:at]...), &Filter{in, put})
	return &Pipeline{p.Source, append(ops, p.Ops[at:]...)}
}

// maxInlined bounds what a predicate may grow to when columns are replaced by
// what they are: beyond it, computing the column once is better.
const maxInlined = 40

// below is the predicate as it reads below an operator; false where it cannot go.
func (r *Rewriting) below(op Op, pred Expr) (Expr, bool) {
	switch o := op.(type) {
	case *Sort, *Distinct:
		return pred, true
	case *Serialize:
		return pred, true
	case *Project:
		if o.Serialized {
			return nil, false
		}
		of := map[string]Expr{}
		for _, c := range o.Cols {
			of[c.Name] = c.Expr
		}
		if !reads(pred, func(n string) bool { return of[n] != nil && movable(of[n]) }) {
			return nil, false
		}
		out := substitute(pred, of)
		return out, size(out) <= max(maxInlined, size(pred))
	case *Summarize:
		of := map[string]Expr{}
		for _, c := range o.By {
			of[c.Name] = c.Expr
		}
		if len(of) == 0 || len(Columns(pred)) == 0 || !reads(pred, func(n string) bool { return of[n] != nil && movable(of[n]) }) {
			return nil, false
		}
		out := substitute(pred, of)
		return out, size(out) <= max(maxInlined, size(pred))
	case *MvExpand:
		made := map[string]bool{o.Index: true}
		for _, c := range o.Cols {
			made[c.Name] = true
		}
		return pred, reads(pred, func(n string) bool { return !made[n] })
	case *Parse:
		made := map[string]bool{}
		for _, x := range o.Pattern {
			if x.Column != nil {
				made[x.Column.Name] = true
			}
		}
		return pred, reads(pred, func(n string) bool { return !made[n] })
	case *MvApply:
		keep := map[string]bool{}
		for _, n := range o.Keep {
			keep[n] = true
		}
		return pred, len(Columns(pred)) > 0 && reads(pred, func(n string) bool { return keep[n] })
	}
	return nil, false
}

// joinSide is where a predicate above a join goes: the left input, or into the
// right one.
type joinSide struct {
	left Expr
	join *Join
}

func (r *Rewriting) intoJoin(op Op, pred Expr) (joinSide, bool) {
	j, ok := op.(*Join)
	if !ok || len(Columns(pred)) == 0 {
		return joinSide{}, false
	}
	left, right := map[string]Expr{}, map[string]Expr{}
	for i, c := range j.Out {
		if i < len(j.LeftCols) {
			left[c.Name] = &Col{j.LeftCols[i], c.Type}
		} else {
			right[c.Name] = &Col{j.RightCols[i-len(j.LeftCols)], c.Type}
		}
	}
	if reads(pred, func(n string) bool { return left[n] != nil }) {
		switch j.Kind {
		case Inner, LeftOuter, LeftSemi, LeftAnti:
			return joinSide{left: substitute(pred, left)}, true
		case InnerUnique:
			// one row of each key is kept before the join: only what all rows of a
			// key share may choose among them
			p := substitute(pred, left)
			keys := map[string]bool{}
			for _, k := range j.LeftKeys {
				if c, ok := k.(*Col); ok {
					keys[c.Name] = true
				}
			}
			if reads(p, func(n string) bool { return keys[n] }) {
				return joinSide{left: p}, true
			}
		}
		return joinSide{}, false
	}
	if reads(pred, func(n string) bool { return right[n] != nil }) {
		switch j.Kind {
		case Inner, InnerUnique, RightOuter, RightSemi, RightAnti:
			out := *j
			out.Right = r.sink(j.Right, substitute(pred, right))
			out.Right = r.merge(out.Right)
			return joinSide{join: &out}, true
		}
	}
	return joinSide{}, false
}

// intoUnion puts a predicate into every input; nil where it reads the column that
// names the input.
func (r *Rewriting) intoUnion(u *Union, pred Expr) *Union {
	if u.With != "" && !reads(pred, func(n string) bool { return n != u.With }) {
		return nil
	}
	out := *u
	out.Inputs = make([]*Pipeline, len(u.Inputs))
	for i, in := range u.Inputs {
		of := map[string]Expr{}
		for k, c := range u.Out {
			if from := u.From[i][k]; from != "" {
				of[c.Name] = &Col{from, c.Type}
			} else {
				of[c.Name] = &Const{table.Null(c.Type)}
			}
		}
		out.Inputs[i] = r.merge(r.sink(in, substitute(pred, of)))
	}
	return &out
}

// merge makes one filter of those that stand side by side. The conjuncts keep
// their order: cheap ones are usually written first.
func (r *Rewriting) merge(p *Pipeline) *Pipeline {
	var ops []Op
	for _, op := range p.Ops {
		f, ok := op.(*Filter)
		if ok && len(ops) > 0 {
			if g, ok := ops[len(ops)-1].(*Filter); ok {
				ops[len(ops)-1] = &Filter{g.In, r.all(append(Conjuncts(g.Pred), Conjuncts(f.Pred)...))}
				continue
			}
		}
		ops = append(ops, op)
	}
	return &Pipeline{p.Source, ops}
}
