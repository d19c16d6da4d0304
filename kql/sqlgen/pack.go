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
	case table.DateTime:
		return `coalesce('"' || ` + dateTimeText(x) + ` || '"', 'null')`, true
	case table.Dynamic:
		return "coalesce(" + x + ", 'null')", true
	}
	return "", false
}

// dateTimeText prints ticks as Kusto does, null for null: a timestamp has the
// microseconds, the seventh digit is added.
func dateTimeText(x string) string {
	return "strftime(make_timestamp(" + x + " // 10 - 62135596800000000), '%Y-%m-%dT%H:%M:%S.%f') || CAST(" + x + " % 10 AS VARCHAR) || 'Z'"
}

// makeSet is make_set and make_set_if of values that the catalogue's form does not
// take.
func (g *gen) makeSet(a *plan.Agg, args []string) (sql string, ok bool) {
	iff := strings.HasSuffix(a.Fn.Name, "if")
	at := 1
	where := args[0] + " IS NOT NULL"
	if iff {
		at, where = 2, where+" AND "+args[1]
	}
	limit := int64(1 << 20)
	if len(a.Info) > at {
		if a.Info[at].Const == nil || a.Info[at].Const.IsNull() || a.Info[at].Const.Int64() < 0 {
			return "", false
		}
		limit = min(limit, a.Info[at].Const.Int64())
	}
	if a.Info[0].Type != table.DateTime {
		return "", false
	}
	return fmt.Sprintf("CAST(coalesce(to_json(list_slice(list(DISTINCT %s) FILTER (WHERE %s), 1, %d)), '[]') AS VARCHAR)", dateTimeText(args[0]), where, limit), true
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
	case table.DateTime:
		x = dateTimeText(x)
	default:
		return "", "a list of values of type " + a.Info[0].Type.String() + " is made in Go"
	}
	return fmt.Sprintf("CAST(coalesce(to_json(list_slice(list(%s%s) FILTER (WHERE %s IS NOT NULL), 1, %d)), '[]') AS VARCHAR)", x, s.orderBy(), args[0], limit), ""
}
