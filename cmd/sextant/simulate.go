package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
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

// DemoCmd makes a tenant and serves it.
type DemoCmd struct {
	HTTP  string  `placeholder:"ADDR" help:"Address of the HTTP face; 127.0.0.1:8080 by default."`
	Users int     `default:"500" help:"People in the tenant."`
	Days  int     `default:"30" help:"Days of history."`
	Seed  uint64  `default:"1" help:"Decides who they are and what they do."`
	Rate  float64 `default:"5" help:"Records a second of the live feed."`
	Once  bool    `help:"Make the tenant, show what can be asked, and end: no server, no live feed."`
}

// demoData is where the demo lives when no folder is given.
const demoData = "sextant-demo"

// demoQueries are worth running over any tenant, and find something in this one.
var demoQueries = []struct{ about, kql string }{
	{"how sign-ins went, day by day", `SigninLogs | summarize Total = count(), Failed = countif(ResultType != "0") by bin(TimeGenerated, 1d) | sort by TimeGenerated asc`},
	{"addresses that tried many accounts and failed (password spray)", `SigninLogs | where ResultType in ("50126", "50053") | summarize Accounts = dcount(UserPrincipalName), Tries = count() by IPAddress | where Accounts > 10 | top 5 by Accounts`},
	{"people who were in two countries within two hours", `SigninLogs | where ResultType == "0" | extend Country = tostring(LocationDetails.countryOrRegion) | summarize Countries = make_set(Country), Cities = make_set(tostring(LocationDetails.city)) by UserPrincipalName, bin(TimeGenerated, 2h) | where array_length(Countries) > 1 | take 10`},
	{"roles given, by whom, at what hour", `AuditLogs | where OperationName == "Add member to role" | extend By = tostring(InitiatedBy.user.userPrincipalName), To = tostring(TargetResources[0].userPrincipalName) | project TimeGenerated, By, To, Hour = hourofday(TimeGenerated) | sort by TimeGenerated desc | take 10`},
	{"what conditional access stopped, by policy", `SigninLogs | mv-expand Policy = ConditionalAccessPolicies | where tostring(Policy.result) == "failure" | summarize count() by tostring(Policy.displayName) | sort by count_ desc`},
}

// Run it until Ctrl-C.
func (c *DemoCmd) Run(a *app) error {
	if a.conf.Data == "" {
		a.conf.Data = demoData
	}
	if c.HTTP != "" {
		a.conf.HTTP.Addr = c.HTTP
	}
	l, err := a.local(a.conf.Data)
	if err != nil {
		return err
	}
	return errors.Join(c.run(a, l), l.Close())
}

func (c *DemoCmd) run(a *app, l *local) error {
	// The history is cut at a whole day, so that a second start on the same day
	// finds all of it there.
	flags := tenantFlags{Seed: c.Seed, Users: c.Users, Days: c.Days, Scenarios: []string{"all"}, Mix: "tenant", Until: a.clock().UTC().Format("2006-01-02")}
	conf, err := flags.config(a.clock(), "")
	if err != nil {
		return err
	}
	t, err := simulate.New(conf)
	if err != nil {
		return err
	}
	if n := len(l.node.Tenants()); n == 0 {
		if err := c.fill(a, l, t); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.err, "%s has a tenant already; delete the folder to begin anew\n", a.conf.Data)
	}
	if err := l.Settle(a.ctx); err != nil {
		return err
	}
	list, err := l.Tenants(a.ctx)
	if err != nil {
		return err
	}
	for _, x := range list {
		fmt.Fprintf(a.out, "\ntenant %s, workspace %s: %d records, log %s, tables %s\n", x.Tenant, x.Workspace, x.Records, byteText(x.LogBytes), byteText(x.TableBytes))
	}
	show := func(addr string) {
		fmt.Fprintln(a.out, "\nFive questions worth asking; each line can be copied:")
		for _, q := range demoQueries {
			fmt.Fprintf(a.out, "\n  # %s\n  %s query --data %s '%s'\n", q.about, self(), a.conf.Data, q.kql)
		}
		if addr != "" {
			fmt.Fprintf(a.out, "\nThe server answers at %s (token in %s).\n  %s tail --data %s\nshows records as they come. Ctrl-C ends it; the data stay.\n",
				addr, filepath.Join(a.conf.Data, "admin.token"), self(), a.conf.Data)
		}
	}
	if c.Once {
		show("")
		return nil
	}
	feed := make(chan error, 1)
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	door := l.Appender()
	err = a.serve(l, func(addr, _ string) {
		show(addr)
		go func() {
			feed <- t.Live(ctx, simulate.SystemClock{}, c.Rate, func(_ string, _ time.Time, line []byte) error {
				_, err := door.Append(ctx, []source.Incoming{{JSON: line, Form: record.Export, Where: "demo"}})
				return err
			})
		}()
	})
	stop()
	select {
	case e := <-feed:
		if e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	case <-time.After(5 * time.Second):
	}
	return err
}

// fill the folder with the tenant's history.
func (c *DemoCmd) fill(a *app, l *local, t *simulate.Tenant) error {
	start, end := t.Span()
	p := newProgress(a.err, "making 30 days of a tenant", int64(end.Sub(start)/time.Second))
	if c.Days != 30 {
		p.what = fmt.Sprintf("making %d days of a tenant", c.Days)
	}
	defer p.done()
	door := l.Appender()
	const chunk = 2000
	var arena []byte
	var ends []int
	n := int64(0)
	flush := func(at time.Time) error {
		recs := make([]source.Incoming, len(ends))
		from := 0
		for i, to := range ends {
			recs[i] = source.Incoming{JSON: arena[from:to], Form: record.Export, Where: "demo"}
			from = to
		}
		if _, err := door.Append(a.ctx, recs); err != nil {
			return err
		}
		n += int64(len(ends))
		arena, ends = arena[:0], ends[:0]
		p.at(int64(at.Sub(start)/time.Second), n)
		return nil
	}
	err := t.History(func(_ string, at time.Time, line []byte) error {
		arena = append(arena, line...)
		ends = append(ends, len(arena))
		if len(ends) == chunk {
			return flush(at)
		}
		return nil
	})
	if err == nil {
		err = flush(end)
	}
	return err
}

// self is how the person called this program.
func self() string {
	if len(os.Args) > 0 && strings.Contains(os.Args[0], "/") && !strings.HasPrefix(os.Args[0], "/tmp/") {
		return os.Args[0]
	}
	return "sextant"
}
