package plan

import (
	"fmt"
	"slices"

	"sextant/table"
)

// expand reads paths inside the elements of an expanded array from the columns
// that hold them for all elements (Promoted "[]." paths), where nothing else of
// the elements is read. As with promote, the scan becomes a union: one part
// expands those columns in step, the other, for rows where table.HiddenOdd is
// true, the array itself.
func expand(r *Rewriting, p *Pipeline) *Pipeline {
	s, ok := p.Source.(*Scan)
	if !ok || oddness(p) != oddUnknown || !slices.ContainsFunc(s.Def.Promoted, table.Promoted.InElements) {
		return p
	}
	at := slices.IndexFunc(p.Ops, func(op Op) bool { _, ok := op.(*MvExpand); return ok })
	if at < 0 {
		return p
	}
	mv := p.Ops[at].(*MvExpand)
	if len(mv.Cols) != 1 || mv.Array || mv.Cols[0].To != table.Dynamic {
		return p
	}
	list, ok := mv.Cols[0].Expr.(*Col)
	if !ok || !carried(p.Ops[:at], list.Name) || s.Out.Index(list.Name) < 0 {
		return p
	}
	x := &expanding{scan: s, list: list.Name, item: mv.Cols[0].Name, mv: mv}
	rest, ok := x.rest(p.Ops[at+1:])
	if !ok || len(x.paths) == 0 {
		return p
	}
	return x.build(r, p.Ops[:at], rest, p.Ops[at+1:])
}

// carried tells whether operators may run on two parts of the rows each by itself,
// and leave a column as it is.
func carried(ops []Op, name string) bool {
	for _, op := range ops {
		switch o := op.(type) {
		case *Filter:
			if !movable(o.Pred) {
				return false
			}
		case *Project:
			if o.Serialized || !slices.ContainsFunc(o.Cols, func(c Named) bool { x, ok := c.Expr.(*Col); return ok && c.Name == name && x.Name == name }) {
				return false
			}
			if slices.ContainsFunc(o.Cols, func(c Named) bool { return !movable(c.Expr) }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

type expanding struct {
	scan       *Scan
	mv         *MvExpand
	list, item string // the array's column, and the column of its elements
	paths      []table.Promoted
}

func elementName(i int) string { return fmt.Sprintf("$e%d", i+1) }

// path replaces the promoted paths of the element in an expression.
func (x *expanding) path(e Expr) Expr {
	switch y := e.(type) {
	case *Member, *Index:
		path := "[]"
		if name, keys := chain(e); name == x.item && len(keys) > 0 {
			for _, k := range keys {
				path += "." + k
			}
			for _, p := range x.scan.Def.Promoted {
				if p.Column != x.list || p.Path != path {
					continue
				}
				i := slices.Index(x.paths, p)
				if i < 0 {
					i = len(x.paths)
					x.paths = append(x.paths, p)
				}
				return &Col{elementName(i), table.Dynamic}
			}
		}
	case *Call:
		n := *y
		n.Args = mapAll(y.Args, x.path)
		return &n
	case *InQuery:
		n := *y
		n.X = x.path(y.X)
		return &n
	}
	return e
}

// chain is a column and the names of properties below it.
func chain(e Expr) (string, []string) {
	switch e := e.(type) {
	case *Col:
		return e.Name, nil
	case *Member:
		n, keys := chain(e.Of)
		return n, append(keys, e.Key)
	case *Index:
		if k, ok := e.I.(*Const); ok && k.Value.Type() == table.String {
			n, keys := chain(e.Of)
			return n, append(keys, k.Value.Str())
		}
	}
	return "", nil
}

// rest rewrites what follows, up to the operator where the element's column ends;
// false where the element is read in another way.
func (x *expanding) rest(ops []Op) ([]Op, bool) {
	var out []Op
	for _, op := range ops {
		switch op.(type) {
		case *Filter, *Sort, *Take, *Top, *Serialize, *Sample, *Project,
			*Summarize, *Join, *MakeSeries, *TopNested, *SampleDistinct, *Reduce:
		default:
			return nil, false
		}
		next := mapExprs(op, x.path)
		if slices.Contains(Columns(Expressions(next)...), x.item) {
			return nil, false
		}
		out = append(out, next)
		switch o := op.(type) {
		case *Filter, *Sort, *Take, *Top, *Serialize, *Sample:
		case *Join:
			if slices.Contains(o.LeftCols, x.item) {
				return nil, false
			}
			return out, true
		default:
			return out, true // a schema of its own, without the element
		}
	}
	return nil, false // the element is part of the result
}

func (x *expanding) build(r *Rewriting, before, rest, after []Op) *Pipeline {
	others := slices.DeleteFunc(slices.Clone(x.mv.Out), func(c table.Column) bool { return c.Name == x.item })
	out := slices.Clone(others)
	var lists table.Schema
	for i, p := range x.paths {
		lists = append(lists, table.Column{Name: p.Name(), Type: table.Dynamic})
		out = append(out, table.Column{Name: elementName(i), Type: table.Dynamic})
	}
	sure := r.Odd != nil && !r.Odd(x.scan.Def)
	start := func(odd bool, more table.Schema) *Pipeline {
		scan := *x.scan
		scan.Out = slices.Concat(x.scan.Out, more)
		if sure {
			return &Pipeline{Source: &scan}
		}
		scan.Out = append(scan.Out, table.Column{Name: table.HiddenOdd, Type: table.Bool})
		var pred Expr = &Col{table.HiddenOdd, table.Bool}
		if !odd {
			pred = r.call("not", table.Bool, pred)
		}
		return &Pipeline{&scan, []Op{&Filter{scan.Out, pred}}}
	}
	then := func(p *Pipeline, more table.Schema) *Pipeline {
		for _, op := range before {
			if o, ok := op.(*Project); ok {
				p.Ops = append(p.Ops, &Project{Cols: slices.Concat(o.Cols, columnsOf(more))})
				continue
			}
			p.Ops = append(p.Ops, over(op, p.Schema()))
		}
		return p
	}

	// one part: the columns of the paths, in step
	fast := then(start(false, lists), lists)
	mv := &MvExpand{Index: x.mv.Index, Limit: x.mv.Limit}
	for _, c := range fast.Schema() {
		if c.Name != table.HiddenOdd && lists.Index(c.Name) < 0 && others.Index(c.Name) >= 0 {
			mv.Out = append(mv.Out, c)
		}
	}
	for _, l := range lists {
		mv.Out = append(mv.Out, l)
		mv.Cols = append(mv.Cols, Expanded{&Col{l.Name, table.Dynamic}, l.Name, table.Dynamic})
	}
	if mv.Index != "" {
		mv.Out = append(mv.Out, table.Column{Name: mv.Index, Type: table.Long})
	}
	cols := columnsOf(others)
	for i, l := range lists {
		cols = append(cols, Named{elementName(i), &Col{l.Name, table.Dynamic}})
	}
	fast.Ops = append(fast.Ops, mv, &Project{Cols: cols})

	p := fast
	if !sure {
		text := then(start(true, nil), nil)
		m := *x.mv
		m.Out = nil
		in := text.Schema()
		for _, c := range x.mv.Out {
			if c.Name == x.item || c.Name == m.Index || in.Index(c.Name) >= 0 {
				m.Out = append(m.Out, c)
			}
		}
		cols := columnsOf(others)
		for i, l := range x.paths {
			var e Expr = &Col{x.item, table.Dynamic}
			for _, k := range keysOf(l.Path[len("[]."):]) {
				e = &Member{e, k}
			}
			cols = append(cols, Named{elementName(i), e})
		}
		text.Ops = append(text.Ops, &m, &Project{Cols: cols})
		p = &Pipeline{Source: &Union{Out: out, Inputs: []*Pipeline{fast, text}, From: [][]string{out.Names(), out.Names()}}}
	}
	for _, op := range rest {
		p.Ops = append(p.Ops, over(op, p.Schema()))
	}
	p.Ops = append(p.Ops, after[len(rest):]...)
	return p
}

func keysOf(path string) []string {
	var out []string
	key := ""
	for _, c := range path {
		if c == '.' {
			out = append(out, key)
			key = ""
			continue
		}
		key += string(c)
	}
	return append(out, key)
}

// What is known of table.HiddenOdd where a pipeline begins.
const (
	oddUnknown = iota
	oddNever
	oddAlways
)

// oddness tells which part of a scan's rows a pipeline reads, when a rule has made
// two parts of it.
func oddness(p *Pipeline) int {
	if len(p.Ops) == 0 {
		return oddUnknown
	}
	f, ok := p.Ops[0].(*Filter)
	if !ok {
		return oddUnknown
	}
	isOdd := func(e Expr) bool { c, ok := e.(*Col); return ok && c.Name == table.HiddenOdd }
	for _, e := range Conjuncts(f.Pred) {
		if isOdd(e) {
			return oddAlways
		}
		if c, ok := e.(*Call); ok && c.Fn.Name == "not" && isOdd(c.Args[0]) {
			return oddNever
		}
	}
	return oddUnknown
}
