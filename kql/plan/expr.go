// Package plan is what a query means: a source and a list of operators. KQL,
// OData and detection rules compile to it; package eval runs it in Go, package
// sqlgen writes a prefix of it in SQL.
//
// A plan is never changed once built: rewriting makes new nodes. It carries no
// run-time state. Every node prints as text, and tests compare that text.
package plan

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/table"
)

// Expr is a bound scalar expression over the columns of one row.
type Expr interface {
	Type() table.Type
	fmt.Stringer
	expr()
}

// Const is a literal, or what folded into one.
type Const struct{ Value table.Value }

// Col is a column of the operator's input, by its exact name.
type Col struct {
	Name string
	T    table.Type
}

// Call of a catalogue row, arguments already converted as the signature asks.
type Call struct {
	Fn   *fn.Scalar
	Args []Expr
	T    table.Type
	Info []fn.Arg // as the binder saw the arguments after conversion
}

// Member is .Key of a dynamic; null where there is no such key.
type Member struct {
	Of  Expr
	Key string
}

// Index is [I] of a dynamic: an array element (negative from the end) for a
// number, a key for a string.
type Index struct {
	Of Expr
	I  Expr
}

// ScalarQuery is toscalar(…): the first cell of the first row, computed once
// before the query that holds it; null where there are no rows.
type ScalarQuery struct {
	ID   int // unique within the query
	Pipe *Pipeline
	T    table.Type
}

// InQuery is X in (tabular), !in, in~, !in~: membership in the first column.
type InQuery struct {
	ID   int
	X    Expr
	Pipe *Pipeline
	Not  bool
	Fold bool // without case
}

func (e *Const) Type() table.Type       { return e.Value.Type() }
func (e *Col) Type() table.Type         { return e.T }
func (e *Call) Type() table.Type        { return e.T }
func (e *Member) Type() table.Type      { return table.Dynamic }
func (e *Index) Type() table.Type       { return table.Dynamic }
func (e *ScalarQuery) Type() table.Type { return e.T }
func (e *InQuery) Type() table.Type     { return table.Bool }

func (*Const) expr()       {}
func (*Col) expr()         {}
func (*Call) expr()        {}
func (*Member) expr()      {}
func (*Index) expr()       {}
func (*ScalarQuery) expr() {}
func (*InQuery) expr()     {}

// Literal prints a value as KQL.
func Literal(v table.Value) string {
	if v.IsNull() {
		return v.Type().String() + "(null)"
	}
	switch v.Type() {
	case table.String:
		return string(table.AppendQuoted(nil, v.Str()))
	case table.Bool, table.Long:
		return v.Text()
	case table.Real:
		return table.FormatReal(v.Float64(), true)
	case table.Dynamic:
		return "dynamic(" + v.JSON() + ")"
	}
	return v.Type().String() + "(" + v.Text() + ")"
}

// Ident prints a column name as KQL, in brackets where it must be.
func Ident(name string) string {
	for i, r := range name {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9' {
			continue
		}
		return "['" + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `'`, `\'`) + "']"
	}
	if name == "" {
		return "['']"
	}
	return name
}

func (e *Const) String() string { return Literal(e.Value) }
func (e *Col) String() string   { return Ident(e.Name) }
func (e *Call) String() string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = a.String()
	}
	if c := e.Fn.Name[0]; len(args) == 2 && (c < 'a' || c > 'z') && c != '_' && e.Fn.Name != "!in" {
		return "(" + args[0] + " " + e.Fn.Name + " " + args[1] + ")"
	}
	return e.Fn.Name + "(" + strings.Join(args, ", ") + ")"
}
func (e *Member) String() string { return e.Of.String() + "." + Ident(e.Key) }
func (e *Index) String() string  { return e.Of.String() + "[" + e.I.String() + "]" }
func (e *ScalarQuery) String() string {
	return fmt.Sprintf("toscalar#%d(%s)", e.ID, e.Pipe)
}
func (e *InQuery) String() string {
	op := "in"
	if e.Fold {
		op = "in~"
	}
	if e.Not {
		op = "!" + op
	}
	return fmt.Sprintf("(%s %s #%d(%s))", e.X, op, e.ID, e.Pipe)
}

// Children of an expression, in order. Pipelines inside are not children.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Member:
		return []Expr{e.Of}
	case *Index:
		return []Expr{e.Of, e.I}
	case *InQuery:
		return []Expr{e.X}
	}
	return nil
}

// Walk visits e and everything below it, parents first; false stops descent.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, c := range Children(e) {
		Walk(c, visit)
	}
}

// Rewrite builds e anew bottom-up with f applied to every node; what f leaves
// alone is shared.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	switch x := e.(type) {
	case *Call:
		args, changed := rewriteAll(x.Args, f)
		if changed {
			c := *x
			c.Args = args
			return f(&c)
		}
	case *Member:
		if of := Rewrite(x.Of, f); of != x.Of {
			return f(&Member{of, x.Key})
		}
	case *Index:
		of, i := Rewrite(x.Of, f), Rewrite(x.I, f)
		if of != x.Of || i != x.I {
			return f(&Index{of, i})
		}
	case *InQuery:
		if y := Rewrite(x.X, f); y != x.X {
			c := *x
			c.X = y
			return f(&c)
		}
	}
	return f(e)
}

func rewriteAll(es []Expr, f func(Expr) Expr) ([]Expr, bool) {
	var out []Expr
	for i, e := range es {
		n := Rewrite(e, f)
		if n != e && out == nil {
			out = append(make([]Expr, 0, len(es)), es[:i]...)
		}
		if out != nil {
			out = append(out, n)
		}
	}
	if out == nil {
		return es, false
	}
	return out, true
}

// Columns that an expression reads, each once, in order of first use.
func Columns(es ...Expr) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range es {
		Walk(e, func(e Expr) bool {
			if c, ok := e.(*Col); ok && !seen[c.Name] {
				seen[c.Name] = true
				out = append(out, c.Name)
			}
			return true
		})
	}
	return out
}

// Conjuncts splits a predicate at its ands.
func Conjuncts(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Fn.Name == "and" {
		var out []Expr
		for _, a := range c.Args {
			out = append(out, Conjuncts(a)...)
		}
		return out
	}
	return []Expr{e}
}
