package odata

import (
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// Binding says where the properties of an entity lie in rows.
type Binding struct {
	Model  *Model
	Entity *Type
	// Column of a property of the entity. false where these rows do not have it: it is
	// then null, or an empty collection.
	Column func(property string) (Column, bool)
	// Cat has the functions that expressions call.
	Cat *fn.Catalogue
}

// Column is where the values of one property are.
type Column struct {
	// Expr over the row. A dynamic is what JSON says; a path below the property is a
	// path in it.
	Expr plan.Expr
	// Key gives the name of a member where the JSON has another than the type; nil
	// leaves all as they are.
	Key func(property string) string
	// Members of a complex property that rows have in columns of their own, by their
	// names; Expr is then nil where the rest is null.
	Members map[string]plan.Expr
	// Elem gives the value of an element of a list where its JSON holds it deeper; nil
	// leaves all as they are.
	Elem func(plan.Expr) plan.Expr
	// Values of a collection that is the same in every row; Expr is then nil.
	Values []string
	Fixed  bool // Values are meant, also when there are none
	// In is the column of the table that a dynamic Expr reads, for the index over
	// "[]." paths beside it; "" has none.
	In string
}

// Hint says that a list of ids beside a column must have one of the values: rows
// without one need not be read.
type Hint struct {
	Column string
	Values []string
}

// Filter is a compiled $filter.
type Filter struct {
	Pred plan.Expr // never null
	// Hints all hold in every row that the predicate lets through.
	Hints []Hint
	// Properties of the entity that the filter reads, each once.
	Properties []string
}

// SortKey is a compiled key of $orderby. Nulls come first when ascending and last
// when descending.
type SortKey struct {
	Expr plan.Expr
	Desc bool
}

func boolean(b bool) plan.Expr { return &plan.Const{Value: table.BoolValue(b)} }

func text(s string) plan.Expr { return &plan.Const{Value: table.StringValue(s)} }

func long(n int64) plan.Expr { return &plan.Const{Value: table.LongValue(n)} }

// call of a function of the catalogue; arguments have the types that it takes.
func (b *Binding) call(name string, t table.Type, args ...plan.Expr) plan.Expr {
	c := &plan.Call{Fn: b.Cat.Scalar(name), Args: args, T: t}
	for _, a := range args {
		c.Info = append(c.Info, infoOf(a))
	}
	return c
}

func infoOf(e plan.Expr) fn.Arg {
	i := fn.Arg{Type: e.Type()}
	switch e := e.(type) {
	case *plan.Const:
		v := e.Value
		i.Const = &v
	case *plan.Col:
		i.Name = e.Name
	}
	return i
}

// And is the conjunction of predicates; true of none.
func (b *Binding) And(preds ...plan.Expr) plan.Expr { return b.joined("and", true, preds) }

// Or is the disjunction of predicates; false of none.
func (b *Binding) Or(preds ...plan.Expr) plan.Expr { return b.joined("or", false, preds) }

func (b *Binding) joined(op string, neutral bool, preds []plan.Expr) plan.Expr {
	var out plan.Expr
	for _, p := range preds {
		if k, ok := p.(*plan.Const); ok && !k.Value.IsNull() {
			if k.Value.Bool() == neutral {
				continue
			}
			return p
		}
		if out == nil {
			out = p
		} else {
			out = b.call(op, table.Bool, out, p)
		}
	}
	if out == nil {
		return boolean(neutral)
	}
	return out
}

// Not of a predicate that is never null.
func (b *Binding) Not(p plan.Expr) plan.Expr {
	if k, ok := p.(*plan.Const); ok {
		return boolean(!k.Value.Bool())
	}
	return b.call("not", table.Bool, p)
}
