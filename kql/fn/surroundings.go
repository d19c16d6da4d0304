package fn

import (
	"fmt"

	"sextant/table"
)

// surroundings is the table of functions of the query, the caller, and the rows
// around.
func surroundings() []Scalar {
	row := func(name string, kind RowFunc, doc, sig string, aliases ...string) Scalar {
		return Scalar{Name: name, Aliases: aliases, Sigs: sigs(sig), Nulls: Own, Row: kind, Doc: doc}
	}
	refused := func(name, why, sig string) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig), Refused: why, Doc: "Not available: " + why + "."}
	}
	const byName = "it names something by a text; write the name itself"
	return []Scalar{
		row("row_number", RowNumber, "Number of the row, from 1 or another start; anew where the second argument is true.", "start?:long, restart?:bool -> long"),
		row("prev", RowPrev, "The value of a column some rows before, or a default.", "column:scalar, offset?:long, default?:scalar -> $0"),
		row("next", RowNext, "The value of a column some rows behind, or a default.", "column:scalar, offset?:long, default?:scalar -> $0"),
		row("row_cumsum", RowCumSum, "Sum of the values so far; anew where the second argument is true.", "term:number|timespan, restart?:bool -> $0"),
		row("row_rank_min", RowRankMin, "Rank of the value among the rows so far, equal ones sharing the least.", "term:notdynamic, restart?:bool -> long"),
		row("row_rank_dense", RowRankDense, "Rank of the value among the rows so far, without gaps.", "term:notdynamic, restart?:bool -> long", "row_rank"),
		row("row_window_session", RowWindowSession, "Start of the session of a row: no longer than one timespan, no gap longer than another.",
			"time:datetime, maxFromFirst:timespan, maxBetween:timespan, restart?:bool -> datetime"),
		{Name: "new_guid", Sigs: sigs("-> guid"), Volatile: true, Eval: func(c *Context, _ []table.Value) table.Value {
			a, b := uint64(c.Random(1<<62))<<2|uint64(c.Random(4)), uint64(c.Random(1<<62))
			return table.GuidValue(fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48|0x8000, b&0xffffffffffff))
		}, Doc: "A random guid."},
		{Name: "current_principal", Sigs: sigs("-> string"), Volatile: true, Eval: func(c *Context, _ []table.Value) table.Value { return str(c.Principal) }, Doc: "Who runs the query."},
		{Name: "current_principal_details", Sigs: sigs("-> dynamic"), Volatile: true, Eval: func(c *Context, _ []table.Value) table.Value {
			o := &table.Object{}
			o.Set("UserPrincipalName", c.Principal)
			return table.DynamicValue(o)
		}, Doc: "Who runs the query, as a bag."},
		{Name: "current_database", Sigs: sigs("-> string"), Volatile: true, Eval: func(c *Context, _ []table.Value) table.Value { return str(c.Database) }, Doc: "The name of the database."},
		{Name: "current_node_id", Sigs: sigs("-> string"), Eval: func(*Context, []table.Value) table.Value { return str("") }, Doc: "The node that runs the query: always empty."},
		{Name: "extent_id", Aliases: []string{"extentid"}, Sigs: sigs("-> guid"), Eval: func(*Context, []table.Value) table.Value {
			return table.GuidValue("00000000-0000-0000-0000-000000000000")
		}, Doc: "The shard of the row: always the empty guid, as for computed rows."},
		{Name: "extent_tags", Sigs: sigs("-> dynamic"), Eval: func(*Context, []table.Value) table.Value { return nullDynamic }, Doc: "The tags of the row's shard: none."},
		{Name: "estimate_data_size", Sigs: sigs("column*:scalar -> long"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			n := int64(0)
			for _, v := range a {
				switch v.Type() {
				case table.String:
					n += int64(len(v.Str()))
				case table.Dynamic:
					n += int64(len(v.JSON()))
				case table.Bool:
					n++
				case table.Int:
					n += 4
				case table.Guid, table.Decimal:
					n += 16
				default:
					n += 8
				}
			}
			return table.LongValue(n)
		}, Doc: "About how many bytes the columns hold."},
		{Name: "assert", Sigs: sigs("predicate:bool, message:string -> bool"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			return a[0]
		}, Doc: "The predicate itself; a constant false one is an error of the query."},
		refused("current_cluster_endpoint", "there is no cluster here; use current_database()", "-> string"),
		refused("current_principal_is_member_of", "groups of the caller are not known here", "group*:text -> bool"),
		refused("cursor_after", "database cursors do not exist here; use ingestion_time()", "cursor:string -> bool"),
		refused("cursor_before_or_at", "database cursors do not exist here; use ingestion_time()", "cursor:string -> bool"),
		refused("cursor_current", "database cursors do not exist here; use ingestion_time()", "-> string"),
		refused("current_cursor", "database cursors do not exist here; use ingestion_time()", "-> string"),
		refused("row_id", "rows have no lasting number", "-> string"),
		refused("rowstore_ordinal_range", "there is no row store", "-> dynamic"),
		refused("stored_query_result", "stored query results do not exist here", "name:string -> dynamic"),
		refused("external_table", "external tables do not exist here; use externaldata", "name:string -> dynamic"),
		refused("entity_group", byName, "name:string -> dynamic"),
	}
}
