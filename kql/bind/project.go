package bind

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
)

// style of a projection: what happens to a name that is already there.
type style uint8

const (
	styleProject style = iota // a computed column with a taken name is numbered
	styleExtend               // it replaces the column
	styleReplace              // so does a bare column
	stylePrint                // names are print_0, print_1, …
)

// projected is one column of a projection. id is the input column that it is,
// unchanged; "" for a computed one.
type projected struct {
	name string
	expr plan.Expr
	id   string
}

// projection collects the columns of an operator and names them as Kusto does:
// a written name may be there once; other names are made unique with a number.
type projection struct {
	b        *binder
	cols     []projected
	at       map[string]int
	declared map[string]bool
	skip     map[string]bool // input columns that are not added again
	used     map[string]int  // names, with the last number given to each
	unnamed  int
}

func (b *binder) projection() *projection {
	return &projection{b: b, at: map[string]int{}, declared: map[string]bool{}, skip: map[string]bool{}, used: map[string]int{}}
}

func (p *projection) unique(name, base string) string {
	if last, taken := p.used[name]; taken {
		for n := last + 1; ; n++ {
			s := fmt.Sprintf("%s%d", base, n)
			if _, taken := p.used[s]; !taken {
				p.used[name] = n
				p.used[s] = 0
				return s
			}
		}
	}
	p.used[name] = 0
	return name
}

// add a column under a name that nobody wrote.
func (p *projection) add(c projected, replace, once bool) {
	if c.name == "" || c.id != "" && p.skip[c.id] {
		return
	}
	if i, ok := p.at[c.name]; ok && replace {
		p.cols[i] = c
	} else {
		id := c.id
		name := p.unique(c.name, c.name)
		if name != c.name {
			c.name, c.id = name, ""
		}
		p.cols = append(p.cols, c)
		p.at[c.name] = len(p.cols) - 1
		if once && id != "" && c.id != "" {
			p.skip[id] = true
		}
		return
	}
	if once && c.id != "" {
		p.skip[c.id] = true
	}
}

// declare a column under a name that was written.
func (p *projection) declare(c projected, at syntax.Node, replace bool) {
	if p.declared[c.name] {
		p.b.errorf(at, "KS171", "A column with the name '%s' is already declared.", c.name)
		return
	}
	if i, ok := p.at[c.name]; ok && replace {
		p.cols[i] = c
	} else {
		name := c.name
		p.add(c, false, false)
		if c.id != "" && p.skip[c.id] {
			p.declared[name] = true
			return
		}
		name = p.cols[len(p.cols)-1].name
		p.declared[name] = true
		return
	}
	p.declared[c.name] = true
}

// addRow adds the input's columns.
func (p *projection) addRow(r *row, once bool) {
	for i, c := range r.schema {
		id := c.Name
		if r.index[id] != i {
			id = "" // an editor's second column of a name: parse makes such
		}
		p.add(projected{c.Name, &plan.Col{Name: c.Name, T: c.Type}, id}, false, once)
	}
}

func (p *projection) named() []plan.Named {
	out := make([]plan.Named, len(p.cols))
	for i, c := range p.cols {
		out[i] = plan.Named{Name: c.name, Expr: c.expr}
	}
	return out
}

// defaultName is Column1, Column2, … : the first that means nothing else.
func (p *projection) defaultName(e env, withRow bool) string {
	for {
		p.unnamed++
		name := fmt.Sprintf("Column%d", p.unnamed)
		if _, ok := e.row.column(name); ok && withRow {
			continue
		}
		if e.sc.find(name) != nil {
			continue
		}
		if _, ok := p.b.env.Table(name); ok {
			continue
		}
		return name
	}
}

// resultColumn is the input column that an expression is, unchanged.
func resultColumn(x syntax.Expr, v plan.Expr) (string, bool) {
	c, ok := v.(*plan.Col)
	if !ok {
		return "", false
	}
	for {
		switch y := x.(type) {
		case *syntax.Paren:
			x = y.X
			continue
		case *syntax.Ordered:
			x = y.X
			continue
		case *syntax.Name:
			return c.Name, y.Name == c.Name
		case *syntax.Call:
			if conversions[y.Func.Name] && len(y.Args) == 1 {
				if n, ok := y.Args[0].(*syntax.Name); ok && n.Name == c.Name {
					return c.Name, true
				}
			}
			if y.Func.Name == "column_ifexists" || y.Func.Name == "columnifexists" {
				return c.Name, false
			}
		case *syntax.Path:
			return c.Name, true
		}
		return "", false
	}
}

// item adds what one expression of a projection gives. auto is the name of a
// print column.
func (p *projection) item(x syntax.Expr, e env, s style, auto string) {
	if o, ok := x.(*syntax.Ordered); ok {
		x = o.X
	}
	b := p.b
	switch y := x.(type) {
	case *syntax.Named:
		p.namedItem(y, e, s)
		return
	case *syntax.Star:
		for _, c := range e.row.schema {
			if e.row.grouped {
				b.errorf(x, "KS191", "The * is not allowed here.")
				return
			}
			p.add(projected{c.Name, &plan.Col{Name: c.Name, T: c.Type}, c.Name}, true, false)
		}
		return
	case *syntax.Wildcard:
		b.errorf(x, "KS268", "Names with wildcards are not allowed here.")
		return
	}
	if t, ok := b.tuple(x, e); ok {
		if s == stylePrint && len(t.out) == 1 {
			p.add(projected{auto, t.col(0), ""}, false, false)
			return
		}
		for i, c := range t.out {
			id := t.ids[i]
			p.add(projected{c.Name, t.col(i), id}, false, false)
		}
		return
	}
	v := b.scalar(x, e)
	if id, ok := resultColumn(x, v); ok && s != stylePrint {
		p.declare(projected{id, v, id}, x, s == styleReplace)
		return
	}
	if s == stylePrint && auto != "" {
		p.add(projected{auto, v, ""}, false, false)
		return
	}
	name, ok := b.resultName(x, e)
	if a := b.bareAggregate(x, e); a != nil {
		name, ok = b.aggregateName(x, a, e), true
	}
	if !ok || name == "" {
		name = p.defaultName(e, s == styleExtend)
	}
	p.add(projected{name, v, ""}, s == styleReplace || s == styleExtend, false)
}

func (p *projection) namedItem(x *syntax.Named, e env, s style) {
	b := p.b
	if t, ok := b.tuple(x.X, e); ok {
		for i, c := range t.out {
			switch {
			case i < len(x.Names):
				n := &x.Names[i]
				p.declare(projected{n.Name, t.col(i), ""}, n, !x.Tuple || s == styleReplace || s == styleExtend)
			case s != stylePrint && !t.scalar:
				p.add(projected{c.Name, t.col(i), t.ids[i]}, false, false)
			}
		}
		for i := len(t.out); i < len(x.Names); i++ {
			b.errorf(&x.Names[i], "KS150", "The name does not have a corresponding expression.")
		}
		return
	}
	if x.Tuple && len(x.Names) > 1 {
		if v := b.scalar(x.X, e); !isBad(v) {
			note(b.errorf(x, "KS149", "The expression does not have multiple values."), "name each column by itself")
		}
		for i := range x.Names {
			n := &x.Names[i]
			p.declare(projected{n.Name, bad(), ""}, n, true)
		}
		return
	}
	if len(x.Names) == 0 {
		return
	}
	v := b.scalar(x.X, e)
	n := &x.Names[0]
	_, isCol := resultColumn(x.X, v)
	p.declare(projected{n.Name, v, ""}, n, isCol || s == styleReplace || s == styleExtend)
}

// project gives the rows of r with these columns, and what hidden ones it has.
func (b *binder) project(r *rel, cols []plan.Named, in *row) *rel {
	for _, c := range r.hidden() {
		cols = append(cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	for _, c := range cols {
		if isBad(c.Expr) {
			r = r.opened(cols)
			return r
		}
	}
	return r.then(&plan.Project{Cols: cols, Serialized: in != nil && in.usesRow})
}

// opened is r with some columns that are not known: they have type Unknown.
func (r *rel) opened(cols []plan.Named) *rel {
	return r.then(&plan.Project{Cols: cols})
}

func (b *binder) extend(o *syntax.Extend, r *rel, e env) *rel {
	p := b.projection()
	p.addRow(e.row, true)
	for _, x := range o.Items {
		p.item(x, e, styleExtend, "")
	}
	return b.project(r, p.named(), e.row)
}

func (b *binder) projectOp(items []syntax.Expr, r *rel, e env) *rel {
	p := b.projection()
	for _, x := range items {
		p.item(x, e, styleProject, "")
	}
	return b.project(r, p.named(), e.row)
}

// listed are the columns that names and wildcards mean, in order.
func (b *binder) listed(items []syntax.Expr, e env) []string {
	var out []string
	for _, x := range items {
		names, _ := b.matching(x, e, true)
		out = append(out, names...)
	}
	return out
}

// matching gives the columns that a name, a wildcard or a * means.
func (b *binder) matching(x syntax.Expr, e env, must bool) ([]string, bool) {
	switch y := x.(type) {
	case *syntax.Ordered:
		return b.matching(y.X, e, must)
	case *syntax.Paren:
		return b.matching(y.X, e, must)
	case *syntax.Star:
		return e.row.schema.Names(), true
	case *syntax.Wildcard:
		var out []string
		for _, c := range e.row.schema {
			if Like(y.Pattern, c.Name) {
				out = append(out, c.Name)
			}
		}
		return out, true
	case *syntax.Name:
		if _, ok := e.row.column(y.Name); ok {
			return []string{y.Name}, false
		}
		if must && !e.row.open {
			b.lacks(y.Name)
			didYouMean(b.errorf(y, "SEM0100", "Failed to resolve column named '%s'", y.Name), fn.Nearest(y.Name, e.row.schema.Names()))
		}
		return nil, false
	case *syntax.Call:
		if v, ok := b.scalar(y, e).(*plan.Col); ok { // column_ifexists
			return []string{v.Name}, false
		}
	}
	b.errorf(x, "KS109", "Column name expected.")
	return nil, false
}

// Like tells whether a name matches a pattern with stars. Case counts.
func Like(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

func (b *binder) projectAway(o *syntax.ProjectAway, r *rel, e env) *rel {
	return b.keep(r, e, b.listed(o.Items, e), false)
}

func (b *binder) projectKeep(o *syntax.ProjectKeep, r *rel, e env) *rel {
	return b.keep(r, e, b.listed(o.Items, e), true)
}

func (b *binder) keep(r *rel, e env, names []string, keep bool) *rel {
	var cols []plan.Named
	for _, c := range e.row.schema {
		if slices.Contains(names, c.Name) == keep {
			cols = append(cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
		}
	}
	return b.project(r, cols, nil)
}

func (b *binder) projectRename(o *syntax.ProjectRename, r *rel, e env) *rel {
	cols := columns(e.row.schema)
	used := map[string]bool{} // new names, and names that stay
	for _, c := range cols {
		used[c.Name] = true
	}
	at := map[string]int{}
	for i, c := range cols {
		at[c.Name] = i
	}
	for _, x := range o.Items {
		n, ok := x.(*syntax.Named)
		if !ok || len(n.Names) != 1 {
			note(b.errorf(x, "KS110", "Column rename assignment expected."), "write new = old")
			continue
		}
		old, ok := n.X.(*syntax.Name)
		if !ok {
			b.errorf(n.X, "KS109", "Column name expected.")
			continue
		}
		i, ok := at[old.Name]
		if !ok {
			b.matching(old, e, true)
			continue
		}
		name := n.Names[0].Name
		if used[name] && name != old.Name {
			b.errorf(&n.Names[0], "KS171", "A column with the name '%s' is already declared.", name)
			continue
		}
		delete(at, old.Name)
		used[name] = true
		at[name] = i
		cols[i].Name = name
	}
	return b.project(r, cols, nil)
}

func (b *binder) projectReorder(o *syntax.ProjectReorder, r *rel, e env) *rel {
	p := b.projection()
	for _, x := range o.Items {
		names, many := b.matching(x, e, true)
		if ord, ok := x.(*syntax.Ordered); ok && many {
			names = slices.Clone(names)
			order(names, ord.Dir)
		}
		for _, n := range names {
			c, _ := e.row.column(n)
			p.add(projected{n, &plan.Col{Name: n, T: c.Type}, n}, false, true)
		}
	}
	p.addRow(e.row, true)
	return b.project(r, p.named(), nil)
}

// order sorts names for project-reorder: without case, granny with numbers by value.
func order(names []string, dir string) {
	less := func(a, c string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(c)) }
	if strings.HasPrefix(dir, "granny") {
		less = func(a, c string) int { return granny(strings.ToLower(a), strings.ToLower(c)) }
	}
	switch {
	case strings.HasSuffix(dir, "asc"):
		slices.SortStableFunc(names, less)
	case strings.HasSuffix(dir, "desc"):
		slices.SortStableFunc(names, func(a, c string) int { return less(c, a) })
	}
}

// granny compares texts with the numbers in them by value.
func granny(a, c string) int {
	for a != "" && c != "" {
		x, y := digitsOf(a), digitsOf(c)
		if x != "" && y != "" {
			u, v := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(u) != len(v) {
				return len(u) - len(v)
			}
			if u != v {
				return strings.Compare(u, v)
			}
			a, c = a[len(x):], c[len(y):]
			continue
		}
		if a[0] != c[0] {
			return int(a[0]) - int(c[0])
		}
		a, c = a[1:], c[1:]
	}
	return len(a) - len(c)
}

func digitsOf(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) || r > 127 })
	if i < 0 {
		return s
	}
	return s[:i]
}

// projectByNames takes names and patterns from constants.
func (b *binder) projectByNames(o *syntax.ProjectByNames, r *rel, e env) *rel {
	var names []string
	for _, x := range o.Items {
		v := b.scalar(x, env{sc: e.sc})
		c, ok := v.(*plan.Const)
		if !ok {
			b.refuse(x, "project-by-names with names that are computed")
			continue
		}
		switch d := c.Value.Dyn().(type) {
		case []any:
			for _, n := range d {
				if s, ok := n.(string); ok {
					names = append(names, s)
				}
			}
		default:
			names = append(names, c.Value.Text())
		}
	}
	p := b.projection()
	for _, n := range names {
		for _, c := range e.row.schema {
			if Like(n, c.Name) {
				p.add(projected{c.Name, &plan.Col{Name: c.Name, T: c.Type}, c.Name}, false, true)
			}
		}
	}
	return b.project(r, p.named(), nil)
}

// print is a row of expressions that read no column.
func (b *binder) print(o *syntax.PrintOp, e env) *rel {
	e.row = nil
	p := b.projection()
	for i, x := range o.Items {
		p.item(x, e, stylePrint, fmt.Sprintf("print_%d", i))
	}
	cols := p.named()
	open := false
	for _, c := range cols {
		open = open || isBad(c.Expr)
	}
	r := source(&plan.Print{Cols: cols})
	r.open = open
	r.ordered = true
	return r
}
