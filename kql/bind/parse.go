package bind

import (
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// parse takes columns from a text by a pattern.
func (b *binder) parse(o *syntax.ParseOp, r *rel, e env) *rel {
	op := &plan.Parse{Kind: plan.ParseSimple, Where: o.Where, Flags: o.Params.Word("flags")}
	switch k := plan.ParseKind(o.Params.Word("kind")); k {
	case "":
	case plan.ParseSimple, plan.ParseRegex, plan.ParseRelaxed:
		op.Kind = k
	default:
		note(b.errorf(o.Params.Get("kind"), "KS140", "'%s' is no kind of parse.", k), "the kinds are simple, relaxed and regex")
	}
	v := b.scalar(o.X, e)
	if !isBad(v) {
		v = b.convert(v, table.String)
	}
	op.Of = v
	seen := map[string]bool{}
	op.Out = append(op.Out, r.schema()...)
	kindOf := func(i int) string {
		if i < 0 || i >= len(o.With) {
			return ""
		}
		switch o.With[i].(type) {
		case *syntax.Literal:
			return "text"
		case *syntax.Star:
			return "star"
		}
		return "column"
	}
	for i, x := range o.With {
		switch y := x.(type) {
		case *syntax.Literal:
			op.Pattern = append(op.Pattern, plan.ParsePart{Literal: y.Text})
		case *syntax.Star:
			if kindOf(i+1) == "column" {
				b.errorf(x, "KS102", "A text must follow a * in a pattern.")
			}
			op.Pattern = append(op.Pattern, plan.ParsePart{Star: true})
		case *syntax.ColumnDecl:
			if kindOf(i-1) == "column" {
				b.errorf(x, "KS101", "Between two columns of a pattern there must be a text.")
			}
			t := table.String
			if y.Type != nil {
				t, _ = b.typeName(y.Type)
			}
			if t == table.String && kindOf(i+1) == "star" && op.Kind != plan.ParseRegex {
				b.errorf(o.With[i+1], "KS103", "A * after a column of type string is ambiguous.")
			}
			n := y.Name.Name
			if seen[n] {
				b.errorf(&y.Name, "KS171", "A column with the name '%s' is already declared.", n)
			}
			seen[n] = true
			c := table.Column{Name: n, Type: t}
			if j := op.Out.Index(n); j >= 0 && !b.editor {
				op.Out[j] = c
			} else {
				op.Out = append(op.Out, c)
			}
			op.Pattern = append(op.Pattern, plan.ParsePart{Column: &c})
		default:
			b.errorf(x, "KS104", "Invalid part of a pattern: a text, a column or * is expected.")
		}
	}
	op.Out = append(op.Out, r.hidden()...)
	out := r.then(op)
	out.open = r.open
	return out
}

// parseKV takes the values of keys from a text of pairs.
func (b *binder) parseKV(o *syntax.ParseKV, r *rel, e env) *rel {
	keys, ok := b.declared(o.As)
	v := b.scalar(o.X, e)
	op := &plan.ParseKV{Keys: keys} // delimiters that are not given are any that stand there
	for _, p := range o.With {
		l, isLit := p.Value.(*syntax.Literal)
		word := o.With.Word(p.Name.Name)
		switch name := p.Name.Name; {
		case name == "greedy":
			op.Greedy = word == "true"
		case !isLit || l.Kind != syntax.StringLit:
			b.errorf(p, "KS222", "A text is expected for '%s'.", name)
			ok = false
		case l.Text == "" && (name == "pair_delimiter" || name == "kv_delimiter"):
			note(b.errorf(p, "KS133", "The delimiters of parse-kv must not be empty."), "leave '%s' out to take whatever stands between", name)
			ok = false
		case name == "pair_delimiter":
			op.Pair = l.Text
		case name == "kv_delimiter":
			op.KV = l.Text
		case name == "quote":
			op.Quotes = l.Text
		case name == "escape":
			for _, c := range l.Text {
				op.Escape = c
				break
			}
		case name == "regex":
			op.Regex = l.Text
		default:
			b.errorf(p, "KS179", "'%s' is no option of parse-kv.", name)
			ok = false
		}
	}
	op.Out = append(op.Out, r.schema()...)
	for _, k := range keys {
		if i := op.Out.Index(k.Name); i >= 0 {
			op.Out[i] = k
		} else {
			op.Out = append(op.Out, k)
		}
	}
	op.Out = append(op.Out, r.hidden()...)
	if isBad(v) || !ok {
		out := r.then(&plan.ParseKV{Out: op.Out, Of: bad()})
		out.open = r.open
		return out
	}
	op.Of = b.convert(v, table.String)
	out := r.then(op)
	out.open = r.open
	return out
}
