package bind

import (
	"strings"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// External is a table of files that a query names.
type External struct {
	Columns   table.Schema
	Locations []string
	Format    string // csv, json, …; "" where the query does not say
	SkipFirst bool   // of each file
	Mapping   string // an ingestion mapping, JSON
}

// externalData is externaldata(…)[…] with (…): its rows become part of the plan.
func (b *binder) externalData(x *syntax.ExternalData, e env) *rel {
	out, ok := b.declared(x.Schema)
	ext := External{Columns: out, Format: strings.ToLower(x.With.Word("format"))}
	ext.Mapping = x.With.Word("ingestionMapping")
	ext.SkipFirst = strings.EqualFold(x.With.Word("ignoreFirstRecord"), "true")
	return b.external(x, ext, x.URIs, ok, e)
}

// inlineTable is inline_external_table (…) kind=storage dataformat=csv (…).
func (b *binder) inlineTable(x *syntax.InlineTable, e env) *rel {
	out, ok := b.declared(x.Schema)
	ext := External{Columns: out}
	if x.Format != nil {
		ext.Format = strings.ToLower(x.Format.Name)
	}
	ext.SkipFirst = strings.EqualFold(x.With.Word("ignoreFirstRecord"), "true")
	if x.Kind.Name == "delta" || len(x.PartitionBy) > 0 {
		b.cannotRun(x, "An inline external table is files that are listed: kind=delta and partitions cannot be read here.")
		return source(&plan.Values{Out: out})
	}
	return b.external(x, ext, x.URIs, ok, e)
}

func (b *binder) external(at syntax.Node, ext External, uris []syntax.Expr, ok bool, e env) *rel {
	for _, u := range uris {
		v, good := b.constant(u, e, table.String)
		ok = ok && good
		if good {
			ext.Locations = append(ext.Locations, v.Str())
		}
	}
	r := source(&plan.Values{Out: ext.Columns})
	if !ok {
		r.open = true
		return r
	}
	if b.opts.Check || b.opts.External == nil {
		b.cannotRun(at, "externaldata cannot be used here; put the values into a datatable.")
		return r
	}
	rows, err := b.opts.External(ext)
	if err != nil {
		b.errorf(at, "SXT007", "%s", err.Error())
		r.open = true
		return r
	}
	return source(&plan.Values{Out: ext.Columns, Rows: rows})
}
