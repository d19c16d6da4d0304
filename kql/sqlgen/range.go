package sqlgen

import (
	"fmt"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// ranged counts in whole numbers or ticks whose ends are known.
func (g *gen) ranged(s *plan.Range) (*state, string) {
	because := "range over values of type " + s.Col.Type.String() + " runs in Go"
	typ, ok := fn.SQLType(g.d, s.Col.Type)
	if !ok || g.d != fn.DuckDB {
		return nil, because
	}
	most := int64(1) << 62 // differences stay within 64 bits
	switch s.Col.Type {
	case table.Int:
		most = 1<<31 - 1
	case table.Long, table.DateTime, table.TimeSpan:
	default:
		return nil, because
	}
	var n [3]int64
	null := false
	for i, e := range []plan.Expr{s.From, s.To, s.Step} {
		c, why := g.constant(e)
		if why != "" {
			return nil, why
		}
		v := c.(*plan.Const).Value
		switch v.Type() {
		case table.Int, table.Long, table.DateTime, table.TimeSpan:
		default:
			return nil, because
		}
		null = null || v.IsNull()
		if n[i] = v.Int64(); n[i] > most || n[i] < -most {
			return nil, because
		}
	}
	from, to, step := n[0], n[1], n[2]
	rows := int64(0)
	if !null && step != 0 && (to-from)/step >= 0 && (to >= from) == (step > 0 || to == from) {
		rows = (to-from)/step + 1
	}
	const many = 10_000_000
	if rows > many {
		return nil, "a range of so many values is counted in Go"
	}
	sql := fmt.Sprintf("SELECT CAST(%d + o0 * %d AS %s) AS c0, o0 FROM range(%d) AS %s(o0)", from, step, typ, rows, g.alias())
	return &state{sql: sql, schema: s.Schema(), order: []orderKey{{}}, total: true}, ""
}
