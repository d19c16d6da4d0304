// Package lint finds what is legal in a query and yet slow, or other than its author
// will have meant. It looks at the syntax tree and at the tables' schemas; what is
// wrong the binder says, and lint passes that on.
//
// To add a rule: a row in rules, a function over the tree in the file of its family, a
// script in testdata.
package lint

import (
	"cmp"
	"slices"
	"strings"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/syntax"
)

// Level of a finding.
type Level string

// Levels, as SARIF names them.
const (
	Error   Level = "error"   // it does not run
	Warning Level = "warning" // it runs, and is slow or not what was meant
	Note    Level = "note"    // it could be clearer or faster
)

// Rank orders levels: a higher one is graver.
func (l Level) Rank() int { return slices.Index([]Level{Note, Warning, Error}, l) + 1 }

// Rule is one kind of finding.
type Rule struct {
	ID    string
	Level Level
	Doc   string
}

// The rules, by what they are called in findings.
const (
	ruleError     = "error"
	ruleTime      = "time-filter"
	ruleContains  = "contains-has"
	ruleSearch    = "unscoped-search"
	ruleWildcard  = "wildcard-union"
	ruleWindow    = "join-window"
	ruleDynamic   = "string-as-dynamic"
	ruleJoinKind  = "join-kind"
	ruleCase      = "text-case"
	ruleNeverTrue = "never-equal"
)

// Rules in the order in which the documentation lists them.
func Rules() []Rule {
	return []Rule{
		{ruleError, Error, "The query does not run."},
		{ruleTime, Warning, "A table is read without a filter on its time: every day that was ever kept is read."},
		{ruleWindow, Warning, "The right side of a join is read without a filter on its time, and held in memory."},
		{ruleSearch, Warning, "search or find without in (…) looks through every table."},
		{ruleWildcard, Warning, "A union with a wildcard reads every table that matches, also those that come later."},
		{ruleNeverTrue, Warning, "A text made lower (or upper) case is compared with one that is not: they are never equal."},
		{ruleDynamic, Error, "A column that holds text is used as a bag or an array, as by its sister table that has it parsed."},
		{ruleCase, Note, "== minds case, and these texts differ in case between records; =~ and in~ do not mind it."},
		{ruleContains, Note, "contains looks at every character; has finds whole terms through an index."},
		{ruleJoinKind, Note, "A join without kind= is innerunique, which drops rows of the left side whose key is not their first."},
	}
}

// Finding in a query.
type Finding struct {
	Rule  string
	Level Level
	Span  fault.Span
	Text  string
	Help  string // what would work; "" when the text says it
}

// Linter looks at queries over one set of tables.
type Linter struct {
	env    bind.Environment
	cat    *fn.Catalogue
	levels map[string]Level
	times  map[string]bool // the columns that hold the tables' time
}

// New linter for the tables of env.
func New(env bind.Environment) *Linter {
	l := &Linter{env: env, cat: fn.New(), levels: map[string]Level{}, times: map[string]bool{"TimeGenerated": true, "Timestamp": true}}
	for _, r := range Rules() {
		l.levels[r.ID] = r.Level
	}
	for _, n := range env.Tables() {
		if d, ok := env.Table(n); ok && d.Time != "" {
			l.times[d.Time] = true
		}
	}
	return l
}

// Lint gives what it finds, in the order of places. Any text is taken.
func (l *Linter) Lint(text string) []Finding {
	file, ds := syntax.Parse(text)
	p := &pass{l: l}
	if ds.Err() == nil {
		_, ds = bind.Bind(file, l.env, l.cat, bind.Options{Check: true})
	}
	for _, d := range ds {
		if d.Severity == fault.Bad {
			help := ""
			for i, n := range d.Notes {
				if i > 0 {
					help += "; "
				}
				help += n
			}
			rule := ruleError
			if strings.Contains(help, "if it holds JSON") { // the binder's advice wherever a text stands for a bag
				rule = ruleDynamic
			}
			p.out = append(p.out, Finding{rule, Error, d.Span, d.Text, help})
		}
	}
	if len(p.out) == 0 {
		p.statements(file.Stmts, false)
		p.tree(file)
	}
	slices.SortStableFunc(p.out, func(a, b Finding) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return slices.CompactFunc(p.out, func(a, b Finding) bool { return a == b })
}

// pass over one query.
type pass struct {
	l   *Linter
	out []Finding
	// uses of lets: whether each is behind a filter on time.
	uses map[string][]bool
	lets map[string]bool
}

func (p *pass) find(rule string, at syntax.Node, text, help string) {
	p.out = append(p.out, Finding{rule, p.l.levels[rule], at.At(), text, help})
}
