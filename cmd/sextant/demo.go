package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
	"sextant/source/simulate"
)

// DemoCmd makes a tenant and serves it.
type DemoCmd struct {
	HTTP  string  `placeholder:"ADDR" help:"Address of the HTTP face; 127.0.0.1:8080 by default, or a free port where that is taken."`
	Users int     `default:"500" help:"People in the tenant."`
	Days  int     `default:"30" help:"Days of history."`
	Seed  uint64  `default:"1" help:"Decides who they are and what they do."`
	Rate  float64 `default:"5" help:"Records a second of the live feed."`
	Once  bool    `help:"Make the tenant, show what can be asked, and end: no server, no live feed."`
}

// Help is shown behind the flags.
func (DemoCmd) Help() string {
	return `Makes a tenant of 500 people with 30 days of logs and nine attacks in them, under ./sextant-demo or --data. That takes
half a minute once; the next start finds it there. Then a server runs, with a live feed, until Ctrl-C.`
}

// demoData is where the demo lives when no folder is given.
const demoData = "sextant-demo"

// demoFile in the data folder says what the demo made there.
const demoFile = "demo.json"

// demoState is what demoFile holds.
type demoState struct {
	Seed  uint64    `json:"seed"`
	Users int       `json:"users"`
	Days  int       `json:"days"`
	Until time.Time `json:"until"`
	Whole bool      `json:"whole"` // the history is in the folder to its end
}

// demoQueries are worth running over any tenant, and find something in this one.
var demoQueries = []struct{ about, kql string }{
	{"How did sign-ins go, day by day?", `SigninLogs | summarize Total = count(), Failed = countif(ResultType != "0") by Day = bin(TimeGenerated, 1d) | sort by Day asc`},
	{"Which addresses tried many accounts, and failed?  (password spray)", `SigninLogs | where ResultType in ("50126", "50053") | summarize Accounts = dcount(UserPrincipalName), Tries = count(), First = min(TimeGenerated), Last = max(TimeGenerated) by IPAddress | top 5 by Accounts`},
	{"Who was in two countries within two hours?  (impossible travel)", `SigninLogs | where ResultType == "0" | extend Country = tostring(LocationDetails.countryOrRegion) | summarize Countries = make_set(Country) by UserPrincipalName, Hours = bin(TimeGenerated, 2h) | where array_length(Countries) > 1 | sort by Hours desc | take 10`},
	{"Who was given a role, by whom, at what hour?  (new administrator at night)", `AuditLogs | where OperationName == "Add member to role" | extend By = coalesce(tostring(InitiatedBy.user.userPrincipalName), tostring(InitiatedBy.app.displayName)), To = tostring(TargetResources[0].userPrincipalName) | project TimeGenerated, By, To, Hour = hourofday(TimeGenerated) | sort by TimeGenerated desc | take 10`},
	{"What did conditional access stop, by policy?", `SigninLogs | mv-expand Policy = ConditionalAccessPolicies | where tostring(Policy.result) == "failure" | summarize Stopped = count() by Name = tostring(Policy.displayName) | sort by Stopped desc`},
}

// Run it until Ctrl-C.
func (c *DemoCmd) Run(a *app) error {
	if a.conf.Data == "" {
		a.conf.Data = demoData
	}
	l, err := a.local(a.conf.Data)
	if err != nil {
		return heldBy(err)
	}
	return errors.Join(c.run(a, l), l.Close())
}

func (c *DemoCmd) run(a *app, l *local) error {
	var listener net.Listener
	if !c.Once {
		var err error
		if listener, err = c.listen(a); err != nil {
			return err
		}
		defer listener.Close() // serving closes it too; twice does no harm
	}
	state, err := c.state(a, l)
	if err != nil {
		return err
	}
	conf := simulate.Config{
		Seed: state.Seed, Users: state.Users, Start: state.Until.AddDate(0, 0, -state.Days), End: state.Until,
		Scenarios: []string{"all"}, Mix: "tenant",
	}
	t, err := simulate.New(conf)
	if err != nil {
		return err
	}
	if !c.Once {
		// A rate that cannot be is told before the history is made.
		ended, end := context.WithCancel(a.ctx)
		end()
		if err := t.Live(ended, simulate.SystemClock{}, c.Rate, nil); !errors.Is(err, context.Canceled) {
			return err
		}
	}
	if !state.Whole {
		if err := c.fill(a, l, t, state); err != nil {
			if a.ctx.Err() != nil {
				fmt.Fprintf(a.err, "interrupted; `%s demo --data %s` goes on from there\n", self(), a.conf.Data)
			}
			return err
		}
	}
	if err := a.settle(l); err != nil {
		return err
	}
	list, err := l.Tenants(a.ctx)
	if err != nil {
		return err
	}
	for _, x := range list {
		fmt.Fprintf(a.out, "Tenant %s in %s\n%s records of %d people in %d days; log %s, tables %s\n",
			x.Tenant, a.conf.Data, grouped(x.Records), state.Users, state.Days, byteText(x.LogBytes), byteText(x.TableBytes))
	}
	if c.Once {
		c.show(a)
		return nil
	}
	return c.serve(a, l, listener, t)
}

// listen at the address that was asked for; where none was and the usual one is
// taken, at a free port.
func (c *DemoCmd) listen(a *app) (net.Listener, error) {
	usual := a.conf.HTTP.Addr
	if c.HTTP != "" {
		a.conf.HTTP.Addr = c.HTTP
	}
	listener, err := a.listen()
	if c.HTTP == "" && errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(usual) // it was valid a moment ago
		a.conf.HTTP.Addr = net.JoinHostPort(host, "0")
		fmt.Fprintf(a.err, "%s is taken; another port is used\n", usual)
		return a.listen()
	}
	return listener, err
}

// state of the folder: what a demo made there before, or what this one will make.
func (c *DemoCmd) state(a *app, l *local) (*demoState, error) {
	path := filepath.Join(a.conf.Data, demoFile)
	var s demoState
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fault.New(fault.Damaged, "%s is not what was written; delete %s to begin anew: %w", path, a.conf.Data, err)
		}
		if s.Seed != c.Seed || s.Users != c.Users || s.Days != c.Days {
			return nil, fault.New(fault.Conflict, "%s holds a demo of %d users and %d days, seed %d; give the same, or another folder with --data", a.conf.Data, s.Users, s.Days, s.Seed)
		}
		return &s, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Unavailable, "cannot read the demo's state: %w", err)
	case len(l.node.Tenants()) > 0:
		return nil, fault.New(fault.Conflict, "%s holds tenants that no demo made; give another folder with --data", a.conf.Data)
	case c.Days < 1 || c.Users < 1:
		return nil, fault.New(fault.Invalid, "a demo has at least one user and one day, not %d and %d", c.Users, c.Days)
	}
	s = demoState{Seed: c.Seed, Users: c.Users, Days: c.Days, Until: a.clock().UTC().Truncate(time.Minute)}
	return &s, s.save(a)
}

func (s *demoState) save(a *app) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(a.conf.Data, demoFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot keep the demo's state: %w", err)
	}
	return nil
}

func (c *DemoCmd) show(a *app) {
	fmt.Fprintf(a.out, "\nFive questions worth asking; copy a line into another terminal:\n")
	for _, q := range demoQueries {
		fmt.Fprintf(a.out, "\n# %s\n%s query --data %s '%s'\n", q.about, self(), a.conf.Data, q.kql)
	}
}

// serve the folder with a live feed until the context ends.
func (c *DemoCmd) serve(a *app, l *local, listener net.Listener, t *simulate.Tenant) error {
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	door := l.Appender()
	fed := make(chan error, 1)
	feed := func() {
		err := t.Live(ctx, simulate.SystemClock{}, c.Rate, func(_ string, _ time.Time, line []byte) error {
			_, err := door.Append(ctx, []source.Incoming{{JSON: line, Form: record.Export, Where: "demo"}})
			return err
		})
		if ctx.Err() != nil {
			err = nil // that is how it ends
		}
		if err != nil {
			fmt.Fprintf(a.err, "sextant: the live feed has ended: %v\n", err)
		}
		fed <- err
	}
	begun := false
	err := a.serve(l, listener, func(addr string) {
		c.show(a)
		fmt.Fprintf(a.out, "\n# What comes in at this moment?\n%s tail --data %s\n", self(), a.conf.Data)
		fmt.Fprintf(a.out, "\n# From a program:\ncurl -sS -H \"Authorization: Bearer $(cat %s)\" -H 'Content-Type: application/json' -d '{\"query\":\"SigninLogs | count\"}' %s/v1/workspaces/default/query\n",
			filepath.Join(a.conf.Data, "admin.token"), addr)
		fmt.Fprintf(a.out, "\nA live feed of about %g records a second is running. Ctrl-C ends it; the data stay.\n", c.Rate)
		begun = true
		go feed()
	})
	stop()
	if begun {
		err = errors.Join(err, <-fed)
	}
	return err
}

// fill the folder with the tenant's history.
func (c *DemoCmd) fill(a *app, l *local, t *simulate.Tenant, state *demoState) error {
	start, end := t.Span()
	p := newProgress(a.err, fmt.Sprintf("making %d days of %d people", state.Days, state.Users), int64(end.Sub(start)/time.Second))
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
		return a.ctx.Err()
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
	if err != nil {
		return err
	}
	state.Whole = true
	return state.save(a)
}

// self is how the person called this program.
func self() string {
	if len(os.Args) > 0 && strings.Contains(os.Args[0], "/") && !strings.Contains(os.Args[0], "/go-build") {
		return os.Args[0]
	}
	return "sextant"
}

// grouped prints a number with its thousands apart: 1,234,567.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
