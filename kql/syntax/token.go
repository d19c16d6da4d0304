package syntax

import "sextant/fault"

// kind of a token. Words (names and keywords alike) are one kind; what a word
// may be depends on where it stands, so that is the parser's business.
type kind uint8

const (
	tEOF    kind = iota
	tWord        // letters, digits, _; also compound keywords as project-away, !has, in~
	tLong        // 12, 0x1f
	tReal        // 1.5, 1e3
	tSpan        // 1d, 2.5h
	tString      // any form of string literal; val is its decoded text
	tBool        // true, false
	tTyped       // long(…), datetime(…): the literal forms kind(text)
	tGuid        // a bare GUID, which KQL does not take
	tPunct       // op says which
	tBad         // a character that is no part of the language
)

// token is one lexical unit. Its text is src[start:end].
type token struct {
	kind  kind
	class wordClass
	lit   LiteralKind // of tTyped
	glued bool        // nothing stands between it and the token before
	hide  bool        // h'…'
	start int32
	end   int32
	mate  int32  // of an opening bracket: the index of the closing one, -1 for none
	text  string // as written; compound operators in canonical form
	val   string // tString: decoded; tTyped: between the parentheses
}

func (t *token) span() fault.Span {
	return fault.Span{Start: int(t.start), Length: int(t.end - t.start)}
}

// wordClass says where a word may be a name.
type wordClass uint8

const (
	plain    wordClass = iota // no keyword
	soft                      // a keyword that may be a name anywhere
	extended                  // a keyword that may be a name where one is declared: `title = …`
	special                   // may be a column in an expression: kind, withsource, with_source
	hard                      // must be quoted, ['where']
)

// classOf is the class of a word. The sets are those of Microsoft's parser.
func classOf(word string) wordClass {
	switch word {
	case "access", "alias", "bin", "consume", "count", "database", "declare", "default", "distinct", "entity_group",
		"evaluate", "extend", "dataformat", "inline_external_table", "datetime_pattern", "facet", "filter", "fork",
		"from", "getschema", "edges", "id", "best_effort", "join", "let", "limit", "lookup", "mvapply", "mvexpand",
		"nodes", "null", "nulls", "on", "optional", "order", "output", "pack", "parse", "__partitionby", "partition",
		"pattern", "plotly", "graph", "query_parameters", "range", "reduce", "regex", "render", "restrict", "scan",
		"serialize", "sort", "step", "summarize", "take", "top", "typeof", "uuid", "view", "with", "with_node_id",
		"bool", "guid":
		return soft
	case "accumulate", "as", "by", "contains", "datatable", "earliest", "externaldata", "find", "has", "in", "invoke",
		"latest", "materialize", "mdm", "of", "print", "sample", "sample-distinct", "search", "set", "sql", "title",
		"to", "toscalar", "totable", "top-nested", "top-hitters", "verbose", "viewers", "where":
		return extended
	case "kind", "withsource", "with_source":
		return special
	case "__crossCluster", "__crossDB", "__id", "__isFuzzy", "__noWithSource", "__packedColumn", "__sourceColumnIndex",
		"3Dchart", "and", "anomalychart", "areachart", "asc", "assert-schema", "bagexpansion", "barchart", "between",
		"bin_legacy", "cachingpolicy", "callout", "cancel", "card", "columnchart", "commands-and-queries",
		"containscs", "contains_cs", "__contextual_datatable", "cycles", "dataexport", "datascope", "decodeblocks",
		"desc", "encodingpolicy", "endswith", "endswith_cs", "__executeAndCache", "expandoutput",
		"extent_tags_retention", "external_data", "first", "flags", "granny-asc", "granny-desc", "graph-match",
		"graph-shortest-paths", "graph-to-table", "harddelete", "hardretention", "has_any", "has_all", "has_cs",
		"hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs", "hotcache", "in~", "isfuzzy", "force_remote",
		"journal", "ladderchart", "last", "like", "likecs", "linechart", "macro-expand", "make-graph",
		"graph-mark-components", "graph-where-nodes", "graph-where-edges", "make-series", "matches",
		"materialized-view-combine", "materialized-views", "missing", "mv-apply", "mv-expand", "nooptimization",
		"!between", "notcontains", "notcontainscs", "!contains", "!contains_cs", "!endswith", "!endswith_cs", "!has",
		"!has_cs", "!hasprefix", "!hasprefix_cs", "!hassuffix", "!hassuffix_cs", "!in", "!in~", "notlike", "notlikecs",
		"!startswith", "!startswith_cs", "or", "others", "parse-where", "parse-kv", "partitioned-by", "pathformat",
		"piechart", "pivotchart", "project", "project-away", "project-by-names", "__projectAway", "project-keep",
		"project-rename", "project-reorder", "project-smart", "queries", "query_results", "relaxed",
		"restricted_view_access", "row_level_security", "rowstore", "rowstore_references", "rowstore_sealinfo",
		"rowstorepolicy", "rowstores", "scatterchart", "seal", "seals", "set-or-append", "set-or-replace", "shards",
		"simple", "softdelete", "softretention", "stackedareachart", "startswith", "startswith_cs", "statistics",
		"storedqueryresultcontainers", "tablepurge", "timechart", "timeline", "timepivot", "treemap",
		"unrestrictedviewers", "views", "union", "with_itemindex", "with_match_id", "with_step_name",
		"writeaheadlog", "boolean", "int8", "char", "uint8", "byte", "int16", "uint16", "int", "int32", "uint",
		"uint32", "long", "int64", "ulong", "uint64", "float", "real", "decimal", "double", "string", "time",
		"timespan", "date", "datetime", "uniqueid", "dynamic":
		return hard
	}
	return plain
}

// dashed is the keyword with dashes that starts with this word and goes on as
// rest, "" when there is none: ("project", "-away x") gives "project-away".
func dashed(word, rest string) string {
	var tails []string
	switch word {
	case "assert":
		tails = []string{"-schema"}
	case "commands":
		tails = []string{"-and-queries"}
	case "execute":
		tails = []string{"-and-cache"}
	case "granny":
		tails = []string{"-asc", "-desc"}
	case "graph":
		tails = []string{"-match", "-shortest-paths", "-to-table", "-mark-components", "-where-nodes", "-where-edges"}
	case "macro":
		tails = []string{"-expand"}
	case "make":
		tails = []string{"-graph", "-series"}
	case "materialized":
		tails = []string{"-view-combine", "-views"}
	case "mv":
		tails = []string{"-apply", "-expand"}
	case "parse":
		tails = []string{"-where", "-kv"}
	case "partitioned":
		tails = []string{"-by"}
	case "project":
		tails = []string{"-away", "-by-names", "-keep", "-rename", "-reorder", "-smart"}
	case "sample":
		tails = []string{"-distinct"}
	case "set":
		tails = []string{"-or-append", "-or-replace"}
	case "top":
		tails = []string{"-hitters", "-nested"}
	default:
		return ""
	}
	for _, t := range tails {
		if len(rest) >= len(t) && rest[:len(t)] == t && (len(rest) == len(t) || !isNameByte(rest[len(t)])) {
			return word + t
		}
	}
	return ""
}

// typedLiteral is the kind of literal that word( begins.
func typedLiteral(word string) (LiteralKind, bool) {
	switch word {
	case "long", "int64":
		return LongLit, true
	case "int", "int32":
		return IntLit, true
	case "real", "double":
		return RealLit, true
	case "decimal":
		return DecimalLit, true
	case "bool":
		return BoolLit, true
	case "datetime", "date":
		return DateTimeLit, true
	case "time", "timespan":
		return TimeSpanLit, true
	case "guid":
		return GuidLit, true
	}
	return 0, false
}

// spanSuffix says whether s is a unit that a timespan literal may end in.
func spanSuffix(s string) bool {
	switch s {
	case "m", "min", "minute", "minutes", "s", "sec", "second", "seconds", "d", "day", "days", "h", "hr", "hrs", "hour",
		"hours", "ms", "milli", "millis", "millisec", "millisecond", "milliseconds", "micro", "micros", "microsec",
		"microsecond", "microseconds", "nano", "nanos", "nanosec", "nanosecond", "nanoseconds", "tick", "ticks":
		return true
	}
	return false
}
