package bind

import (
	"slices"

	"sextant/fault"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Look asks a binding what names mean at a place of the text: for an editor, which has
// the text up to a cursor, whatever is wrong with it. Bind sets all but At.
type Look struct {
	At int // in bytes

	// Columns of the rows that the operator at the place gets; nil where there is
	// none. Open: there may be others.
	Columns table.Schema
	Open    bool
	// Right are the columns of the other table in the conditions of a join.
	Right table.Schema
	// Promoted paths of the columns that still are a stored table's.
	Promoted []table.Promoted
	// Names that the query declares and that can be read there, innermost first.
	Names []LookName

	found int // where what was found begins; the innermost wins
}

// LookName is a name of the query's own.
type LookName struct {
	Name      string
	Type      table.Type   // of a scalar
	Signature string       // of a function: f(a:string, b)
	Columns   table.Schema // of a table
	Tabular   bool         // a table, or a function that gives one
}

// looked says whether a node is where the look goes: names outside it mean nothing there.
// A place in a saved function is no place of the text.
func (b *binder) looked(at syntax.Node) bool {
	if b.opts.Look == nil || at == nil {
		return false
	}
	for _, f := range b.frames {
		if !f.user {
			return false
		}
	}
	s := at.At()
	return s.Start <= b.opts.Look.At && b.opts.Look.At <= s.Start+s.Length
}

// look notes what an operator, or a statement (with a nil r), sees.
func (b *binder) look(at fault.Span, r *rel, e env) {
	l := b.opts.Look
	if at.Start > l.At || at.Start < l.found {
		return
	}
	l.found = at.Start
	l.Columns, l.Right, l.Promoted, l.Open = nil, nil, nil, false
	if r != nil {
		l.Columns, l.Open = slices.Clone(r.schema()), r.open
		l.Promoted = promotedOf(r.pipe.Source, l.Columns)
	}
	l.Names = b.namesIn(e.sc)
}

// namesIn a scope and those around it.
func (b *binder) namesIn(sc *scope) []LookName {
	var out []LookName
	seen := map[string]bool{}
	for ; sc != nil; sc = sc.up {
		first := len(out)
		for name, ent := range sc.names {
			if seen[name] {
				continue
			}
			seen[name] = true
			n := LookName{Name: name}
			switch {
			case ent.lambda != nil:
				n.Signature, n.Tabular = signature(name, ent.lambda), b.bodyTabular(ent.lambda, ent.in)
			case ent.rel != nil:
				n.Columns, n.Tabular = ent.rel.schema(), true
			case ent.expr != nil:
				n.Type = ent.expr.Type()
			}
			out = append(out, n)
		}
		slices.SortFunc(out[first:], func(a, b LookName) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
	}
	return out
}

// promotedOf what a pipe reads, where the columns are still there.
func promotedOf(s plan.Source, have table.Schema) []table.Promoted {
	var out []table.Promoted
	add := func(defs []table.Promoted) {
		for _, p := range defs {
			if have.Index(p.Column) >= 0 && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	switch s := s.(type) {
	case *plan.Scan:
		add(s.Def.Promoted)
	case *plan.Union:
		for _, p := range s.Inputs {
			add(promotedOf(p.Source, have))
		}
	}
	return out
}

// lookInto binds the body of a function that is only declared, its parameters being of the
// types they have: the cursor is in it.
func (b *binder) lookInto(at syntax.Node, name string, f *entity) {
	args, names := make([]*entity, len(f.lambda.Params)), make([]string, len(f.lambda.Params))
	for i, p := range f.lambda.Params {
		if p.Schema != nil {
			cols, _ := b.declared(p.Schema)
			r := source(&plan.Values{Out: cols})
			r.open = p.Schema.Star
			args[i] = &entity{rel: r}
			continue
		}
		t := table.Unknown
		if p.Type != nil {
			t, _ = table.ParseType(p.Type.Name)
		}
		args[i] = &entity{expr: &plan.Const{Value: table.Null(t)}}
	}
	b.apply(at, name, f, args, names, nil)
}
