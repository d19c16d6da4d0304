package bind

import (
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Watchlists of a workspace.
type Watchlists interface {
	// Watchlist gives the columns and rows of a watchlist, as _GetWatchlist shows them;
	// ok is false where there is none of that alias.
	Watchlist(alias string) (columns table.Schema, rows [][]table.Value, ok bool, err error)
	// Aliases of all, in order.
	Aliases() ([]string, error)
	// Rows of the table Watchlist, by its columns.
	Rows(columns table.Schema) ([][]table.Value, error)
}

// WatchlistTable is the table that shows watchlists and their items.
const WatchlistTable = "Watchlist"

// watchlistColumns are those that every watchlist has.
var watchlistColumns = table.Schema{{Name: "_DTItemId", Type: table.String}, {Name: "LastUpdatedTimeUTC", Type: table.DateTime}, {Name: "SearchKey", Type: table.String}}

// watchlist is a function of Sentinel's over its watchlists: _GetWatchlist(alias),
// _GetWatchlistAlias.
//
// One that does not exist has no rows, as in Sentinel, and there is a warning. Its columns
// are not known: in a check it has any; in a run it has those names that mean nothing else
// (Bind binds once more with them).
func (b *binder) watchlist(x *syntax.Call, e env) *rel {
	name := x.Func.Name
	if name == watchlistAliases {
		return b.aliases(x)
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
	switch {
	case len(x.Args) == 0:
		b.errorf(x, "KS119", "The function '%s' expects at least 1 argument, not 0.", name)
		return nowhere()
	case len(x.Args) > 1:
		b.cannotRun(x, "%s() takes the alias of a watchlist alone here; where and project do the rest.", name)
	}
	if lists := b.watchlists(); lists != nil {
		cols, rows, ok, err := lists.Watchlist(alias)
		if err != nil {
			b.errorf(x, "SXT006", "The watchlist '%s' cannot be read: %v", alias, err)
			return nowhere()
		}
		if ok {
			return source(&plan.Values{Out: cols, Rows: rows})
		}
	}
	if b.opts.Check {
		b.cannotRun(x, "The watchlist '%s' does not exist here.", alias)
		r := source(&plan.Values{Out: append(slices.Clip(slices.Clone(watchlistColumns)), table.Column{Name: "WatchlistItem", Type: table.Dynamic})})
		r.open = true
		return r
	}
	note(b.warnf(x, "SXT008", "The watchlist '%s' does not exist here: it has no rows.", alias), "sextant watchlist import makes one")
	b.unlisted = true
	v := &plan.Values{Out: slices.Clone(watchlistColumns)}
	for _, n := range b.lent {
		if v.Out.Index(n) < 0 {
			v.Out = append(v.Out, table.Column{Name: n, Type: table.String})
		}
	}
	return source(v)
}

// watchlistAliases is a function that may stand without parentheses.
const watchlistAliases = "_GetWatchlistAlias"

// aliases of all watchlists.
func (b *binder) aliases(at syntax.Node) *rel {
	v := &plan.Values{Out: table.Schema{{Name: "WatchlistAlias", Type: table.String}}}
	if lists := b.watchlists(); lists != nil {
		all, err := lists.Aliases()
		if err != nil {
			b.errorf(at, "SXT006", "The watchlists cannot be read: %v", err)
			return nowhere()
		}
		for _, a := range all {
			v.Rows = append(v.Rows, []table.Value{table.StringValue(a)})
		}
	}
	return source(v)
}

// watchlists that the query may read: those who cannot see the table see none.
func (b *binder) watchlists() Watchlists {
	if b.opts.Watchlists == nil {
		return nil
	}
	if _, ok := b.env.Table(WatchlistTable); !ok {
		return nil
	}
	return b.opts.Watchlists
}

// watchlistRows are the rows of the table Watchlist, which is not stored as others are.
func (b *binder) watchlistRows(def table.Def, out table.Schema) (plan.Source, bool) {
	if def.Name != WatchlistTable || b.opts.Watchlists == nil {
		return nil, false
	}
	rows, err := b.opts.Watchlists.Rows(def.Columns)
	if err != nil {
		b.errorf(&syntax.Name{}, "SXT006", "The watchlists cannot be read: %v", err)
		return nil, false
	}
	for i := range rows {
		for len(rows[i]) < len(out) {
			rows[i] = append(rows[i], table.Null(out[len(rows[i])].Type))
		}
	}
	return &plan.Values{Out: out, Rows: rows}, len(rows) > 0
}

// maxLent bounds how often a query is bound anew to find the columns of watchlists that do
// not exist.
const maxLent = 20

// lacks notes a name that could not be resolved.
func (b *binder) lacks(name string) {
	if !slices.Contains(b.lacking, name) {
		b.lacking = append(b.lacking, name)
	}
}

// lend binds once more while watchlists that do not exist can explain the names that mean
// nothing else. What is wrong beside them stays wrong, and is told as it first was.
func lend(b *binder, q *Query, again func(lent []string) (*binder, *Query)) (*binder, *Query) {
	first, firstQ := b, q
	var lent []string
	for range maxLent {
		if b.diags.Err() == nil {
			return b, q
		}
		if !b.unlisted || len(b.lacking) == 0 || slices.Contains(lent, b.lacking[0]) {
			break
		}
		lent = append(lent, b.lacking...)
		b, q = again(lent)
	}
	return first, firstQ
}
