package store

import (
	"slices"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// Check says what is wrong with a definition (fault.Invalid).
func Check(def table.Def) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "cannot define table %q: "+format, append([]any{def.Name}, args...)...)
	}
	if def.Name == "" || strings.ContainsRune(def.Name, 0) {
		return bad("a name must not be empty and must not hold a NUL character")
	}
	phys := def.Physical()
	seen := make(map[string]bool, len(phys))
	for _, c := range phys {
		switch {
		case c.Name == "" || strings.ContainsRune(c.Name, 0):
			return bad("a column name must not be empty and must not hold a NUL character")
		case seen[c.Name]:
			return bad("column %q is there twice", c.Name)
		case c.Type == table.Unknown || c.Type > table.Dynamic:
			return bad("column %q has no type", c.Name)
		}
		seen[c.Name] = true
	}
	if def.Time != "" {
		if i := def.Columns.Index(def.Time); i < 0 || def.Columns[i].Type != table.DateTime {
			return bad("its time column %q must be a visible datetime column", def.Time)
		}
	}
	for _, p := range def.Promoted {
		i := def.Columns.Index(p.Column)
		if i < 0 || def.Columns[i].Type != table.Dynamic && def.Columns[i].Type != table.String {
			return bad("path %q must be promoted from a visible dynamic or string column, not from %q", p.Path, p.Column)
		}
		keys := p.Path
		want := []table.Type{table.String, table.Long, table.Real, table.Bool}
		if p.InElements() {
			keys, want = p.Path[len("[]."):], []table.Type{table.Dynamic}
		}
		if slices.Contains(strings.Split(keys, "."), "") {
			return bad("path %q of column %q has an empty key", p.Path, p.Column)
		}
		if !slices.Contains(want, p.Type) {
			return bad("path %q of column %q cannot be promoted as %s", p.Path, p.Column, p.Type)
		}
	}
	for _, list := range [][]string{def.IDs, def.Text} {
		for _, name := range list {
			if !seen[name] {
				return bad("column %q is named for an index or a compression and is not there", name)
			}
		}
	}
	return nil
}

// Widen says whether def may take the place of old, and whether it differs. A
// column or promoted path that is missing from def or has another type is a
// fault.Conflict. The order of columns may change: it is def's from then on.
func Widen(old, def table.Def) (changed bool, err error) {
	if err := Check(def); err != nil {
		return false, err
	}
	conflict := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "cannot redefine table %q: "+format, append([]any{def.Name}, args...)...)
	}
	if old.Time != def.Time {
		return false, conflict("its time column is %q, not %q", old.Time, def.Time)
	}
	for _, c := range old.Columns {
		i := def.Columns.Index(c.Name)
		if i < 0 {
			return false, conflict("column %q may not be removed", c.Name)
		}
		if def.Columns[i].Type != c.Type {
			return false, conflict("column %q is %s and may not become %s", c.Name, c.Type, def.Columns[i].Type)
		}
	}
	for _, p := range old.Promoted {
		if !slices.Contains(def.Promoted, p) {
			return false, conflict("promoted path %q may not be removed or retyped", p.Name())
		}
	}
	changed = !slices.Equal(old.Columns, def.Columns) || !slices.Equal(old.Promoted, def.Promoted) ||
		!slices.Equal(old.IDs, def.IDs) || !slices.Equal(old.Text, def.Text)
	return changed, nil
}

// CheckRows says whether rows fit the physical schema of def (fault.Invalid).
func CheckRows(def *table.Def, rows *table.Batch) error {
	phys := def.Physical()
	if !slices.Equal(rows.Schema, phys) {
		return fault.New(fault.Invalid, "rows for table %q have the columns %s and not %s", def.Name, rows.Schema, phys)
	}
	for i := range rows.Cols {
		if c := &rows.Cols[i]; c.Type != phys[i].Type || c.Len() != rows.Rows || c.Valid != nil && len(c.Valid) != rows.Rows {
			return fault.New(fault.Invalid, "rows for table %q: column %q does not hold %d cells of %s", def.Name, phys[i].Name, rows.Rows, phys[i].Type)
		}
	}
	return nil
}

// Adapt gives rows of an older definition the columns of a newer one: a promoted
// path that they lack is taken from the JSON, any other column is null. Vectors
// are shared; rows that fit come back as they are.
func Adapt(rows *table.Batch, def *table.Def) *table.Batch {
	phys := def.Physical()
	if slices.Equal(rows.Schema, phys) {
		return rows
	}
	out := &table.Batch{Schema: phys, Cols: make([]table.Vector, len(phys)), Rows: rows.Rows}
	for i, c := range phys {
		if j := rows.Schema.Index(c.Name); j >= 0 {
			out.Cols[i] = rows.Cols[j]
		} else {
			out.Cols[i] = nulls(c.Type, rows.Rows)
		}
	}
	odd := &out.Cols[phys.Index(table.HiddenOdd)]
	flags := slices.Clone(odd.N)
	for p, path := range def.Promoted {
		if rows.Schema.Index(path.Name()) >= 0 {
			continue
		}
		from := &out.Cols[def.Columns.Index(path.Column)]
		to := table.NewVector(path.Type, rows.Rows)
		for r := range rows.Rows {
			cell, isOdd := path.Of(Document(from, r))
			to.Append(cell)
			if isOdd {
				flags[r] = 1
			}
		}
		out.Cols[len(def.Columns)+p] = to
	}
	odd.N = flags
	return out
}

// Document is the parsed JSON of a cell of a dynamic column, or of a string
// column that holds JSON; nil where there is none.
func Document(col *table.Vector, row int) any {
	if col.Type != table.String {
		return col.At(row).Dyn()
	}
	doc, err := table.ParseJSON(col.S[row])
	if err != nil {
		return nil
	}
	return doc
}

func nulls(t table.Type, n int) table.Vector {
	v := table.NewVector(t, n)
	for range n {
		v.Append(table.Null(t))
	}
	return v
}
