package sqlgen

import (
	"sextant/kql/plan"
	"sextant/table"
)

// The engine does not count the texts of the rows that it works on against its limit for
// memory: strcat over strcat makes gigabytes of one row there. So how many times longer
// than stored ones a text may be is told from the plan; from maxGrowth on, the function
// that makes it longer has no form and is called in Go, which asks before it makes a value.

// maxGrowth is how many times as long as a column's texts an expression of SQL may be.
const maxGrowth = 256

// growing are functions whose result can be longer than each of their arguments.
var growing = map[string]bool{"strcat": true, "strcat_delim": true, "replace_string": true, "replace_regex": true, "replace": true, "url_encode": true, "url_encode_component": true}

// growth of an expression: at least how many times as long as a stored text its own may
// be. Constants count by their length.
func (g *gen) growth(e plan.Expr) float64 {
	switch e := e.(type) {
	case *plan.Const:
		if e.Value.Type() == table.String {
			return float64(len(e.Value.Str())) / 64
		}
	case *plan.Col:
		return max(1, g.grown[e.Name])
	case *plan.Member:
		return g.growth(e.Of)
	case *plan.Index:
		return g.growth(e.Of)
	case *plan.Call:
		sum, most := 0.0, 1.0
		for _, a := range e.Args {
			n := g.growth(a)
			sum, most = sum+n, max(most, n)
		}
		switch e.Fn.Name {
		case "strcat", "strcat_delim":
			return sum
		case "replace_string", "replace_regex", "replace":
			// every character may be replaced
			long := 1
			for _, a := range e.Args {
				if c, ok := a.(*plan.Const); ok && c.Value.Type() == table.String {
					long = max(long, len(c.Value.Str()))
				} else {
					long = max(long, 64) // as long as a stored text
				}
			}
			if len(e.Args) == 3 {
				return g.growth(e.Args[0]) + g.growth(e.Args[2]) + float64(long)
			}
		case "url_encode", "url_encode_component":
			return 3 * most
		}
		return most
	}
	return max(1, g.most)
}

// grow notes how long the texts of an operator's columns may be. A column that is made of
// others in a way that is not looked into may be as long as the longest so far.
func (g *gen) grow(before table.Schema, op plan.Op) {
	if g.grown == nil {
		g.grown = map[string]float64{}
	}
	if p, ok := op.(*plan.Project); ok {
		next := make([]float64, len(p.Cols))
		for i, c := range p.Cols {
			next[i] = g.growth(c.Expr)
		}
		for i, c := range p.Cols {
			g.grown[c.Name] = max(g.grown[c.Name], next[i])
			g.most = max(g.most, next[i])
		}
		return
	}
	for _, c := range op.Schema() {
		if before.Index(c.Name) < 0 {
			g.grown[c.Name] = max(g.grown[c.Name], g.most)
		}
	}
}
