package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sextant/fault"
)

// QueryCmd asks one question.
type QueryCmd struct {
	KQL      string `arg:"" optional:"" help:"The query; - reads it from standard input, and so does nothing, except at a terminal: there a prompt asks for queries."`
	Output   string `short:"o" enum:"table,list,json,csv,ndjson" default:"table" help:"How to print rows: table (rows as lists where the terminal is too narrow), list, json (an array of objects), csv, ndjson."`
	Timespan string `placeholder:"P7D" help:"Bound on time: P7D, PT2H, 2026-01-01/2026-01-08. None by default."`
	Chart    bool   `help:"Draw a chart: what render in the query asks for, else what suits the columns."`
	Explain  bool   `help:"Show what would run in the engine and what in the evaluator, and why, instead of rows."`
}

// Help is shown behind the flags.
func (QueryCmd) Help() string {
	return `Examples:
  sextant query --data DIR 'SigninLogs | summarize count() by ResultType | top 10 by count_'
  sextant query --data DIR --timespan P7D -o csv 'AuditLogs | where OperationName has "role"' > roles.csv
  sextant query --data DIR --chart 'SigninLogs | summarize count() by bin(TimeGenerated, 1h), ResultType | render timechart'
  sextant query --data DIR
  sextant query --server http://127.0.0.1:8080 - < hunt.kql`
}

// Run it.
func (c *QueryCmd) Run(a *app) error {
	text := c.KQL
	if text == "" && a.atTerminal() {
		b, err := a.open(false)
		if err != nil {
			return err
		}
		return errors.Join(c.prompt(a, b), b.Close())
	}
	if text == "" || text == "-" {
		a.hintAtInput("the query")
		b, err := io.ReadAll(a.in)
		if err != nil {
			return fmt.Errorf("cannot read the query: %w", err)
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return fault.New(fault.Invalid, "there is no query; try: sextant query 'SigninLogs | take 10'")
	}
	if c.Chart && c.Output != "table" {
		return fault.New(fault.Invalid, "--chart draws, and -o %s prints rows: give one of them", c.Output)
	}
	b, err := a.open(false)
	if err != nil {
		return err
	}
	if c.Explain {
		out, err := b.Explain(a.ctx, a.conf.Tenant, text)
		if err == nil {
			_, err = io.WriteString(a.out, out)
		}
		return errors.Join(a.shown(text, err), b.Close())
	}
	r, err := b.Query(a.ctx, a.conf.Tenant, text, c.Timespan)
	if err == nil {
		fmt.Fprint(a.err, fault.Render(text, r.notes))
	}
	switch {
	case err != nil:
	case c.Chart:
		err = a.printChart(r)
	default:
		err = printResult(a.out, r, c.Output)
	}
	return errors.Join(a.shown(text, err), b.Close())
}

// hintAtInput tells a person at a terminal that the program waits for them.
func (a *app) hintAtInput(what string) {
	if f, ok := a.in.r.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(a.err, "reading %s from standard input; Ctrl-D ends it\n", what)
	}
}

// shown prints what is wrong with a query, each with its line and a caret, and
// gives the error that ends the program.
func (a *app) shown(text string, err error) error {
	var ds fault.Diagnostics
	if !errors.As(err, &ds) {
		return err
	}
	fmt.Fprint(a.err, fault.Render(text, ds))
	return codeError(exitUsage)
}

// TailCmd follows records.
type TailCmd struct {
	Category string `placeholder:"NAME" help:"Only this category, such as SignInLogs."`
	Last     int    `short:"n" default:"10" help:"Begin with so many records of each category from before now."`
}

// Help is shown behind the flags.
func (TailCmd) Help() string {
	return `Each record is a line of JSON, byte for byte as it came in (line ends within a record aside). On a running server
tail goes on with what comes, until Ctrl-C; on a folder that no server holds it ends behind the last record.

  sextant tail --data DIR -n 0
  sextant tail --data DIR --category AuditLogs | jq .operationName`
}

// Run it.
func (c *TailCmd) Run(a *app) error {
	if c.Last < 0 {
		return fault.New(fault.Invalid, "-n %d is not a number of records", c.Last)
	}
	b, err := a.open(false)
	if err != nil {
		return err
	}
	err = b.Tail(a.ctx, a.conf.Tenant, c.Category, c.Last, func(line []byte) error {
		_, err := a.out.Write(append(line, '\n'))
		return err
	})
	if a.ctx.Err() != nil {
		err = nil // Ctrl-C is how one ends it
	} else if err == nil && !b.Follows() {
		fmt.Fprintf(a.err, "that is all; no server holds %s, so nothing more can come in\n", a.dataDir())
	}
	return errors.Join(err, b.Close())
}

// TenantsCmd lists tenants.
type TenantsCmd struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print them: table, or json (an array of objects)."`
}

// Run it.
func (c *TenantsCmd) Run(a *app) error {
	b, err := a.open(false)
	if err != nil {
		return err
	}
	list, err := b.Tenants(a.ctx)
	if err == nil && c.Output == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(list)
	} else if err == nil {
		fmt.Fprintf(a.out, "%-38s %-38s %12s %12s %12s\n", "tenant", "workspace", "records", "log", "tables")
		for _, t := range list {
			fmt.Fprintf(a.out, "%-38s %-38s %12d %12s %12s\n", t.Tenant, t.Workspace, t.Records, byteText(t.LogBytes), byteText(t.TableBytes))
		}
	}
	return errors.Join(err, b.Close())
}

// byteText prints a number of bytes for people.
func byteText(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
