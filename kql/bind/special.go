package bind

// SpecialFunction is one that the binder itself answers, beside or in place of a row in
// the catalogue.
type SpecialFunction struct{ Name, Doc string }

// SpecialFunctions by name.
func SpecialFunctions() []SpecialFunction {
	return []SpecialFunction{
		{"app", "Names an application; its tables are those of the workspace here."},
		{"bag_pack_columns", "A bag of the columns that are named."},
		{"bin_auto", "bin with the size, and from the start, that set query_bin_auto_size and query_bin_auto_at give."},
		{"cluster", "Names a cluster; there is one here, and any name means it."},
		{"column_ifexists", "The column of that name, or the default where there is none."},
		{"column_names_of", "The names of a table's columns."},
		{"database", "Names a database; there is one here, and any name means it."},
		{"ingestion_time", "When the row arrived; null where rows are no longer those of a table."},
		{"materialize", "A table that runs once, however often the query reads it."},
		{"pack_all", "A bag of all columns; pack_all(true) leaves out what is null or empty."},
		{"table", "The table of that name."},
		{"toscalar", "The first cell of a table."},
		{"workspace", "Names a workspace by its name or id."},
	}
}
