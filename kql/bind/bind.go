// Package bind turns a syntax tree into a plan: names become columns, overloads
// become catalogue functions, every expression gets a type, and everything that
// is wrong gets a place and a text that helps.
//
// Binding never stops at the first error. What could not be understood becomes
// a placeholder of type [table.Unknown]; operators that meet one stay silent,
// so that one mistake gives one message.
//
// Let-bound functions are expanded where they are called, with the arguments
// bound in the caller's scope; so a plan has no functions of the user's in it.
package bind

import (
	"context"
	"fmt"
	"strings"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Environment is what names mean outside the query.
type Environment interface {
	// Table by its exact name; its visible schema is Def.Columns.
	Table(name string) (table.Def, bool)
	// Tables that exist, in name order: for wildcards, search, find, and near
	// names in errors.
	Tables() []string
	// Function gives a saved function: a syntax.Let whose value is a Lambda or
	// an expression. It is bound outside the query's own scope.
	Function(name string) (*syntax.Let, bool)
}

// Options of one binding. The zero value is usable.
type Options struct {
	// From and To, in ticks, restrict every stored table to [From, To) by its
	// time column, as the timespan of a Log Analytics request does. Zero is no
	// bound. Rows without a time are left out when either is set.
	From, To int64
	// Now, in ticks, is what now() and ago() mean. Zero leaves them as calls, so
	// that the plan can be run later and again.
	Now int64
	// MaxNodes of expressions and operators after functions are expanded, and
	// MaxDepth of nesting; zero is the default.
	MaxNodes, MaxDepth int
	// Workspaces are names, besides any, that workspace(…) may give; nil accepts
	// every name, since there is one workspace here.
	Workspaces []string
	// Rows runs a plan and gives its rows, few: the columns of some plugins
	// (bag_unpack, pivot) follow from what the tables hold. Nil refuses those
	// plugins unless the query declares their columns.
	Rows func(p *plan.Pipeline) ([][]table.Value, error)
	// External gives the rows of a table of files; nil refuses such tables.
	External func(External) ([][]table.Value, error)
	// Watchlists of the workspace; nil where there are none.
	Watchlists Watchlists
	// Check tells that the query will only be checked, not run: what has a meaning
	// but cannot run here is a warning, and its columns are as far as is known: those
	// that an editor with Microsoft's language service shows.
	Check bool
	// Look, when set, is told what names mean at its place.
	Look *Look
	// Params are values for declare query_parameters.
	Params map[string]table.Value
	// Workspace is the id of the workspace: the column TenantId of tables that do not
	// publish it. Together tells that the rows are of several, and that scans give the
	// column table.HiddenWorkspace.
	Workspace string
	Together  bool
}

const (
	defaultMaxNodes = 200_000
	defaultMaxDepth = 1_000
)

// Query is what a text means.
type Query struct {
	// Pipelines, one for each tabular result: one for each statement of a batch,
	// and for each branch of fork and facet.
	Pipelines []*plan.Pipeline
	// Names of the results, "" where the query gives none (as, fork).
	Names []string
	// Render of each pipeline; nil where it does not end in render.
	Renders []*Render
}

// Render is the chart that a query asks for.
type Render struct {
	Chart string
	Props map[string]string
}

// Bind gives the meaning of a parsed text. The query is nil when a diagnostic
// is Bad. The diagnostics come in the order of their places.
func Bind(file *syntax.File, env Environment, cat *fn.Catalogue, opts Options) (*Query, fault.Diagnostics) {
	if opts.MaxNodes == 0 {
		opts.MaxNodes = defaultMaxNodes
	}
	if opts.MaxDepth == 0 {
		opts.MaxDepth = defaultMaxDepth
	}
	b := newBinder(env, cat, opts)
	b.editor = opts.Check
	q := b.file(file)
	for more := b.wanted(); len(more) > 0; more = b.wanted() {
		// once more, with tables that have columns which are not published
		editor, extra := b.editor, append(b.extra, more...)
		b = newBinder(env, cat, opts)
		b.editor, b.extra = editor, extra
		q = b.file(file)
	}
	extra := b.extra
	b, q = lend(b, q, func(lent []string) (*binder, *Query) {
		b := newBinder(env, cat, opts)
		b.lent, b.extra = lent, extra
		return b, b.file(file)
	})
	if b.guids && b.diags.Err() != nil {
		// once more, with texts in the columns of guids that are stored as texts
		again := newBinder(env, cat, opts)
		again.editor, again.lent, again.extra, again.guidTexts = b.editor, b.lent, extra, true
		if meant := again.file(file); again.diags.Err() == nil {
			b, q = again, meant
		}
	}
	if b.editor && b.diags.Err() != nil {
		// what runs is never refused for what an editor thinks of it
		b = newBinder(env, cat, opts)
		b.extra = extra
		q = b.file(file)
	}
	if b.wantsArrival {
		// once more, with tables that carry the column behind ingestion_time()
		editor, lent, guidTexts := b.editor, b.lent, b.guidTexts
		b = newBinder(env, cat, opts)
		b.arrival, b.editor, b.lent, b.extra, b.guidTexts = true, editor, lent, extra, guidTexts
		q = b.file(file)
	}
	sortDiagnostics(b.diags)
	if b.diags.Err() != nil {
		return nil, b.diags
	}
	return q, b.diags
}

func newBinder(env Environment, cat *fn.Catalogue, opts Options) *binder {
	return &binder{env: env, cat: cat, opts: opts, fold: fn.NewContext(context.Background(), opts.Now, 0, nil), seen: map[string]bool{}}
}

// binder holds the state of one Bind.
type binder struct {
	env   Environment
	cat   *fn.Catalogue
	opts  Options
	fold  *fn.Context
	diags fault.Diagnostics
	seen  map[string]bool // diagnostics already given: an expanded function gives its errors once

	ids   int // last ID given to a subquery
	nodes int
	depth int
	stop  bool // a limit was reached; nothing more is bound

	// editor: columns are as Microsoft's language service tells them, where that
	// differs from what a run gives. Where the first two members of a union agree
	// on a column's type it leaves out other types of that name; parse onto a name
	// that exists adds a second column of it; and names that are read from tables
	// it knows nothing of become columns of type unknown.
	editor  bool
	guesses int

	// arrival: scans carry table.HiddenArrival; wantsArrival: a query needs that.
	arrival, wantsArrival bool

	// Of watchlists that do not exist: whether the query reads one, the names that mean
	// nothing, and those that their columns are taken for.
	unlisted      bool
	lacking, lent []string

	// Of columns that are not published: the tables that were read, with what they show;
	// names that were asked for and need not be there; and the columns that tables have.
	scanned  map[string]table.Schema
	optional []string
	extra    []string

	// Of AzureDiagnostics: whether the query reads columns of guids, and whether they are
	// texts for it (see textsOfGuids).
	guids, guidTexts bool

	settings map[string]table.Value // what set statements gave, by name

	op     string // keyword of the operator that is bound, for messages
	frames []frame
}

// frame is one expansion of a function; errors inside note where it was called.
type frame struct {
	name string
	fn   *syntax.Lambda
	call fault.Span
	user bool // declared in this text, so that places inside it are places of the text
}

// bad is the placeholder of an expression that could not be bound.
func bad() plan.Expr { return &plan.Const{Value: table.Null(table.Unknown)} }

func isBad(e plan.Expr) bool { return e.Type() == table.Unknown }

func (b *binder) nextID() int { b.ids++; return b.ids }

// errorf reports something Bad at a node. A node in a saved function has no
// place in this text: the call gets the message.
func (b *binder) errorf(at syntax.Node, code, format string, args ...any) *fault.Diagnostic {
	return b.report(fault.Bad, at.At(), code, fmt.Sprintf(format, args...))
}

func (b *binder) warnf(at syntax.Node, code, format string, args ...any) *fault.Diagnostic {
	return b.report(fault.Warning, at.At(), code, fmt.Sprintf(format, args...))
}

func (b *binder) report(sev fault.Severity, span fault.Span, code, text string) *fault.Diagnostic {
	if b.stop {
		return &fault.Diagnostic{}
	}
	text = strings.TrimSuffix(text, ".") // notes follow
	if b.op != "" {
		text = "'" + b.op + "' operator: " + text
	}
	var notes []string
	for i := len(b.frames) - 1; i >= 0; i-- {
		f := b.frames[i]
		if !f.user {
			span = f.call
			notes = append(notes, "in the saved function "+f.name)
		}
	}
	key := fmt.Sprint(span, code, text)
	if b.seen[key] {
		return &fault.Diagnostic{}
	}
	b.seen[key] = true
	b.diags = append(b.diags, fault.Diagnostic{Severity: sev, Code: code, Span: span, Text: text, Notes: notes})
	return &b.diags[len(b.diags)-1]
}

// note adds what would work to a diagnostic.
func note(d *fault.Diagnostic, format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

func didYouMean(d *fault.Diagnostic, near []string) {
	if len(near) > 0 {
		note(d, "did you mean %s?", strings.Join(near, ", "))
	}
}

// enter counts a node and a level of nesting. False means a limit was reached:
// the caller gives a placeholder. Every true is followed by leave.
func (b *binder) enter(at syntax.Node) bool {
	if b.stop {
		return false
	}
	b.nodes++
	switch {
	case b.depth >= b.opts.MaxDepth:
		b.op = ""
		b.errorf(at, "KS245", "The query nests deeper than %d levels.", b.opts.MaxDepth)
		b.stop = true
		return false
	case b.nodes > b.opts.MaxNodes:
		b.op = ""
		b.errorf(at, "KS244", "The query has more than %d parts once its functions are expanded.", b.opts.MaxNodes)
		b.stop = true
		return false
	}
	b.depth++
	return true
}

func (b *binder) leave() { b.depth-- }

// within sets the operator's keyword for messages and gives back what resets it.
func (b *binder) within(keyword string) func() {
	old := b.op
	b.op = keyword
	return func() { b.op = old }
}

// cannotRun says that a construct has a meaning but no way to run here.
func (b *binder) cannotRun(at syntax.Node, format string, args ...any) {
	b.runFails(at, "SXT001", format, args...)
}

// runFails says what a run fails with and Microsoft's language service, which a check
// follows, lets pass: a check warns of it.
func (b *binder) runFails(at syntax.Node, code, format string, args ...any) *fault.Diagnostic {
	sev := fault.Bad
	if b.opts.Check {
		sev = fault.Warning
	}
	return b.report(sev, at.At(), code, fmt.Sprintf(format, args...))
}

// refuse says that a construct has no meaning here yet.
func (b *binder) refuse(at syntax.Node, what string) {
	b.errorf(at, "SXT001", "not supported yet: %s", what)
}

func sortDiagnostics(ds fault.Diagnostics) {
	// insertion sort keeps equal places in order; there are few
	for i := 1; i < len(ds); i++ {
		for j := i; j > 0 && ds[j].Span.Start < ds[j-1].Span.Start; j-- {
			ds[j], ds[j-1] = ds[j-1], ds[j]
		}
	}
}
