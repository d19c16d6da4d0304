package plan

import "sextant/table"

// never takes out of filters what no row can fulfil: that the text of a number, a
// time or a truth value has a term which is not written so. search asks it of
// every column, and not all of their texts have a form in SQL.
func never(r *Rewriting, p *Pipeline) *Pipeline {
	out := &Pipeline{Source: p.Source}
	changed := false
	for _, op := range p.Ops {
		if f, ok := op.(*Filter); ok {
			if pred := Rewrite(f.Pred, neverOne); pred != f.Pred {
				op, changed = &Filter{f.In, pred}, true
			}
		}
		out.Ops = append(out.Ops, op)
	}
	if !changed {
		return p
	}
	return out
}

func neverOne(e Expr) Expr {
	c, ok := e.(*Call)
	if !ok || len(c.Args) != 2 {
		return e
	}
	switch c.Fn.Name {
	case "or":
		if x := foldLogic(c); x != nil {
			return x
		}
	case "has", "has_cs":
		of, isCall := c.Args[0].(*Call)
		if !isCall || of.Fn.Name != "tostring" || len(of.Args) != 1 {
			return e
		}
		if _, isCol := of.Args[0].(*Col); !isCol {
			return e
		}
		parts, known := constTexts(c.Args[1:])
		if !known || len(parts) != 1 {
			return e
		}
		if _, possible := (searchedText{of: of.Args[0].Type()}).wanted(table.IndexTerms(parts[0], true, true)); !possible {
			return &Const{Value: table.BoolValue(false)}
		}
	}
	return e
}
