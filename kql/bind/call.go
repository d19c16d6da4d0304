package bind

import (
	"fmt"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// arg is a bound argument and where it was written.
type arg struct {
	expr plan.Expr
	at   syntax.Node
	name string // of a named argument
	star bool
}

func (a arg) info() fn.Arg {
	i := fn.Arg{Type: a.expr.Type(), Name: a.name, Star: a.star}
	switch e := a.expr.(type) {
	case *plan.Const:
		v := e.Value
		i.Const = &v
	case *plan.Col:
		if i.Name == "" {
			i.Name = e.Name
		}
	}
	return i
}

func infos(args []arg) []fn.Arg {
	out := make([]fn.Arg, len(args))
	for i, a := range args {
		out[i] = a.info()
	}
	return out
}

// fits tells whether a parameter takes an argument, as it is or converted as
// Kusto does unasked.
func fits(p fn.Param, a arg) bool {
	t := a.expr.Type()
	if a.star || t == table.Unknown || len(p.Accepts) == 0 {
		return true
	}
	for _, want := range p.Accepts {
		if fn.Implicit(t, want) {
			return true
		}
	}
	return false
}

// wanted is the type that an argument becomes for a parameter that it fits.
func wanted(p fn.Param, a arg) table.Type {
	t := a.expr.Type()
	if len(p.Accepts) == 0 || slices.Contains(p.Accepts, t) {
		return t
	}
	for _, want := range p.Accepts {
		if fn.Implicit(t, want) {
			return want
		}
	}
	return t
}

// params lines up parameters with n arguments; false when the count is wrong.
func params(s *fn.Sig, n int) ([]fn.Param, bool) {
	least, most := arity(s)
	if n < least || most >= 0 && n > most {
		return nil, false
	}
	if !s.Variadic || len(s.Params) == 0 {
		return s.Params[:n], true
	}
	out := append(make([]fn.Param, 0, n), s.Params[:min(n, len(s.Params))]...)
	for len(out) < n {
		out = append(out, s.Params[len(s.Params)-1])
	}
	return out, true
}

func arity(s *fn.Sig) (least, most int) {
	for _, p := range s.Params {
		if !p.Optional {
			least++
		}
	}
	most = len(s.Params)
	if s.Variadic {
		most = -1
	}
	return least, most
}

// choose picks the first overload that fits. failed is the argument at which
// the nearest overload failed, or -1 where none takes as many arguments.
func choose(sigs []fn.Sig, args []arg) (sig *fn.Sig, ps []fn.Param, failed int, want []table.Type) {
	failed = -1
next:
	for i := range sigs {
		p, ok := params(&sigs[i], len(args))
		if !ok {
			continue
		}
		for j := range args {
			if fits(p[j], args[j]) {
				continue
			}
			if j > failed {
				failed, want = j, nil
			}
			if j == failed {
				want = append(want, p[j].Accepts...)
			}
			continue next
		}
		return &sigs[i], p, -1, nil
	}
	return nil, nil, failed, want
}

// resolve picks a function's overload, converts the arguments, and folds the
// call when all are constants.
func (b *binder) resolve(at syntax.Node, f *fn.Scalar, args []arg) plan.Expr {
	if f.Refused != "" {
		b.errorf(at, "SXT003", "%s cannot be used here: %s", f.Name, f.Refused)
		return bad()
	}
	sig, ps, failed, want := choose(f.Sigs, args)
	unknown := false
	for _, a := range args {
		unknown = unknown || isBad(a.expr)
	}
	if sig == nil {
		if !unknown {
			b.noFit(at, f.Name, f.Sigs, args, failed, want)
		}
		if t := sameResult(f.Sigs); (unknown || b.opts.Check) && t != table.Unknown {
			return &plan.Const{Value: table.Null(t)}
		}
		return bad()
	}
	if unknown {
		return &plan.Const{Value: table.Null(sameResult(f.Sigs))}
	}
	exprs, info, ok := b.arguments(f.Name, sig, ps, args)
	if !ok {
		return bad()
	}
	t := sig.Result
	if sig.ResultOf != nil {
		t = sig.ResultOf(infos(args))
	}
	if t == table.Unknown {
		note(b.errorf(at, "KS232", "No common type can be found for the arguments of %s: %s.", f.Name, typeList(args)), "convert them with tostring(), tolong() and the like")
		return bad()
	}
	return b.foldCall(&plan.Call{Fn: f, Args: exprs, T: t, Info: info})
}

// arguments converts as the signature asks.
func (b *binder) arguments(name string, sig *fn.Sig, ps []fn.Param, args []arg) ([]plan.Expr, []fn.Arg, bool) {
	exprs := make([]plan.Expr, len(args))
	conv := make([]arg, len(args))
	ok := true
	for i, a := range args {
		if ps[i].Const && !a.star {
			if _, c := a.expr.(*plan.Const); !c {
				note(b.errorf(a.at, "KS129", "The argument '%s' of %s must be a constant.", ps[i].Name, name), "name a let of a literal, or wrap a query in toscalar(…)")
				ok = false
			}
		}
		conv[i] = a
		conv[i].expr = b.convert(a.expr, wanted(ps[i], a))
	}
	if sig.Convert != nil {
		for i, t := range sig.Convert(infos(conv)) {
			if i < len(conv) {
				conv[i].expr = b.convert(conv[i].expr, t)
			}
		}
	}
	for i, c := range conv {
		exprs[i] = c.expr
	}
	return exprs, infos(conv), ok
}

// sameResult is the result type that all overloads share, else Unknown.
func sameResult(sigs []fn.Sig) table.Type {
	t := table.Unknown
	for i, s := range sigs {
		if s.ResultOf != nil || i > 0 && s.Result != t {
			return table.Unknown
		}
		t = s.Result
	}
	return t
}

func typeList(args []arg) string {
	var out []string
	for _, a := range args {
		out = append(out, a.expr.Type().String())
	}
	return strings.Join(out, ", ")
}

func isSymbol(name string) bool { return !(name[0] >= 'a' && name[0] <= 'z' || name[0] == '_') }

// operatorWords are the operators that are spelt as words.
var operatorWords = map[string]bool{"and": true, "or": true, "in": true, "in~": true, "between": true, "matches regex": true, "like": true,
	"has": true, "has_cs": true, "has_any": true, "has_all": true, "hasprefix": true, "hasprefix_cs": true, "hassuffix": true, "hassuffix_cs": true,
	"contains": true, "contains_cs": true, "startswith": true, "startswith_cs": true, "endswith": true, "endswith_cs": true}

// noFit says why no overload takes the arguments.
func (b *binder) noFit(at syntax.Node, name string, sigs []fn.Sig, args []arg, failed int, want []table.Type) {
	if name != "*" {
		name = strings.TrimSuffix(name, "*") // the row that gives all columns of a function
	}
	if isSymbol(name) || operatorWords[name] {
		code := "KS106"
		text := fmt.Sprintf("The operator '%s' is not defined for the operand types %s.", name, typeList(args))
		switch name {
		case "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in", "!in", "in~", "!in~":
			code, text = "SEM0064", fmt.Sprintf("Cannot compare values of types %s", strings.Replace(typeList(args), ", ", " and ", 1))
		}
		fails := b.errorf
		if first := args[0].expr.Type(); strings.HasSuffix(name, "in~") && (first == table.String || first == table.Dynamic) {
			fails = b.runFails // the language service takes any list
		}
		d := fails(at, code, "%s", text)
		note(d, "try adding explicit casts, as tostring() or tolong()")
		return
	}
	if failed < 0 {
		least, most := -1, 0
		for i := range sigs {
			l, m := arity(&sigs[i])
			if least < 0 || l < least {
				least = l
			}
			if m < 0 || most < 0 {
				most = -1
			} else {
				most = max(most, m)
			}
		}
		d := b.errorf(at, "KS119", "The function '%s' expects %s, not %d.", name, count(max(least, 0), most), len(args))
		note(d, "usage: %s", usage(name, sigs))
		return
	}
	d := b.errorf(args[failed].at, "KS107", "The function '%s' expects a value of type %s here, not %s.", name, orList(want), args[failed].expr.Type())
	note(d, "usage: %s", usage(name, sigs))
}

func count(least, most int) string {
	plural := func(n int) string {
		if n == 1 {
			return "1 argument"
		}
		return fmt.Sprintf("%d arguments", n)
	}
	switch {
	case most == 0:
		return "no arguments"
	case most < 0:
		return "at least " + plural(least)
	case least == most:
		return plural(least)
	}
	return fmt.Sprintf("%d to %s", least, plural(most))
}

func orList(types []table.Type) string {
	var out []string
	seen := map[table.Type]bool{}
	for _, t := range types {
		if !seen[t] {
			seen[t] = true
			out = append(out, t.String())
		}
	}
	return strings.Join(out, " or ")
}

func usage(name string, sigs []fn.Sig) string {
	if len(sigs) == 0 {
		return name + "()"
	}
	var ps []string
	s := &sigs[0]
	for _, p := range s.Params {
		n := p.Name
		if p.Optional {
			n = "[" + n + "]"
		}
		ps = append(ps, n)
	}
	if s.Variadic {
		ps = append(ps, "…")
	}
	return name + "(" + strings.Join(ps, ", ") + ")"
}

// converters names the function that converts to each type.
var converters = map[table.Type]string{
	table.Bool: "tobool", table.Int: "toint", table.Long: "tolong", table.Real: "toreal", table.Decimal: "todecimal",
	table.String: "tostring", table.DateTime: "todatetime", table.TimeSpan: "totimespan", table.Guid: "toguid", table.Dynamic: "todynamic",
}

// convert gives e the type to, by the catalogue's own conversion.
func (b *binder) convert(e plan.Expr, to table.Type) plan.Expr {
	t := e.Type()
	if t == to || t == table.Unknown || to == table.Unknown {
		return e
	}
	if c, ok := e.(*plan.Const); ok && c.Value.IsNull() {
		return &plan.Const{Value: table.Null(to)}
	}
	f := b.cat.Scalar(converters[to])
	if f == nil {
		return &plan.Const{Value: table.Null(to)} // a catalogue without conversions; New would not make one
	}
	return b.foldCall(&plan.Call{Fn: f, Args: []plan.Expr{e}, T: to, Info: []fn.Arg{arg{expr: e}.info()}})
}

// foldBytes bounds what folding may make; a larger result is left to run time,
// where it is charged to the query's budget.
const foldBytes = 64 << 10

// growing functions can make much out of little.
var growing = map[string]bool{"range": true, "repeat": true, "strrep": true, "array_concat": true, "bag_merge": true, "replace_string": true, "replace_regex": true, "zip": true,
	"replace": true, "replace_strings": true, "strcat_array": true, "gzip_decompress_from_base64_string": true, "zlib_decompress_from_base64_string": true}

// foldCall computes a call of constants.
func (b *binder) foldCall(c *plan.Call) plan.Expr {
	if c.Fn.Volatile || c.Fn.Row != fn.NotRow || growing[c.Fn.Name] || c.Fn.Eval == nil && c.Fn.Lazy == nil {
		return c
	}
	if b.opts.Now == 0 && (c.Fn.Name == "now" || c.Fn.Name == "ago") {
		return c
	}
	if len(c.Args) == 0 && c.Fn.Name != "now" {
		if c.Fn.Eval == nil {
			return c
		}
	}
	vals := make([]table.Value, len(c.Args))
	var size int64
	for i, a := range c.Args {
		k, ok := a.(*plan.Const)
		if !ok {
			return c
		}
		vals[i] = k.Value
		size += k.Value.Bytes()
	}
	if size > foldBytes {
		return c
	}
	v, ok := b.evaluate(c, vals)
	if !ok || v.Bytes() > 16*foldBytes {
		return c
	}
	return &plan.Const{Value: v}
}

// evaluate one call. A result of another type than the binder promised is not
// used: the call stays, and run time deals with it.
func (b *binder) evaluate(c *plan.Call, vals []table.Value) (v table.Value, ok bool) {
	switch {
	case c.Fn.Lazy != nil:
		v = c.Fn.Lazy(b.fold, len(vals), func(i int) table.Value { return vals[i] })
	default:
		if c.Fn.Nulls == fn.Strict {
			for _, x := range vals {
				if x.IsNull() {
					return table.Null(c.T), true
				}
			}
		}
		v = c.Fn.Eval(b.fold, vals)
	}
	if v.IsNull() && v.Type() != c.T {
		v = table.Null(c.T)
	}
	return v, v.Type() == c.T
}
