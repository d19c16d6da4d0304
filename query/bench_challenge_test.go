package query

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/kql/bind"
	"sextant/kql/kqltest"
	"sextant/kql/plan"
	"sextant/table"
)

// challenge are the published queries that ask the most of an engine, as the reference
// corpus calls them. Some were published as the body of a function: let declares its
// parameters, with the values that their authors give as an example.
var challenge = []struct{ id, let string }{
	{"kq-476ac1985003", "let query_frequency = 14d; let query_period = 14d;"},
	{"kq-8f36f79957a7", "let query_frequency = 1h; let query_period = 14d;"},
	{"kq-dcf8d933d7db", "let query_frequency = 1d;"},
	{"kq-4498b10dded4", ""},
	{"kq-a0da3748b8dd", ""},
	{"kq-bd8a5e7c62f0", "let query_period = 1d; let query_userids = dynamic([]); let check_signinlogs = true;"},
	{"kq-33d2eb25e2b2", ""},
	{"kq-4454fe4c6e29", ""},
	{"kq-9a903e59ef56", ""},
	{"kq-8fe339d67256", ""},
}

// BenchmarkChallenge runs them, each whole, as it was published, and prints of how many
// rows each could read. Watchlists, saved functions and files that they name are there.
//
//	go test ./query -run '^$' -bench Challenge -benchtime 3x
func BenchmarkChallenge(b *testing.B) {
	texts := map[string]string{}
	for _, q := range corpus(b) {
		texts[q.ID] = q.Query
	}
	x := benchTenant(b)
	e := New(Options{Clock: clockAt(kqltest.Now), External: addressRanges, Fallback: func(sql string, err error) { b.Errorf("fell back: %v\n%s", err, sql) }})
	for _, c := range challenge {
		req := Request{Text: c.let + "\n" + texts[c.id], Watchlists: x.watchlists(), Functions: benchFunctions{}}
		if c.id == "kq-a0da3748b8dd" {
			// It runs each five minutes; this is a run that finds something.
			req.Now = x.Unfamiliar + table.TicksPerMinute
		}
		b.Run(c.id, func(b *testing.B) {
			b.Log("reads", x.inputs(b, e, req))
			t := &timed{}
			rows := 0
			for b.Loop() {
				t.run(func() { rows = byKQL(b, e, x.store, req) })
			}
			t.report(b, "")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// inputs says of how many rows the scans of a query are, within the times that it asks
// for.
func (x *benched) inputs(b *testing.B, e *Engine, req Request) string {
	ctx := context.Background()
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	now := e.now(req)
	odd := e.odd.of(ctx, x.store, marksOf(x.store), snap)
	q, ds := e.bindWith(environmentOf(snap, req), req, now, bind.Options{Rows: e.rowsOf(ctx, snap, req, now, odd), External: e.externalOf(ctx)})
	if ds.Err() != nil {
		b.Fatal(ds)
	}
	e.optimize(q, now, odd, snap)
	widest := map[string][2]int64{}
	for _, p := range q.Pipelines {
		plan.Apply(&plan.Rewriting{}, plan.Rule{Do: func(_ *plan.Rewriting, p *plan.Pipeline) *plan.Pipeline {
			if s, ok := p.Source.(*plan.Scan); ok {
				to := s.To
				if to == 0 {
					to = table.MaxDateTime
				}
				if w, ok := widest[s.Def.Name]; ok {
					s.From, to = min(s.From, w[0]), max(to, w[1])
				}
				widest[s.Def.Name] = [2]int64{s.From, to}
			}
			return p
		}}, p)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(widest)) {
		w := widest[name]
		a, err := e.Run(ctx, x.store, Request{Text: fmt.Sprintf("%s | where TimeGenerated >= %s and TimeGenerated < %s | count", name,
			plan.Literal(table.DateTimeValue(w[0])), plan.Literal(table.DateTimeValue(w[1])))})
		if err != nil {
			b.Fatal(err)
		}
		n, err := All(ctx, a.Tables[0].Rows)
		if err != nil {
			b.Fatal(err)
		}
		a.Close()
		out = append(out, fmt.Sprintf("%s %d", name, n.Cols[0].N[0]))
	}
	return strings.Join(out, ", ")
}

// benchFunctions are saved functions that the queries call.
type benchFunctions struct{}

// Function implements Functions.
func (benchFunctions) Function(name string) (Function, bool) {
	return Function{Name: "IsWorkingTime", Params: "at:datetime", Body: "dayofweek(at) between (1d .. 5d) and hourofday(at) between (8 .. 17)"}, name == "IsWorkingTime"
}

// benchLists are watchlists of texts: the first row names the columns.
type benchLists map[string][][]string

// Watchlist implements bind.Watchlists.
func (l benchLists) Watchlist(alias string) (columns table.Schema, rows [][]table.Value, ok bool, err error) {
	items, ok := l[alias]
	if !ok {
		return nil, nil, false, nil
	}
	columns = table.Schema{{Name: "_DTItemId", Type: table.String}, {Name: "LastUpdatedTimeUTC", Type: table.DateTime}, {Name: "SearchKey", Type: table.String}}
	for _, name := range items[0] {
		columns = append(columns, table.Column{Name: name, Type: table.String})
	}
	for i, item := range items[1:] {
		row := []table.Value{table.StringValue(fmt.Sprint(alias, i)), table.DateTimeValue(kqltest.Now), table.StringValue(item[0])}
		for _, v := range item {
			row = append(row, table.StringValue(v))
		}
		rows = append(rows, row)
	}
	return columns, rows, true, nil
}

// Aliases implements bind.Watchlists.
func (l benchLists) Aliases() ([]string, error) { return slices.Sorted(maps.Keys(l)), nil }

// Rows implements bind.Watchlists.
func (l benchLists) Rows(table.Schema) ([][]table.Value, error) { return nil, nil }

// watchlists of the tenant, as the queries expect them.
func (x *benched) watchlists() benchLists {
	l := benchLists{
		"Activity-ExpectedSignificantActivity": {{"Activity", "ActorId", "Auxiliar", "Notes"},
			{"CorporateGeolocation", "", "US", ""}, {"CorporateGeolocation", "", "NO", ""}, {"CommonUserASN", "", "64500", ""}, {"CommonUserASN", "", "64501", ""},
			{"PrivilegedIdentityManagement", "01fc33a7-78ba-4d2f-a4b7-768e336e890e", "", "[App]"}},
		"UUID-EntraIdTenantIds": {{"TenantId", "Domain", "Notes"}, {x.Pick["tenant"], "aldermoor.example", "[HomeTenant]"}, {"11111111-1111-4111-8111-111111111111", "partner.example", ""}},
		"ResultType-SignInLogsErrorCodes": {{"ResultType", "ResultDescription", "Notes"},
			{"0", "Success", "[Success][Complete]"}, {"50140", "Keep me signed in", "[Success][Complete]"}, {"50055", "Expired password", "[Expired]"}, {"50126", "Wrong password", "[Failure]"},
			{"50053", "Locked", "[Failure]"}, {"53003", "Blocked", "[Failure]"}, {"500121", "Strong authentication failed", "[Failure]"}, {"50057", "Disabled", "[Failure]"},
			{"50074", "Strong authentication required", "[Interrupt]"}, {"50076", "Strong authentication required", "[Interrupt]"}, {"50058", "No session", "[Interrupt]"},
			{"50072", "Must enrol", "[Interrupt]"}, {"65001", "No consent", "[Interrupt]"}},
		"RegEx-PrivAzureRBACRoles":  {{"RegEx"}, {"Owner"}, {"User Access Administrator"}, {".*Contributor"}},
		"UUID-AADApps":              {{"AppDisplayName", "AppId", "ObjectId", "Notes"}},
		"UUID-EntraIdApps":          {{"AppDisplayName", "AppId", "ObjectId", "Notes"}},
		"UUID-AADGroups":            {{"ObjectId", "DisplayName"}},
		"UUID-AzureSubscriptions":   {{"SubscriptionId", "SubscriptionName"}},
		"UUID-AzureRBACRoles":       {{"RoleId", "RoleName"}},
		"IP-CorporateCollaborators": {{"IPAddress", "Name"}},
		"IP-Vendors":                {{"IPAddress", "Vendor"}},
	}
	l["UUID-AADTenantIds"] = l["UUID-EntraIdTenantIds"]
	rnd := rand.New(rand.NewPCG(3, 4))
	add := func(alias string, item ...string) { l[alias] = append(l[alias], item) }
	for _, a := range azureApps {
		add("UUID-EntraIdApps", a.name, a.id, guid(rnd), "[PowerShell]")
	}
	for i := range 400 {
		add("UUID-AADApps", fmt.Sprint("App ", i), guid(rnd), guid(rnd), "")
		add("UUID-AADGroups", guid(rnd), fmt.Sprint("Group ", i))
	}
	for i := range 12 {
		add("UUID-AzureSubscriptions", fmt.Sprintf("00000000-0000-4000-8000-%012d", i), fmt.Sprint("Subscription ", i))
	}
	for _, r := range azureRoles {
		add("UUID-AzureRBACRoles", r.id, r.name)
	}
	for i := range 60 {
		add("IP-CorporateCollaborators", fmt.Sprintf("203.0.113.%d/32", i), "Partner")
		add("IP-Vendors", fmt.Sprintf("198.51.%d.0/24", i), []string{"Microsoft", "Proxy", "Other"}[i%3])
		add("IP-Vendors", fmt.Sprintf("2001:db8:%x::/48", i), "Other")
	}
	return l
}

// addressRanges is a file of a cloud's address ranges by service: 2,800 services, in
// all 110,000 ranges of which a quarter are of six words; those of a region's services
// stand in the region's list too.
func addressRanges(_ context.Context, x bind.External) ([][]table.Value, error) {
	if len(x.Columns) != 3 {
		return nil, fmt.Errorf("%v is not what is asked of the file", x.Columns)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	values := make([]any, 2800)
	var known []string
	for i := range values {
		var prefixes []any
		for range 1 + rnd.IntN(78) {
			var p string
			switch {
			case len(known) > 0 && rnd.IntN(4) > 0:
				p = known[rnd.IntN(len(known))]
			case rnd.IntN(4) == 0:
				p = fmt.Sprintf("2603:10%x:%x:%x::/%d", rnd.IntN(64), rnd.IntN(1<<12), rnd.IntN(1<<12), 58+rnd.IntN(60))
			default:
				p = fmt.Sprintf("%d.%d.%d.%d/%d", []int{4, 13, 20, 40, 51, 52, 104}[rnd.IntN(7)], rnd.IntN(256), rnd.IntN(256), rnd.IntN(64)*4, 22+rnd.IntN(11))
			}
			if len(known) < 28_000 {
				known = append(known, p)
			}
			prefixes = append(prefixes, p)
		}
		if i == 0 {
			prefixes = append(prefixes, "198.18.0.0/18") // some of the tenant's own
		}
		values[i] = object("name", fmt.Sprint("Service.", i), "id", fmt.Sprint("Service.", i), "properties",
			object("changeNumber", int64(i), "region", "", "platform", "Azure", "systemService", "", "addressPrefixes", prefixes, "networkFeatures", []any{"API", "NSG"}))
	}
	return [][]table.Value{{table.StringValue("345"), table.StringValue("Public"), table.DynamicValue(values)}}, nil
}

// object of keys and values in turn.
func object(pairs ...any) *table.Object {
	out := &table.Object{}
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i].(string), pairs[i+1])
	}
	return out
}

// timed is how long some runs took, by the clock and by the processor.
type timed struct{ wall, cpu []time.Duration }

func (t *timed) run(f func()) {
	cpu, begin := processorTime(), time.Now()
	f()
	t.wall, t.cpu = append(t.wall, time.Since(begin)), append(t.cpu, processorTime()-cpu)
}

func (t *timed) medians() (wall, cpu time.Duration) {
	slices.Sort(t.wall)
	slices.Sort(t.cpu)
	return t.wall[len(t.wall)/2], t.cpu[len(t.cpu)/2]
}

// report medians, in milliseconds.
func (t *timed) report(b *testing.B, prefix string) {
	wall, cpu := t.medians()
	b.ReportMetric(float64(wall.Microseconds())/1000, prefix+"ms")
	if cpu > 0 {
		b.ReportMetric(float64(cpu.Microseconds())/1000, prefix+"cpu-ms")
	}
}
