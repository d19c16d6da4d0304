package bind

import (
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// watchlist is a function of Sentinel's over its watchlists: _GetWatchlist(alias),
// _GetWatchlistAlias. There are no watchlists yet, so none runs; a check knows the
// columns that every watchlist has, and takes any other.
func (b *binder) watchlist(x *syntax.Call, e env) *rel {
	name := x.Func.Name
	if name == "_GetWatchlistAlias" {
		return source(&plan.Values{Out: table.Schema{{Name: "WatchlistAlias", Type: table.String}}}) // there is none to list
	}
	alias := ""
	for i, a := range x.Args {
		if n, ok := a.(*syntax.Named); ok {
			a = n.X
		}
		v := b.scalar(a, env{sc: e.sc})
		if c, ok := v.(*plan.Const); ok && i == 0 {
			alias = c.Value.Text()
		} else if !isBad(v) && i == 0 {
			b.errorf(a, "KS129", "%s() expects the alias of a watchlist as a constant text.", name)
			return nowhere()
		}
	}
	if len(x.Args) == 0 {
		b.errorf(x, "KS119", "The function '%s' expects at least 1 argument, not 0.", name)
		return nowhere()
	}
	b.cannotRun(x, "The watchlist '%s' does not exist here; put its rows into a datatable.", alias)
	r := source(&plan.Values{Out: table.Schema{{Name: "_DTItemId", Type: table.String}, {Name: "LastUpdatedTimeUTC", Type: table.DateTime},
		{Name: "SearchKey", Type: table.String}, {Name: "WatchlistItem", Type: table.Dynamic}}})
	r.open = true
	return r
}
