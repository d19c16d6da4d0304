package bind

import (
	"slices"
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// terms says that a bare text in a predicate is a term to look for in all columns.
type terms struct{ cased bool }

// term is a bare text: any column has it.
func (b *binder) term(x *syntax.Literal, e env) plan.Expr {
	op, text := termOp(x.Text, e.row.terms.cased)
	if op == "" {
		return &plan.Const{Value: table.BoolValue(true)}
	}
	at := &syntax.Literal{Place: x.Place, Kind: syntax.StringLit, Text: text}
	return b.anyColumn(x, op, arg{expr: &plan.Const{Value: table.StringValue(text)}, at: at}, e)
}

// termOp reads the stars at the ends of a term.
func termOp(text string, cased bool) (op, rest string) {
	cs := ""
	if cased {
		cs = "_cs"
	}
	head, tail := strings.HasPrefix(text, "*"), strings.HasSuffix(text, "*")
	rest = strings.Trim(text, "*")
	switch {
	case rest == "":
		return "", ""
	case strings.Contains(rest, "*"):
		parts := strings.Split(rest, "*")
		for i := range parts {
			parts[i] = quoteRegex(parts[i])
		}
		re := strings.Join(parts, ".*")
		if !head {
			re = `\b` + re
		}
		if !tail {
			re += `\b`
		}
		if !cased {
			re = "(?is)" + re
		} else {
			re = "(?s)" + re
		}
		return "matches regex", re
	case head && tail:
		return "contains" + cs, rest
	case head:
		return "hassuffix" + cs, rest
	case tail:
		return "hasprefix" + cs, rest
	}
	return "has" + cs, rest
}

func quoteRegex(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// textOps compare texts: for other columns their text is taken.
var textOps = map[string]bool{"has": true, "!has": true, "has_cs": true, "!has_cs": true, "hasprefix": true, "!hasprefix": true, "hasprefix_cs": true,
	"!hasprefix_cs": true, "hassuffix": true, "!hassuffix": true, "hassuffix_cs": true, "!hassuffix_cs": true, "contains": true, "!contains": true,
	"contains_cs": true, "!contains_cs": true, "startswith": true, "!startswith": true, "startswith_cs": true, "!startswith_cs": true,
	"endswith": true, "!endswith": true, "endswith_cs": true, "!endswith_cs": true, "matches regex": true, "=~": true, "!~": true}

// anyColumn is `* op value`: true for some column; for a negated operator, for all.
func (b *binder) anyColumn(at syntax.Node, op string, v arg, e env) plan.Expr {
	if op == ":" {
		op = "has"
	}
	join := "or"
	if strings.HasPrefix(op, "!") || op == "<>" {
		join = "and"
	}
	if isBad(v.expr) {
		return bad()
	}
	var parts []arg
	for _, c := range e.row.schema {
		if c.Type == table.Unknown {
			continue
		}
		col := plan.Expr(&plan.Col{Name: c.Name, T: c.Type})
		switch {
		case textOps[op]:
			if c.Type != table.String {
				col = b.convert(col, table.String)
			}
		default:
			if _, ok := b.comparable(c.Type, v.expr.Type()); !ok || c.Type == table.Dynamic {
				continue
			}
		}
		parts = append(parts, arg{expr: b.operator(at, op, arg{expr: col, at: at}, v), at: at})
	}
	return b.joinAll(at, join, parts)
}

// joinAll is parts joined by and or or, balanced.
func (b *binder) joinAll(at syntax.Node, op string, parts []arg) plan.Expr {
	if len(parts) == 0 {
		return &plan.Const{Value: table.BoolValue(op == "and")}
	}
	for len(parts) > 1 {
		var half []arg
		for i := 0; i < len(parts); i += 2 {
			if i+1 == len(parts) {
				half = append(half, parts[i])
			} else {
				half = append(half, arg{expr: b.operator(at, op, parts[i], parts[i+1]), at: at})
			}
		}
		parts = half
	}
	return parts[0].expr
}

// termBinary is col:"term" in a search.
func (b *binder) termBinary(x *syntax.Binary, e env) (plan.Expr, bool) {
	if x.Op != ":" {
		return nil, false
	}
	l, ok := x.Y.(*syntax.Literal)
	if !ok || l.Kind != syntax.StringLit {
		return nil, false
	}
	cased := e.row.terms.cased
	v := b.scalar(x.X, e.plain())
	if isBad(v) {
		return v, true
	}
	op, text := termOp(l.Text, cased)
	if op == "" {
		return &plan.Const{Value: table.BoolValue(true)}, true
	}
	return b.operator(x, op, arg{expr: b.convert(v, table.String), at: x.X}, arg{expr: &plan.Const{Value: table.StringValue(text)}, at: x.Y}), true
}

// starIn is `* in (…)`.
func (b *binder) starIn(s *syntax.Star, x *syntax.In, e env) plan.Expr {
	if e.row == nil {
		b.errorf(s, "KS199", "No columns are currently in scope.")
		return bad()
	}
	var parts []arg
	for _, c := range e.row.schema {
		if c.Type != table.String {
			continue
		}
		parts = append(parts, arg{expr: b.inValue(x, arg{expr: &plan.Col{Name: c.Name, T: c.Type}, at: s}, e), at: x})
	}
	join := "or"
	if x.Op[0] == '!' {
		join = "and"
	}
	return b.joinAll(x, join, parts)
}

// sources are the tables that search and find look through.
func (b *binder) sources(in []syntax.Expr, at syntax.Node, e env) []member {
	e.row = nil
	if len(in) == 0 {
		return b.matchingTables("*", e)
	}
	var out []member
	for _, x := range in {
		out = append(out, b.members(x, e, false)...)
	}
	return out
}

// search looks for terms in all columns of some tables.
func (b *binder) search(o *syntax.Search, r *rel, e env) *rel {
	var members []member
	switch {
	case r != nil && len(o.In) > 0:
		b.errorf(o, "KS175", "search in (…) must be the first operator in the query.")
		return nowhere()
	case r != nil:
		members = []member{{r, r.label}}
	default:
		members = b.sources(o.In, o, e)
	}
	cased := o.Params.Word("kind") == "case_sensitive"
	b.matched(members, o.Cond, cased, e)
	if len(members) == 0 {
		return nowhere()
	}
	return b.unite("search", members, false, "$table")
}

// matched puts the predicate behind each member.
func (b *binder) matched(members []member, cond syntax.Expr, cased bool, e env) {
	all := map[string]table.Type{}
	open := false
	for _, m := range members {
		open = open || m.rel.open
		for _, c := range m.rel.schema() {
			if _, ok := all[c.Name]; !ok {
				all[c.Name] = c.Type
			}
		}
	}
	if cond == nil {
		return
	}
	for i, m := range members {
		row := rowOf(m.rel)
		row.terms = &terms{cased: cased}
		row.open = open
		row.missing = all
		pred := b.condition(cond, env{sc: e.sc, row: row})
		if isBad(pred) || m.rel.open {
			continue
		}
		if c, ok := pred.(*plan.Const); ok && c.Value.Bool() {
			continue
		}
		members[i].rel = m.rel.then(&plan.Filter{In: m.rel.pipe.Schema(), Pred: pred})
	}
}

// find is search with a result of chosen columns.
func (b *binder) find(o *syntax.Find, r *rel, e env) *rel {
	if r != nil {
		b.errorf(o, "KS175", "find must be the first operator in the query.")
		return nowhere()
	}
	members := b.sources(o.In, o, e)
	if len(members) == 0 {
		return nowhere()
	}
	refs, everywhere := b.referenced(o.Where, members, e)
	if len(members) > 1 && !everywhere {
		members = slices.DeleteFunc(slices.Clone(members), func(m member) bool {
			s := m.rel.schema()
			return !m.rel.open && !slices.ContainsFunc(refs, func(n string) bool { return s.Index(n) >= 0 })
		})
		if len(members) == 0 {
			b.errorf(o.Where, "SEM0100", "No table has a column that the predicate names.")
			return nowhere()
		}
	}
	b.matched(members, o.Where, false, e)
	with := o.Params.Word("withsource")
	if with == "" {
		with = "source_"
	}
	b.findColumns(o, members, refs)
	return b.unite("find", members, false, with)
}

// referenced are the columns that a predicate names, and whether it looks into all.
func (b *binder) referenced(cond syntax.Expr, members []member, e env) (names []string, everywhere bool) {
	if cond == nil {
		return nil, true
	}
	var visit func(x syntax.Node, operand bool)
	visit = func(x syntax.Node, operand bool) {
		switch y := x.(type) {
		case *syntax.Literal:
			everywhere = everywhere || operand && y.Kind == syntax.StringLit
		case *syntax.Paren:
			visit(y.X, operand)
		case *syntax.Binary:
			logic := operand && (y.Op == "and" || y.Op == "or")
			visit(y.X, logic)
			visit(y.Y, logic)
		case *syntax.Star:
			everywhere = true
		case *syntax.Name:
			for _, m := range members {
				if m.rel.schema().Index(y.Name) >= 0 {
					if !slices.Contains(names, y.Name) {
						names = append(names, y.Name)
					}
					break
				}
			}
		case *syntax.Path:
			visit(y.X, false)
		case *syntax.Pipe:
		default:
			syntax.Walk(x, func(n syntax.Node) bool {
				if n == x {
					return true
				}
				visit(n, false)
				return false
			})
		}
	}
	visit(cond, true)
	return names, everywhere
}

// findColumns makes each member give the columns of the result.
func (b *binder) findColumns(o *syntax.Find, members []member, refs []string) {
	type want struct {
		name string
		typ  table.Type // Unknown: as it is
	}
	var wants []want
	pack := false
	if len(o.Project) == 0 || o.Smart {
		for _, c := range members[0].rel.schema() {
			common := true
			for _, m := range members[1:] {
				common = common && m.rel.schema().Index(c.Name) >= 0
			}
			if common {
				wants = append(wants, want{c.Name, table.Unknown})
			}
		}
		for _, n := range refs {
			if !slices.ContainsFunc(wants, func(w want) bool { return w.name == n }) {
				wants = append(wants, want{n, table.Unknown})
			}
		}
		for _, m := range members {
			pack = pack || len(m.rel.schema()) > len(wants) || slices.ContainsFunc(m.rel.schema(), func(c table.Column) bool {
				return !slices.ContainsFunc(wants, func(w want) bool { return w.name == c.Name })
			})
		}
	} else {
		for _, x := range o.Project {
			switch y := x.(type) {
			case *syntax.Name:
				wants = append(wants, want{y.Name, table.Unknown})
			case *syntax.FindColumn:
				if n, ok := y.Name.(*syntax.Name); ok {
					t, _ := b.typeName(y.Type)
					wants = append(wants, want{n.Name, t})
				}
			case *syntax.Call:
				pack = true
			default:
				b.refuse(x, "this column of find")
			}
		}
	}
	for _, x := range o.ProjectAway {
		switch y := x.(type) {
		case *syntax.Star:
			wants = nil
			pack = pack && len(o.Project) > 0
		case *syntax.Name:
			wants = slices.DeleteFunc(wants, func(w want) bool { return w.name == y.Name })
			pack = pack && y.Name != "pack_"
		}
	}
	types := map[string]table.Type{}
	for _, m := range members {
		for _, c := range m.rel.schema() {
			if _, ok := types[c.Name]; !ok {
				types[c.Name] = c.Type
			}
		}
	}
	for i, m := range members {
		s := m.rel.schema()
		var cols []plan.Named
		for _, w := range wants {
			t := w.typ
			if j := s.Index(w.name); j >= 0 {
				if t == table.Unknown {
					t = s[j].Type
				}
				cols = append(cols, plan.Named{Name: w.name, Expr: b.convert(&plan.Col{Name: w.name, T: s[j].Type}, t)})
				continue
			}
			if w.typ == table.Unknown {
				if _, ok := types[w.name]; !ok {
					b.errorf(o, "SEM0100", "Failed to resolve column named '%s'", w.name)
				}
			} else {
				cols = append(cols, plan.Named{Name: w.name, Expr: &plan.Const{Value: table.Null(t)}})
			}
		}
		if f := b.cat.Scalar("bag_pack"); pack && f != nil {
			var args []arg
			for _, c := range s {
				if !slices.ContainsFunc(wants, func(w want) bool { return w.name == c.Name }) {
					args = append(args, arg{expr: &plan.Const{Value: table.StringValue(c.Name)}, at: o}, arg{expr: &plan.Col{Name: c.Name, T: c.Type}, at: o})
				}
			}
			v := plan.Expr(&plan.Const{Value: table.DynamicValue(&table.Object{})})
			if len(args) > 0 {
				v = b.resolve(o, f, args)
			}
			cols = append(cols, plan.Named{Name: "pack_", Expr: v})
		}
		r := m.rel.then(&plan.Project{Cols: cols})
		members[i].rel = r
	}
}
