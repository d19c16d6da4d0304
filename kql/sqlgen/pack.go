package sqlgen

import (
	"fmt"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/table"
)

// jsonOf writes a value as JSON text, null as JSON's null.
func jsonOf(x string, t table.Type) (string, bool) {
	switch t {
	case table.String:
		return "CAST(to_json(" + x + ") AS VARCHAR)", true
	case table.Int, table.Long, table.Bool:
		return "coalesce(CAST(to_json(" + x + ") AS VARCHAR), 'null')", true
	case table.Guid:
		return `coalesce('"' || ` + x + ` || '"', 'null')`, true
	case table.Dynamic:
		return "coalesce(" + x + ", 'null')", true
	}
	return "", false
}

// pack writes bag_pack with constant keys, and pack_array.
func (g *gen) pack(s *state, e *plan.Call) (sql, why string) {
	bag := e.Fn.Name == "bag_pack"
	seen := map[string]bool{}
	var parts []string
	for i, a := range e.Args {
		key := ""
		if bag {
			if i%2 == 0 {
				continue
			}
			k, ok := e.Args[i-1].(*plan.Const)
			if !ok || k.Value.Type() != table.String || seen[k.Value.Str()] {
				return "", "a bag whose keys are computed is packed in Go"
			}
			seen[k.Value.Str()] = true
			var quoted bool
			if key, quoted = fn.QuoteString(g.d, string(table.AppendQuoted(nil, k.Value.Str()))+":"); !quoted {
				return "", "a key of the bag has no SQL form"
			}
			key += " || "
		}
		x, why := g.expr(s, a)
		if why != "" {
			return "", why
		}
		j, ok := jsonOf(x, a.Type())
		if !ok {
			return "", "a value of type " + a.Type().String() + " is packed in Go"
		}
		parts = append(parts, key+j)
	}
	open, shut := "'['", "']'"
	if bag {
		open, shut = "'{'", "'}'"
	}
	if len(parts) == 0 {
		return "(" + open + " || " + shut + ")", ""
	}
	return "(" + open + " || " + strings.Join(parts, " || ',' || ") + " || " + shut + ")", ""
}

// makeList keeps the values that are not null, in the order of the rows where they
// have one.
func (g *gen) makeList(s *state, a *plan.Agg, args []string) (sql, why string) {
	limit := int64(1 << 20)
	if len(a.Info) > 1 {
		if a.Info[1].Const == nil || a.Info[1].Const.IsNull() || a.Info[1].Const.Int64() < 0 {
			return "", "aggregate make_list with this limit runs in Go"
		}
		limit = min(limit, a.Info[1].Const.Int64())
	}
	x := args[0]
	switch a.Info[0].Type {
	case table.String, table.Guid, table.Int, table.Long, table.Bool:
	case table.Dynamic:
		x = "CAST(" + x + " AS JSON)"
	default:
		return "", "a list of values of type " + a.Info[0].Type.String() + " is made in Go"
	}
	return fmt.Sprintf("CAST(coalesce(to_json(list_slice(list(%s%s) FILTER (WHERE %s IS NOT NULL), 1, %d)), '[]') AS VARCHAR)", x, s.orderBy(), args[0], limit), ""
}
