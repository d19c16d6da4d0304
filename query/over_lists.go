package query

import (
	"errors"
	"slices"

	"sextant/kql/bind"
	"sextant/table"
)

// Watchlists of a workspace, as queries read them.
type Watchlists = bind.Watchlists

// TogetherWatchlists are the watchlists of several workspaces that are asked as one: a
// list has the rows of all that have one of its alias, and the columns of all.
func TogetherWatchlists(of ...Watchlists) Watchlists {
	switch len(of) {
	case 0:
		return nil
	case 1:
		return of[0]
	}
	return lists(of)
}

type lists []Watchlists

// Watchlist implements bind.Watchlists. A cell that a list lacks is null, or empty text.
func (l lists) Watchlist(alias string) (columns table.Schema, rows [][]table.Value, found bool, err error) {
	for _, w := range l {
		cols, more, ok, err := w.Watchlist(alias)
		if err != nil {
			return nil, nil, false, err
		}
		if !ok {
			continue
		}
		found = true
		for _, c := range cols {
			if columns.Index(c.Name) < 0 {
				columns = append(columns, c)
			}
		}
		for _, r := range more {
			row := make([]table.Value, len(columns))
			for i, c := range columns {
				row[i] = absent(c.Type)
				if at := cols.Index(c.Name); at >= 0 && cols[at].Type == c.Type {
					row[i] = r[at]
				}
			}
			rows = append(rows, row)
		}
	}
	for i, r := range rows { // of lists that came before one with more columns
		for len(r) < len(columns) {
			r = append(r, absent(columns[len(r)].Type))
		}
		rows[i] = r
	}
	return columns, rows, found, nil
}

func absent(t table.Type) table.Value {
	if t == table.String {
		return table.StringValue("")
	}
	return table.Null(t)
}

// Aliases implements bind.Watchlists.
func (l lists) Aliases() ([]string, error) {
	var out []string
	var errs error
	for _, w := range l {
		names, err := w.Aliases()
		out, errs = append(out, names...), errors.Join(errs, err)
	}
	slices.Sort(out)
	return slices.Compact(out), errs
}

// Rows implements bind.Watchlists.
func (l lists) Rows(columns table.Schema) ([][]table.Value, error) {
	var out [][]table.Value
	for _, w := range l {
		rows, err := w.Rows(columns)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}
