package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sextant/fault"
	"sextant/source/simulate"
)

// tenantFlags describe a made-up tenant.
type tenantFlags struct {
	Seed      uint64   `default:"1" help:"Decides everything else; the same seed gives the same records."`
	Users     int      `default:"500" help:"People in the tenant."`
	Days      int      `default:"30" help:"Days of history."`
	Until     string   `placeholder:"TIME" help:"End of the history: 2026-01-31 or a full time; now by default."`
	Scenarios []string `default:"all" help:"Attacks to weave in, by name; all or none."`
	PerDay    float64  `name:"per-user-day" placeholder:"N" help:"Records a user and day."`
	Mix       string   `default:"tenant" enum:"tenant,samples" help:"Share of each category: of a tenant, or of the exported samples."`
}

func (f *tenantFlags) config(now time.Time, id string) (simulate.Config, error) {
	end := now.UTC().Truncate(time.Minute)
	if f.Until != "" {
		var err error
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
			if end, err = time.Parse(layout, f.Until); err == nil {
				break
			}
		}
		if err != nil {
			return simulate.Config{}, fault.New(fault.Invalid, "%q is not a time; 2026-01-31 and 2026-01-31T12:00:00Z are", f.Until)
		}
	}
	if f.Users < 1 {
		return simulate.Config{}, fault.New(fault.Invalid, "a tenant has at least one user, not %d", f.Users)
	}
	if f.Days < 1 {
		return simulate.Config{}, fault.New(fault.Invalid, "a history has at least one day, not %d", f.Days)
	}
	c := simulate.Config{Seed: f.Seed, TenantID: id, Users: f.Users, Start: end.AddDate(0, 0, -f.Days), End: end, Scenarios: f.Scenarios, RecordsPerUserDay: f.PerDay, Mix: f.Mix}
	if len(f.Scenarios) == 1 && f.Scenarios[0] == "none" {
		c.Scenarios = nil
	}
	return c, nil
}

// SimulateCmd writes a made-up tenant's logs.
type SimulateCmd struct {
	tenantFlags
	Out    string  `short:"O" default:"-" placeholder:"PATH" help:"Where to: - for standard output, a file, or a folder for the storage layout."`
	Format string  `enum:"ndjson,archive" default:"ndjson" help:"ndjson: one record a line; archive: the layout of a storage account under --out."`
	Labels string  `type:"path" placeholder:"FILE" help:"Write the ground truth of the attacks here, JSON lines."`
	Live   bool    `help:"After the history, go on from now until Ctrl-C."`
	Rate   float64 `placeholder:"N" help:"Records a second of the live feed."`
	List   bool    `help:"List the attacks that can be woven in."`
	Max    int     `placeholder:"N" help:"End after so many records."`
}

// Help is shown behind the flags.
func (SimulateCmd) Help() string {
	return `Examples:
  sextant simulate --days 7 --users 100 | sextant import --data DIR -
  sextant simulate --format archive --out blobs --labels truth.jsonl`
}

// Run it.
func (c *SimulateCmd) Run(a *app) (err error) {
	if c.List {
		for _, s := range simulate.Scenarios() {
			fmt.Fprintf(a.out, "%-28s %s\n", s.Name, s.Description)
		}
		return nil
	}
	conf, err := c.config(a.clock(), a.cli.Tenant)
	if err != nil {
		return err
	}
	conf.MaxRecords = c.Max
	t, err := simulate.New(conf)
	if err != nil {
		return err
	}
	if c.Format == "archive" {
		if c.Out == "-" {
			return fault.New(fault.Invalid, "the storage layout needs a folder: --out DIR")
		}
		n, err := t.WriteArchive(c.Out, simulate.ArchiveOptions{})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.err, "%d records of tenant %s in %s; next: sextant import --data DIR %s\n", n, t.TenantID(), c.Out, c.Out)
		return c.labels(t)
	}
	w := a.out
	if c.Out != "-" {
		f, e := os.Create(c.Out)
		if e != nil {
			return fault.New(fault.Invalid, "cannot write the records: %w", e)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	out := bufio.NewWriterSize(w, 1<<20)
	write := func(_ string, _ time.Time, line []byte) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		return out.WriteByte('\n')
	}
	if err := errors.Join(t.History(write), out.Flush()); err != nil {
		return err
	}
	if err := c.labels(t); err != nil {
		return err
	}
	if !c.Live {
		return nil
	}
	err = t.Live(a.ctx, simulate.SystemClock{}, c.Rate, func(cat string, at time.Time, line []byte) error {
		return errors.Join(write(cat, at, line), out.Flush())
	})
	if a.ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *SimulateCmd) labels(t *simulate.Tenant) error {
	if c.Labels == "" {
		return nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, l := range t.Labels() {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.Labels, []byte(b.String()), 0o644); err != nil {
		return fault.New(fault.Invalid, "cannot write the labels: %w", err)
	}
	return nil
}
