package loganalytics

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// ServeMgmt answers POST /v1/rest/mgmt.
func (k *Kusto) ServeMgmt(w http.ResponseWriter, r *http.Request) {
	a, err := k.read(w, r)
	if err != nil {
		k.fail(w, a, err)
		return
	}
	k.command(w, a)
}

// command answers a control command. What stands behind a pipe is a query over its
// result.
func (k *Kusto) command(w http.ResponseWriter, a *kustoAsk) {
	ctx, cancel := context.WithTimeout(a.r.Context(), cmp.Or(a.opts.timeout, kustoTimeout))
	defer cancel()
	words, rest, err := splitCommand(a.csl)
	if err != nil {
		k.fail(w, a, err)
		return
	}
	c := &command{k: k, a: a, ctx: ctx, words: words}
	rows, err := c.run()
	if err == nil && rest != "" {
		rows, err = k.over(ctx, rows, rest)
	}
	if err != nil {
		k.fail(w, a, err)
		return
	}
	k.single(ctx, w, a, rows)
}

// single table of version 1.
func (k *Kusto) single(ctx context.Context, w http.ResponseWriter, a *kustoAsk, rows *table.Batch) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	o := &kustoOut{w: w, ctx: ctx, k: k, a: a}
	o.text(`{"Tables":[`)
	o.open("Table_0", rows.Schema)
	o.values(rows, false)
	o.text("]}]}\n")
	o.flush()
}

// over runs the operators behind a command's pipe.
func (k *Kusto) over(ctx context.Context, rows *table.Batch, rest string) (*table.Batch, error) {
	const name = "CommandResult"
	engine := query.New(query.Options{Clock: k.Clock, MaxBytes: 64 << 20, MaxRows: 100_000})
	answer, err := engine.RunOn(ctx, query.Rows(table.Def{Name: name, Columns: rows.Schema}, rows), query.Request{Text: name + " | " + rest})
	if err != nil {
		return nil, err
	}
	out, err := query.All(ctx, answer.Tables[0].Rows)
	if e := answer.Close(); err == nil {
		err = e
	}
	return out, err
}

// splitCommand gives the words of a command and the query behind its first pipe.
// A word in quotes or brackets, ['a b'], is one word without them. Comments are
// left out.
func splitCommand(text string) (words []string, rest string, err error) {
	i := 0
	var word strings.Builder
	in := false
	end := func() {
		if in {
			words = append(words, word.String())
			word.Reset()
			in = false
		}
	}
	for i < len(text) {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n
			continue
		case c == '|':
			end()
			if rest = strings.TrimSpace(text[i+1:]); rest == "" {
				return nil, "", fault.New(fault.Invalid, "nothing stands behind the pipe of the command")
			}
			return words, rest, nil
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';':
			end()
		case c == ',' || c == '(' || c == ')':
			end()
			words = append(words, string(c))
		case c == '[' && i+1 < len(text) && (text[i+1] == '\'' || text[i+1] == '"'), c == '\'' || c == '"':
			shut := string(c)
			if c == '[' {
				i++
				shut = text[i:i+1] + "]"
			}
			n := strings.Index(text[i+1:], shut)
			if n < 0 {
				return nil, "", fault.New(fault.Invalid, "the command has an open quote")
			}
			word.WriteString(text[i+1 : i+1+n])
			in = true
			i += n + len(shut)
		default:
			word.WriteByte(c)
			in = true
		}
		i++
	}
	end()
	return words, "", nil
}

// command that runs.
type command struct {
	k     *Kusto
	a     *kustoAsk
	ctx   context.Context
	words []string
	only  []string // tables in the parentheses of .show tables (A, B); nil: all
}

// list takes the tables in parentheses out of the command's words.
func (c *command) list() {
	if len(c.words) < 4 || !strings.EqualFold(c.words[0], ".show") || !strings.EqualFold(c.words[1], "tables") || c.words[2] != "(" {
		return
	}
	end := slices.Index(c.words, ")")
	if end < 0 {
		return
	}
	for _, w := range c.words[3:end] {
		if w != "," {
			c.only = append(c.only, w)
		}
	}
	c.words = slices.Delete(slices.Clone(c.words), 2, end+1)
}

// shows says whether a table is one of those that the command is about.
func (c *command) shows(name string) bool { return c.only == nil || slices.Contains(c.only, name) }

// is says whether the words match a pattern: literal words in any case, * for a
// name. The names are given back.
func (c *command) is(pattern string) (names []string, ok bool) {
	want := strings.Fields(pattern)
	if len(want) != len(c.words) {
		return nil, false
	}
	for i, p := range want {
		switch {
		case p == "*":
			names = append(names, c.words[i])
		case !strings.EqualFold(p, c.words[i]):
			return nil, false
		}
	}
	return names, true
}

// commands that are answered. A name stands for *; the words win over it.
var commands = []struct {
	pattern string
	run     func(c *command, names []string) (*table.Batch, error)
}{
	{".show version", (*command).version},
	{".show databases", (*command).databases},
	{".show databases details", (*command).databases},
	{".show database", (*command).database},
	{".show database *", (*command).database},
	{".show database details", (*command).database},
	{".show database * details", (*command).database},
	{".show databases schema", (*command).allSchemas},
	{".show cluster databases", (*command).databases},
	{".show databases schema as json", (*command).clusterJSON},
	{".show cluster schema as json", (*command).clusterJSON},
	{".show schema", (*command).schema},
	{".show schema as json", (*command).clusterJSON},
	{".show database schema", (*command).schema},
	{".show database * schema", (*command).schema},
	{".show database schema as json", (*command).schemaJSON},
	{".show database * schema as json", (*command).schemaJSON},
	{".show database cslschema", (*command).cslSchemas},
	{".show database * cslschema", (*command).cslSchemas},
	{".show tables", (*command).tables},
	{".show tables details", (*command).tableDetails},
	{".show table * details", (*command).tableDetails},
	{".show table *", (*command).columns},
	{".show table * cslschema", (*command).cslSchemas1},
	{".show table * schema", (*command).tableJSON},
	{".show table * schema as json", (*command).tableJSON},
	{".show functions", (*command).functions},
	{".show function *", (*command).functions},
	{".show cluster", (*command).cluster},
	{".show current principal details", (*command).principal},
	{".show principal access", (*command).access},
	{".show principal roles", (*command).roles},
	{".show current principal roles", (*command).roles},
	{".show queries", (*command).queries},
	{".show running queries", (*command).running},
	{".show capacity", (*command).capacity},
	{".show materialized-views", (*command).noViews},
	{".show external tables", (*command).noExternal},
}

func (c *command) run() (*table.Batch, error) {
	c.list()
	for _, cmd := range commands {
		if names, ok := c.is(cmd.pattern); ok && len(names) == 0 {
			return cmd.run(c, nil)
		}
	}
	for _, cmd := range commands {
		if names, ok := c.is(cmd.pattern); ok {
			return cmd.run(c, names)
		}
	}
	text := strings.Join(c.words, " ")
	if len(c.words) == 0 || !strings.HasPrefix(c.words[0], ".") {
		return nil, fault.New(fault.Invalid, "a control command begins with a dot, such as .show tables; queries go to /v1/rest/query and /v2/rest/query")
	}
	if strings.EqualFold(c.words[0], ".show") {
		var known []string
		for _, cmd := range commands {
			known = append(known, strings.ReplaceAll(cmd.pattern, "*", "NAME"))
		}
		return nil, fault.New(fault.Invalid, "the command %q is not known here; known are %s", text, strings.Join(known, ", "))
	}
	return nil, fault.New(fault.Invalid, "the command %q is not known here: what is in the tables comes in through the log, and only .show commands are answered", c.words[0])
}

// made is a result under construction.
func made(columns string) *table.Batch {
	var s table.Schema
	for _, part := range strings.Fields(columns) {
		name, typ, _ := strings.Cut(part, ":")
		t, ok := table.ParseType(cmp.Or(typ, "string"))
		if !ok {
			panic("loganalytics: no type " + typ)
		}
		s = append(s, table.Column{Name: name, Type: t})
	}
	return table.NewBatch(s, 16)
}

// row of texts, numbers and truths; nil is null.
func addRow(b *table.Batch, cells ...any) {
	vals := make([]table.Value, len(cells))
	for i, c := range cells {
		t := b.Schema[i].Type
		switch c := c.(type) {
		case nil:
			vals[i] = table.Null(t)
		case string:
			switch t {
			case table.Guid:
				vals[i] = table.GuidValue(strings.ToLower(c))
			case table.Dynamic:
				vals[i] = table.DynamicText(c)
			default:
				vals[i] = table.StringValue(c)
			}
		case bool:
			vals[i] = table.BoolValue(c)
		case int64:
			switch t {
			case table.DateTime:
				vals[i] = table.DateTimeValue(c)
			case table.TimeSpan:
				vals[i] = table.TimeSpanValue(c)
			case table.Real:
				vals[i] = table.RealValue(float64(c))
			case table.Int:
				vals[i] = table.IntValue(c)
			default:
				vals[i] = table.LongValue(c)
			}
		default:
			panic(fmt.Sprintf("loganalytics: a cell of %T", c))
		}
	}
	b.AppendRow(vals)
}

func (c *command) version([]string) (*table.Batch, error) {
	b := made("BuildVersion BuildTime:datetime ServiceType ProductVersion ServiceOffering")
	addRow(b, c.k.Version, nil, "Engine", c.k.Version, `{"Type":"Sextant"}`)
	return b, nil
}

// place of a database that a command names, or of the request.
func (c *command) place(names []string) (Place, error) {
	if len(names) == 0 {
		return c.a.place, nil
	}
	return c.k.database(c.ctx, names[0])
}

func (c *command) describe(places []Place) (*table.Batch, error) {
	b := made("DatabaseName PersistentStorage Version IsCurrent:bool DatabaseAccessMode PrettyName CurrentUserIsUnrestrictedViewer:bool DatabaseId:guid InTransitionTo SuspensionState")
	for _, p := range places {
		i := p.Info()
		addRow(b, i.Name, "", "v1.0", i.ID == c.a.place.Info().ID, "ReadWrite", i.Name, true, i.ID, "", "")
	}
	return b, nil
}

func (c *command) databases([]string) (*table.Batch, error) {
	places, err := c.k.Places.List(c.ctx)
	if err != nil {
		return nil, err
	}
	return c.describe(places)
}

func (c *command) database(names []string) (*table.Batch, error) {
	p, err := c.place(names)
	if err != nil {
		return nil, err
	}
	return c.describe([]Place{p})
}

// defs of a database, in the order of their names, and how many rows they have.
func (c *command) defs(p Place, each func(def table.Def, rows, bytes int64, segments int) error) error {
	snap, err := p.Snapshot(c.ctx)
	if err != nil {
		return err
	}
	for _, name := range snap.Tables() {
		def, _ := snap.Def(name)
		st := snap.Stats(name)
		if err = each(def, st.Rows, st.Bytes, st.Segments); err != nil {
			break
		}
	}
	if e := snap.Close(); err == nil {
		err = e
	}
	return err
}

func (c *command) tables([]string) (*table.Batch, error) {
	b := made("TableName DatabaseName Folder DocString")
	return b, c.defs(c.a.place, func(d table.Def, _, _ int64, _ int) error {
		if c.shows(d.Name) {
			addRow(b, d.Name, c.a.place.Info().Name, "", "")
		}
		return nil
	})
}

func (c *command) tableDetails(names []string) (*table.Batch, error) {
	b := made("TableName DatabaseName Folder DocString TotalExtents:long TotalExtentSize:real TotalOriginalSize:real TotalRowCount:long")
	err := c.defs(c.a.place, func(d table.Def, rows, bytes int64, segments int) error {
		if len(names) == 0 && c.shows(d.Name) || len(names) > 0 && d.Name == names[0] {
			addRow(b, d.Name, c.a.place.Info().Name, "", "", int64(segments), bytes, nil, rows)
		}
		return nil
	})
	if err == nil && len(names) > 0 && b.Rows == 0 {
		err = noTable(names[0])
	}
	return b, err
}

func noTable(name string) error {
	return &notFoundError{fmt.Sprintf("Entity ID '%s' of kind 'Table' was not found.", name)}
}

// table of the request's database.
func (c *command) table(name string) (table.Def, error) {
	var found table.Def
	err := c.defs(c.a.place, func(d table.Def, _, _ int64, _ int) error {
		if d.Name == name {
			found = d
		}
		return nil
	})
	if err == nil && found.Name == "" {
		err = noTable(name)
	}
	return found, err
}

func (c *command) columns(names []string) (*table.Batch, error) {
	d, err := c.table(names[0])
	if err != nil {
		return nil, err
	}
	b := made("AttributeName AttributeType ExtentSize:long CompressionRatio:real IndexSize:long IndexSizePercent:real OriginalSize:long AttributeId Properties DocString")
	for _, col := range d.Columns {
		addRow(b, col.Name, clrTypes[col.Type], nil, nil, nil, nil, nil, col.Name, "", "")
	}
	return b, nil
}

func (c *command) cslSchemas1(names []string) (*table.Batch, error) {
	d, err := c.table(names[0])
	if err != nil {
		return nil, err
	}
	b := made("TableName Schema DatabaseName Folder DocString")
	addRow(b, d.Name, declaredCSL(d.Columns), c.a.place.Info().Name, "", "")
	return b, nil
}

func (c *command) cslSchemas(names []string) (*table.Batch, error) {
	p, err := c.place(names)
	if err != nil {
		return nil, err
	}
	b := made("TableName Schema DatabaseName Folder DocString")
	return b, c.defs(p, func(d table.Def, _, _ int64, _ int) error {
		addRow(b, d.Name, declaredCSL(d.Columns), p.Info().Name, "", "")
		return nil
	})
}

// declaredCSL is a schema as .create table takes it.
func declaredCSL(s table.Schema) string { return strings.ReplaceAll(declared(s), ", ", ",") }

func (c *command) tableJSON(names []string) (*table.Batch, error) {
	d, err := c.table(names[0])
	if err != nil {
		return nil, err
	}
	b := made("TableName Schema DatabaseName Folder DocString")
	addRow(b, d.Name, string(appendJSON(nil, jsonTable(d))), c.a.place.Info().Name, "", "")
	return b, nil
}

func (c *command) schemaRows(places []Place) (*table.Batch, error) {
	b := made("DatabaseName TableName ColumnName ColumnType IsDefaultTable:bool IsDefaultColumn:bool PrettyName Version Folder DocString")
	for _, p := range places {
		name := p.Info().Name
		addRow(b, name, "", "", "", false, false, name, "v1.0", "", "")
		err := c.defs(p, func(d table.Def, _, _ int64, _ int) error {
			addRow(b, name, d.Name, "", "", false, false, "", "", "", "")
			for _, col := range d.Columns {
				addRow(b, name, d.Name, col.Name, clrTypes[col.Type], false, false, "", "", "", "")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (c *command) schema(names []string) (*table.Batch, error) {
	p, err := c.place(names)
	if err != nil {
		return nil, err
	}
	return c.schemaRows([]Place{p})
}

func (c *command) allSchemas([]string) (*table.Batch, error) {
	places, err := c.k.Places.List(c.ctx)
	if err != nil {
		return nil, err
	}
	return c.schemaRows(places)
}

func jsonTable(d table.Def) map[string]any {
	cols := []any{}
	for _, col := range d.Columns {
		cols = append(cols, map[string]any{"Name": col.Name, "Type": clrTypes[col.Type], "CslType": col.Type.String()})
	}
	return map[string]any{"Name": d.Name, "OrderedColumns": cols}
}

func (c *command) jsonDatabase(p Place) (map[string]any, error) {
	tables := map[string]any{}
	err := c.defs(p, func(d table.Def, _, _ int64, _ int) error {
		tables[d.Name] = jsonTable(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	saved, err := p.Saved(c.ctx)
	if err != nil {
		return nil, err
	}
	functions := map[string]any{}
	for _, f := range saved {
		functions[f.Name] = map[string]any{"Name": f.Name, "InputParameters": inputsOf(f.Params), "Body": "{ " + f.Body + " }", "FunctionKind": "Unknown", "OutputColumns": []any{}}
	}
	return map[string]any{
		"Name": p.Info().Name, "Tables": tables, "ExternalTables": map[string]any{}, "MaterializedViews": map[string]any{}, "EntityGroups": map[string]any{},
		"MajorVersion": 1, "MinorVersion": 0, "Functions": functions, "DatabaseAccessMode": "ReadWrite",
	}, nil
}

// inputsOf a list of parameters. Functions take scalars; what is tabular is left out.
func inputsOf(params string) []any {
	out := []any{}
	for _, p := range strings.Split(params, ",") {
		name, typ, ok := strings.Cut(p, ":")
		if !ok || strings.ContainsAny(typ, "()") {
			continue
		}
		typ, _, _ = strings.Cut(typ, "=")
		t, known := table.ParseType(strings.TrimSpace(typ))
		if !known {
			continue
		}
		out = append(out, map[string]any{"Name": strings.TrimSpace(name), "Type": clrTypes[t], "CslType": t.String()})
	}
	return out
}

func (c *command) jsonOf(places []Place, column string) (*table.Batch, error) {
	all := map[string]any{}
	for _, p := range places {
		db, err := c.jsonDatabase(p)
		if err != nil {
			return nil, err
		}
		all[p.Info().Name] = db
	}
	b := made(column)
	addRow(b, string(appendJSON(nil, map[string]any{"Plugins": []any{}, "Databases": all})))
	return b, nil
}

func (c *command) schemaJSON(names []string) (*table.Batch, error) {
	p, err := c.place(names)
	if err != nil {
		return nil, err
	}
	return c.jsonOf([]Place{p}, "DatabaseSchema")
}

func (c *command) clusterJSON([]string) (*table.Batch, error) {
	places, err := c.k.Places.List(c.ctx)
	if err != nil {
		return nil, err
	}
	return c.jsonOf(places, "ClusterSchema")
}

func (c *command) functions(names []string) (*table.Batch, error) {
	saved, err := c.a.place.Saved(c.ctx)
	if err != nil {
		return nil, err
	}
	b := made("Name Parameters Body Folder DocString")
	for _, f := range saved {
		if len(names) == 0 || f.Name == names[0] {
			addRow(b, f.Name, "("+f.Params+")", "{ "+f.Body+" }", "", "")
		}
	}
	if len(names) > 0 && b.Rows == 0 {
		return nil, &notFoundError{fmt.Sprintf("Entity ID '%s' of kind 'Function' was not found.", names[0])}
	}
	return b, nil
}

func (c *command) cluster([]string) (*table.Batch, error) {
	b := made("NodeId Address Name StartTime:datetime IsAdmin:bool MachineTotalMemory:long MachineAvailableMemory:long ProcessorCount:int EnvironmentDescription")
	addRow(b, "0", c.a.r.Host, hostName(), nil, true, nil, nil, int64(runtime.NumCPU()), "sextant "+c.k.Version)
	return b, nil
}

func (c *command) principal([]string) (*table.Batch, error) {
	b := made("PrincipalDisplayName PrincipalObjectId PrincipalFQN Notes")
	addRow(b, c.k.who.Name, c.k.who.ID, c.k.who.Name, "")
	return b, nil
}

func (c *command) access([]string) (*table.Batch, error) {
	b := made("EntityName EntityKind Permission")
	places, err := c.k.Places.List(c.ctx)
	for _, p := range places {
		addRow(b, p.Info().Name, "Database", "Viewer")
	}
	return b, err
}

func (c *command) roles([]string) (*table.Batch, error) {
	b := made("Scope DisplayName AADObjectID Role")
	places, err := c.k.Places.List(c.ctx)
	for _, p := range places {
		addRow(b, p.Info().Name, c.k.who.Name, c.k.who.ID, "Database viewer")
	}
	return b, err
}

func (c *command) past(wanted func(*asked) bool) *table.Batch {
	b := made("ClientActivityId Text Database StartedOn:datetime Duration:timespan State RootActivityId:guid User FailureReason Application Principal")
	h := c.k.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range slices.Backward(h.entries) {
		if !wanted(e) || e.by != c.k.who && !c.k.who.All {
			continue
		}
		started, _ := table.TicksOf(e.began)
		addRow(b, e.client, e.text, e.db, started, e.took.Nanoseconds()/100, e.state, e.activity, e.user, e.reason, e.app, e.by.Name)
	}
	return b
}

func (c *command) queries([]string) (*table.Batch, error) {
	return c.past(func(*asked) bool { return true }), nil
}

func (c *command) running([]string) (*table.Batch, error) {
	return c.past(func(e *asked) bool { return e.state == "InProgress" }), nil
}

// capacity: how many queries may run at a time, and do.
func (c *command) capacity([]string) (*table.Batch, error) {
	b := made("Resource Total:long Consumed:long Remaining:long Origin")
	if g := c.k.Gate; g != nil {
		total, used := int64(cap(g.slots)), int64(len(g.slots))
		addRow(b, "Queries", total, used, total-used, "Default")
	}
	return b, nil
}

func (c *command) noViews([]string) (*table.Batch, error) {
	return made("Name SourceTable Query MaterializedTo:datetime LastRun:datetime LastRunResult IsHealthy:bool IsEnabled:bool Folder DocString"), nil
}

func (c *command) noExternal([]string) (*table.Batch, error) {
	return made("TableName TableType Folder DocString Properties ConnectionStrings:dynamic Partitions:dynamic PathFormat"), nil
}
