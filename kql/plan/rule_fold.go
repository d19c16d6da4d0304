package plan

import (
	"context"

	"sextant/kql/fn"
	"sextant/table"
)

// fold computes what is constant now that functions are expanded and the time is
// known, and removes filters that are always true.
func fold(r *Rewriting, p *Pipeline) *Pipeline {
	c := fn.NewContext(context.Background(), r.Now, 0, nil)
	f := func(e Expr) Expr { return Rewrite(e, func(e Expr) Expr { return r.foldOne(c, e) }) }
	out := &Pipeline{Source: p.Source}
	if s, ok := p.Source.(*Range); ok {
		out.Source = &Range{s.Col, f(s.From), f(s.To), f(s.Step)}
	}
	if s, ok := p.Source.(*Print); ok {
		out.Source = &Print{mapNamed(s.Cols, f)}
	}
	for _, op := range p.Ops {
		op = mapExprs(op, f)
		if x, ok := op.(*Filter); ok {
			if k, ok := x.Pred.(*Const); ok && k.Value.Bool() {
				continue
			}
		}
		out.Ops = append(out.Ops, op)
	}
	return out
}

// needsNow functions cannot be folded without the time of the query.
func needsNow(name string) bool { return name == "now" || name == "ago" }

const foldBytes = 64 << 10

func (r *Rewriting) foldOne(ctx *fn.Context, e Expr) Expr {
	c, ok := e.(*Call)
	if !ok {
		return e
	}
	switch c.Fn.Name {
	case "and", "or":
		if x := foldLogic(c); x != nil {
			return x
		}
		return c
	}
	if c.Fn.Volatile || c.Fn.Row != fn.NotRow || c.Fn.Eval == nil && c.Fn.Lazy == nil || needsNow(c.Fn.Name) && r.Now == 0 || growing[c.Fn.Name] {
		return c
	}
	vals := make([]table.Value, len(c.Args))
	var bytes int64
	for i, a := range c.Args {
		k, ok := a.(*Const)
		if !ok {
			return c
		}
		vals[i] = k.Value
		bytes += k.Value.Bytes()
	}
	if bytes > foldBytes {
		return c
	}
	v := fn.Call(ctx, c.Fn, c.T, vals)
	if v.IsNull() {
		v = table.Null(c.T)
	}
	if v.Type() != c.T {
		return c
	}
	return &Const{v}
}

// growing functions make much of little: their results are charged at run time.
var growing = map[string]bool{"range": true, "repeat": true, "strrep": true, "array_concat": true, "bag_merge": true, "replace_string": true, "replace_regex": true, "zip": true,
	"replace": true, "replace_strings": true, "strcat_array": true, "gzip_decompress_from_base64_string": true, "zlib_decompress_from_base64_string": true}

// foldLogic removes the operand that does not count; nil when both do.
func foldLogic(c *Call) Expr {
	for i, a := range c.Args {
		k, ok := a.(*Const)
		if !ok || k.Value.IsNull() {
			continue
		}
		if k.Value.Bool() == (c.Fn.Name == "and") {
			return c.Args[1-i]
		}
		return k
	}
	return nil
}
