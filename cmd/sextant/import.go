package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sextant/commitlog"
	"sextant/fault"
	"sextant/intake"
	"sextant/node"
	"sextant/record"
	"sextant/source"
	"sextant/source/file"
)

// ImportCmd brings files in.
type ImportCmd struct {
	Paths  []string `arg:"" optional:"" help:"Files, folders, archives (.gz .zip .zst); - is standard input."`
	Replay bool     `help:"Try again what was set aside before, for the tenant given or all."`
	Output string   `short:"o" enum:"text,json" default:"text" help:"How to print the summary."`
	Quiet  bool     `short:"q" help:"Print the totals alone."`
	Files  bool     `help:"List every file, however many there are."`
	Strict bool     `help:"End with code 3 when something was set aside or could not be read."`
}

// Help is shown behind the flags.
func (ImportCmd) Help() string {
	return `What a file holds is told by its content: storage-archive blobs (PT1H.json), event bodies, Graph pages, the
admin center's downloads (CSV, JSON), Log Analytics exports (CSV, JSON lines). Nothing comes in twice: an import may
be interrupted and run again.

  sextant import --data logs ~/exports
  zcat backup.gz | sextant import --data logs -
  sextant import --data logs --tenant 11111111-2222-3333-4444-555555555555 SigninLogs.csv
  sextant import --data logs --replay`
}

// Run it.
func (c *ImportCmd) Run(a *app) error {
	if len(c.Paths) == 0 && !c.Replay {
		return fault.New(fault.Invalid, "there is nothing to import; give files, folders, or - for standard input")
	}
	for _, path := range c.Paths {
		if path == "-" {
			a.hintAtInput("records")
		} else if _, err := os.Stat(path); err != nil {
			return fault.New(fault.Invalid, "cannot import %s: %w", path, errors.Unwrap(err))
		}
	}
	b, err := a.open(!c.Replay)
	if err != nil {
		return err
	}
	sum, err := c.run(a, b)
	if sum != nil && (err == nil || len(sum.Files) > 0) {
		err = errors.Join(err, c.print(a, sum))
	}
	err = errors.Join(err, b.Close())
	if err != nil {
		if a.ctx.Err() != nil {
			fmt.Fprintln(a.err, "interrupted; what was acknowledged is kept, and the same command goes on from there")
		}
		return err
	}
	aside, problems := int64(0), 0
	if _, _, _, aside = sum.Totals(); aside > 0 {
		fmt.Fprintf(a.err, "%d records were set aside; after mending the cause: %s import --data %s --replay\n", aside, self(), a.dataDir())
	}
	for _, f := range sum.Files {
		if f.Problem != "" {
			problems++
		}
	}
	if problems > 0 {
		fmt.Fprintf(a.err, "%d files could not be read, or not to their end\n", problems)
	}
	if c.Strict && (aside > 0 || problems > 0) {
		return codeError(exitIncomplete)
	}
	return nil
}

func (c *ImportCmd) run(a *app, b backend) (*file.Summary, error) {
	if c.Replay {
		return b.Replay(a.ctx, a.conf.Tenant)
	}
	model, err := record.New()
	if err != nil {
		return nil, err
	}
	bar := newProgress(a.err, "importing", 0)
	im := &file.Importer{
		Model: model, To: b.Appender(), Tenant: a.conf.Tenant, Stdin: a.in,
		Progress: func(p file.Progress) {
			bar.total = p.Total
			bar.at(p.Bytes, p.Records)
		},
	}
	sum, err := im.Import(a.ctx, c.Paths...)
	bar.done()
	if err == nil {
		err = a.settle(b)
	}
	return sum, err
}

func (c *ImportCmd) print(a *app, sum *file.Summary) error {
	if c.Output == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(sum)
	}
	if c.Quiet {
		records, accepted, known, aside := sum.Totals()
		_, err := fmt.Fprintf(a.out, "%d records: %d new, %d already there, %d set aside\n", records, accepted, known, aside)
		return err
	}
	if c.Files || len(sum.Files) <= listedFiles {
		_, err := sum.WriteTo(a.out)
		return err
	}
	return printByTable(a.out, sum)
}

// listedFiles is how many files are listed one by one without being asked.
const listedFiles = 20

// printByTable prints what came in by table, and of the files only those that are
// not as they should be.
func printByTable(w io.Writer, sum *file.Summary) error {
	trouble := &file.Summary{}
	for _, f := range sum.Files {
		if f.SetAside > 0 || f.Problem != "" || f.Note != "" {
			trouble.Files = append(trouble.Files, f)
		}
	}
	if len(trouble.Files) > 0 {
		if _, err := trouble.WriteTo(w); err != nil {
			return err
		}
		fmt.Fprintln(w, "in these files. In all:")
	}
	tables := sum.Tables()
	for _, t := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(w, "  %-36s %9d new %9d already there\n", t, tables[t].Accepted, tables[t].Known)
	}
	records, accepted, known, aside := sum.Totals()
	_, err := fmt.Fprintf(w, "%d records of %d files: %d new, %d already there, %d set aside\n", records, len(sum.Files), accepted, known, aside)
	return err
}

// replay tries the dead letters of a tenant, or of all and of none, again. Those
// that are still no records stay where they are.
func replay(ctx context.Context, n *node.Node, model *record.Model, tenant string) (*file.Summary, error) {
	var logs []commitlog.Log
	if tenant == "" {
		for _, t := range n.Tenants() {
			logs = append(logs, t.Log)
		}
	} else if t, err := n.Find(tenant); err == nil {
		logs = append(logs, t.Log)
	}
	unplaced, err := n.UnplacedLog(ctx)
	if err != nil {
		return nil, err
	}
	out := &file.Summary{}
	for _, log := range append(logs, unplaced) {
		reader, err := log.Reader(record.DeadLetterTopic, 0, 0)
		if errors.Is(err, commitlog.ErrNoTopic) {
			continue
		}
		if err != nil {
			return out, err
		}
		err = replayOne(ctx, reader, model, n.Door(), tenant, out)
		if err = errors.Join(err, reader.Close()); err != nil {
			return out, err
		}
	}
	return out, nil
}

func replayOne(ctx context.Context, reader commitlog.Reader, model *record.Model, door source.Appender, tenant string, out *file.Summary) error {
	for {
		b, ok, err := reader.TryNext(ctx)
		if err != nil || !ok {
			return err
		}
		for _, e := range b.Events {
			head := map[string]string{}
			for _, h := range e.Headers {
				head[h.Key] = string(h.Value)
			}
			im := &file.Importer{Model: model, To: again{door, head[intake.WhereHeader]}, Tenant: tenant, Stdin: bytes.NewReader(e.Value)}
			if im.Tenant == "" {
				im.Tenant = head[intake.TenantHeader]
			}
			sum, err := im.Import(ctx, "-")
			if err != nil {
				return err
			}
			name := strings.TrimSpace(head[intake.WhereHeader])
			for _, f := range sum.Files {
				if name != "" {
					f.Name = name
				}
				out.Files = append(out.Files, f)
			}
		}
	}
}

// again passes on what has become a record, and leaves the rest where it lies.
type again struct {
	to    source.Appender
	where string
}

func (g again) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	out := make([]source.Verdict, len(recs))
	var pass []source.Incoming
	var at []int
	for i, r := range recs {
		if r.Reason != "" {
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: r.Reason}
			continue
		}
		r.Where = g.where
		pass, at = append(pass, r), append(at, i)
	}
	verdicts, err := g.to.Append(ctx, pass)
	if err != nil {
		return nil, err
	}
	for i, v := range verdicts {
		out[at[i]] = v
	}
	return out, nil
}
