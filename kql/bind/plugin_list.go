package bind

import (
	"cmp"
	"slices"

	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// PluginState is what can be said of a plugin to who reads about it.
type PluginState struct {
	Name string
	// Refused is why it cannot be used here, "" where it can.
	Refused string
	Doc     string
}

// Plugins that Kusto has, by name.
func Plugins() []PluginState {
	out := make([]PluginState, 0, len(plugins))
	for name, row := range plugins {
		out = append(out, PluginState{name, row.refused, row.doc})
	}
	slices.SortFunc(out, func(a, c PluginState) int { return cmp.Compare(a.Name, c.Name) })
	return out
}

// pluginRow is one plugin. Cols are the columns of one that is refused; all is set
// where it passes on those of its input.
type pluginRow struct {
	doc     string
	refused string
	first   bool // may begin a query
	all     bool
	cols    string // one "name:type"
}

// Why a plugin is refused.
const (
	noRequests = "queries do not call out to other services"
	noAI       = "it calls a language model in Azure"
	noSandbox  = "queries do not run programs in other languages"
	noStorage  = "queries do not read files of Azure Storage"
	noCluster  = "there is no other cluster"
	internal   = "it is internal to Microsoft's engine"
)

// plugins is the table, never written to. Source: the plugins of Microsoft's language
// service 12.4 and two (diffpatterns_text, schema_merge) that only its documentation
// knows.
var plugins = map[string]pluginRow{
	"active_users_count":         {doc: "Counts the IDs that were there in several periods before, step by step."},
	"activity_counts_metrics":    {doc: "Counts rows, IDs, and IDs that were not there in any step before."},
	"activity_engagement":        {doc: "Compares the IDs of an inner window with those of an outer one."},
	"activity_metrics":           {doc: "Tells how many IDs of each window came back, left, and are new, against the window before."},
	"autocluster":                {doc: "Finds a few combinations of values that describe many of the rows."},
	"bag_unpack":                 {doc: "Makes a column of each property of a bag."},
	"basket":                     {doc: "Finds all combinations of values that a share of the rows has."},
	"dcount_intersect":           {doc: "Counts the distinct values that sketches have in common."},
	"diffpatterns":               {doc: "Finds combinations of values that are more frequent in one half of the rows than in the other."},
	"funnel_sequence":            {doc: "Counts the IDs that went through states one after the other, with the states before and behind."},
	"funnel_sequence_completion": {doc: "Counts how far IDs came through a sequence of states within periods of time."},
	"geo_line_lookup":            {doc: "Finds the lines near a point."},
	"geo_polygon_lookup":         {doc: "Finds the polygons in which a point lies."},
	"ipv4_lookup":                {doc: "Finds the networks in which an IPv4 address lies."},
	"ipv6_lookup":                {doc: "Finds the networks in which an IPv6 or IPv4 address lies."},
	"narrow":                     {doc: "Makes a row of each cell."},
	"new_activity_metrics":       {doc: "Follows the IDs that were new in each window through the windows behind it."},
	"pivot":                      {doc: "Makes a column of each value of a column."},
	"preview":                    {doc: "Gives some rows; Kusto's second table, with the number of all rows, is not given."},
	"rolling_percentile":         {doc: "Computes a percentile over a window that moves along bins."},
	"rows_near":                  {doc: "Gives the rows around those for which a condition holds."},
	"schema_merge":               {doc: "Merges schemas that getschema gave."},
	"sequence_detect":            {doc: "Finds rows that fulfil conditions one after the other."},
	"session_count":              {doc: "Counts sessions: IDs that come back before a window has passed."},
	"sliding_window_counts":      {doc: "Counts rows and IDs in a window that moves along steps."},

	"diffpatterns_text":                     {refused: "Microsoft's documentation of it does not tell what it gives"},
	"ai_chat_completion":                    {refused: noAI, first: true, cols: "ChatResponse:string"},
	"ai_chat_completion_prompt":             {refused: noAI, first: true, cols: "ChatResponse:string"},
	"ai_embed_text":                         {refused: noAI, first: true, all: true},
	"ai_embeddings":                         {refused: noAI, first: true, all: true},
	"azure_digital_twins_query_request":     {refused: noRequests, first: true},
	"cosmosdb_sql_request":                  {refused: noRequests, first: true},
	"csharp":                                {refused: noSandbox},
	"dax_request":                           {refused: noRequests, first: true},
	"estimate_rows_count":                   {refused: internal + "; write count", cols: "EstimatedRowsCount:long"},
	"execute_query":                         {refused: noCluster, first: true},
	"execute_show_command":                  {refused: noCluster, first: true},
	"external_datatable":                    {refused: internal, first: true},
	"http_request":                          {refused: noRequests, first: true, cols: "ResponseHeaders:dynamic ResponseBody:dynamic"},
	"http_request_post":                     {refused: noRequests, first: true, cols: "ResponseHeaders:dynamic ResponseBody:dynamic"},
	"identity":                              {refused: internal, all: true},
	"identity_v3":                           {refused: internal, all: true},
	"infer_storage_schema":                  {refused: noStorage, first: true, cols: "CslSchema:string"},
	"infer_storage_schema_with_suggestions": {refused: noStorage, first: true, cols: "CslSchema:string"},
	"mysql_request":                         {refused: noRequests, first: true},
	"postgresql_request":                    {refused: noRequests, first: true},
	"python":                                {refused: noSandbox},
	"r":                                     {refused: noSandbox},
	"sql_request":                           {refused: noRequests, first: true},
}

// runPlugin binds a plugin that runs.
func (b *binder) runPlugin(c *syntax.Call, r *rel, e env) *rel {
	switch c.Func.Name {
	case "active_users_count":
		return b.activeUsers(c, r, e)
	case "activity_counts_metrics":
		return b.activityCounts(c, r, e)
	case "activity_engagement":
		return b.activityEngagement(c, r, e)
	case "activity_metrics":
		return b.activityMetrics(c, r, e)
	case "autocluster", "basket":
		return b.segments(c, r, e)
	case "dcount_intersect":
		return b.dcountIntersect(c, r, e)
	case "diffpatterns":
		return b.diffPatterns(c, r, e)
	case "funnel_sequence":
		return b.funnelSequence(c, r, e)
	case "funnel_sequence_completion":
		return b.funnelCompletion(c, r, e)
	case "geo_line_lookup", "geo_polygon_lookup":
		return b.geoLookup(c, r, e)
	case "ipv4_lookup", "ipv6_lookup":
		return b.ipLookup(c, r, e)
	case "narrow":
		return b.narrow(c, r, e)
	case "new_activity_metrics":
		return b.newActivityMetrics(c, r, e)
	case "preview":
		return b.preview(c, r, e)
	case "rolling_percentile":
		return b.rollingPercentile(c, r, e)
	case "rows_near":
		return b.rowsNear(c, r, e)
	case "schema_merge":
		return b.schemaMerge(c, r, e)
	case "sequence_detect":
		return b.sequenceDetect(c, r, e)
	case "session_count":
		return b.sessionCount(c, r, e)
	case "sliding_window_counts":
		return b.slidingCounts(c, r, e)
	}
	panic("bind: no code for the plugin " + c.Func.Name)
}

// refusedColumns is what can be said of the columns of a plugin that does not run.
func (b *binder) refusedColumns(o *syntax.Evaluate, c *syntax.Call, r *rel, row pluginRow, want table.Schema) *rel {
	var s table.Schema
	open := true
	typed := func(schema *syntax.Schema, cols table.Schema) {
		if schema.Star {
			s = slices.DeleteFunc(slices.Clone(r.schema()), func(c table.Column) bool { return cols.Index(c.Name) >= 0 })
		}
		s = append(s, cols...)
		open = schema.Star && r.open
	}
	switch {
	case o.Schema != nil:
		typed(o.Schema, want)
	case row.cols != "":
		s, open = fixed(row.cols), false
	case row.all:
		s, open = r.schema(), r.open
	case len(c.Args) > 0:
		if t, ok := c.Args[0].(*syntax.TypeOf); ok && t.Schema != nil {
			if cols, ok := b.declared(t.Schema); ok {
				typed(t.Schema, cols)
			}
		}
	}
	out := source(&plan.Values{Out: s})
	out.open = open
	return out
}

// asDeclared gives the columns that the query says a plugin has.
func (b *binder) asDeclared(o *syntax.Evaluate, r *rel, want table.Schema) *rel {
	have := r.schema()
	var cols []plan.Named
	if o.Schema.Star {
		for _, c := range have {
			if want.Index(c.Name) < 0 {
				cols = append(cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
			}
		}
	}
	for _, c := range want {
		x := plan.Expr(&plan.Const{Value: table.Null(c.Type)})
		if i := have.Index(c.Name); i >= 0 {
			x = b.convert(&plan.Col{Name: c.Name, T: have[i].Type}, c.Type)
		}
		cols = append(cols, plan.Named{Name: c.Name, Expr: x})
	}
	out := r.then(&plan.Project{Cols: cols})
	out.open = r.open && o.Schema.Star
	return out
}
