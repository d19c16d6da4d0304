package store

import (
	"testing"

	"sextant/fault"
	"sextant/table"
)

func TestCheckAndWiden(t *testing.T) {
	col := func(name string, typ table.Type) table.Column { return table.Column{Name: name, Type: typ} }
	base := func() table.Def {
		return table.Def{
			Name: "T", Time: "At",
			Columns:  table.Schema{col("At", table.DateTime), col("Doc", table.Dynamic), col("S", table.String)},
			Promoted: []table.Promoted{{Column: "Doc", Path: "a.b", Type: table.String}},
			IDs:      []string{"S", "Doc.a.b"}, Text: []string{"Doc"},
		}
	}
	check := func(what string, ok bool, change func(*table.Def)) {
		t.Helper()
		d := base()
		change(&d)
		if err := Check(d); (err == nil) != ok || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("as it is", true, func(*table.Def) {})
	check("names that differ in case", true, func(d *table.Def) { d.Columns = append(d.Columns, col("s", table.Long)) })
	check("no time", true, func(d *table.Def) { d.Time = "" })
	check("time is no datetime", false, func(d *table.Def) { d.Time = "S" })
	check("time is not there", false, func(d *table.Def) { d.Time = "When" })
	check("no name", false, func(d *table.Def) { d.Name = "" })
	check("column twice", false, func(d *table.Def) { d.Columns = append(d.Columns, col("S", table.Long)) })
	check("column like a hidden one", false, func(d *table.Def) { d.Columns = append(d.Columns, col("$id", table.Long)) })
	check("column like a promoted one", false, func(d *table.Def) { d.Columns = append(d.Columns, col("Doc.a.b", table.Long)) })
	check("no type", false, func(d *table.Def) { d.Columns[2].Type = table.Unknown })
	check("promoted from nothing", false, func(d *table.Def) { d.Promoted[0].Column = "X"; d.IDs = nil })
	check("promoted as a datetime", false, func(d *table.Def) { d.Promoted[0].Type = table.DateTime })
	check("elements as a string", false, func(d *table.Def) { d.Promoted[0].Path = "[].id"; d.IDs = nil })
	check("empty key", false, func(d *table.Def) { d.Promoted[0].Path = "a..b"; d.IDs = nil })
	check("index of nothing", false, func(d *table.Def) { d.IDs = []string{"x"} })

	widen := func(what string, changed bool, kind fault.Kind, change func(*table.Def)) {
		t.Helper()
		d := base()
		change(&d)
		got, err := Widen(base(), d)
		if got != changed || (err == nil) != (kind == fault.Internal) || err != nil && fault.KindOf(err) != kind {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	const ok = fault.Internal
	widen("the same", false, ok, func(*table.Def) {})
	widen("a column between", true, ok, func(d *table.Def) {
		d.Columns = append(table.Schema{col("New", table.Guid)}, d.Columns...)
	})
	widen("a path", true, ok, func(d *table.Def) {
		d.Promoted = append(d.Promoted, table.Promoted{Column: "Doc", Path: "c", Type: table.Long})
	})
	widen("an index", true, ok, func(d *table.Def) { d.IDs = nil })
	widen("less", false, fault.Conflict, func(d *table.Def) { d.Columns = d.Columns[:2]; d.IDs = nil })
	widen("another type", false, fault.Conflict, func(d *table.Def) { d.Columns[2].Type = table.Long })
	widen("another time", false, fault.Conflict, func(d *table.Def) { d.Time = "" })
	widen("a path less", false, fault.Conflict, func(d *table.Def) { d.Promoted = nil; d.IDs = nil })
	widen("a path retyped", false, fault.Conflict, func(d *table.Def) { d.Promoted[0].Type = table.Long })
	widen("nonsense", false, fault.Invalid, func(d *table.Def) { d.Name = "" })
}
