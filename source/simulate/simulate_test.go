package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/fault"
)

var update = flag.Bool("update", false, "accept the golden records")

func on(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func testTenant(t testing.TB, c Config) *Tenant {
	t.Helper()
	tenant, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

type record struct {
	category string
	at       time.Time
	line     []byte // valid until the next
}

var errStop = errors.New("stop")

// records is the history of a tenant.
func records(t testing.TB, tenant *Tenant) iter.Seq[record] {
	return func(yield func(record) bool) {
		err := tenant.History(func(category string, at time.Time, line []byte) error {
			if !yield(record{category, at, line}) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			t.Fatal(err)
		}
	}
}

func hashOf(t testing.TB, tenant *Tenant, limit int) (string, int) {
	h, n := sha256.New(), 0
	for r := range records(t, tenant) {
		h.Write(r.line)
		h.Write([]byte{'\n'})
		if n++; n == limit {
			break
		}
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

// The window is how much is planned at a time; it must not show.
func TestWindowDoesNotChangeBytes(t *testing.T) {
	c := Config{Seed: 11, Users: 60, Start: on(2025, 10, 24), End: on(2025, 10, 28), Scenarios: []string{"all"}}
	c.Window = time.Hour
	want, n := hashOf(t, testTenant(t, c), 0)
	if n < 3000 {
		t.Fatalf("%d records in four days of 60 people", n)
	}
	for _, w := range []time.Duration{3 * time.Minute, 47 * time.Minute, 5*time.Hour + time.Second, maxWindow} {
		c.Window = w
		if got, m := hashOf(t, testTenant(t, c), 0); got != want {
			t.Errorf("with a window of %s: %d records, %s; with an hour %d records, %s", w, m, got, n, want)
		}
	}
	c.Seed++
	if got, _ := hashOf(t, testTenant(t, c), 0); got == want {
		t.Error("another seed gives the same bytes")
	}
}

// A tenant does not change while it is used.
func TestConcurrentHistories(t *testing.T) {
	tenant := testTenant(t, Config{Seed: 11, Users: 30, Start: on(2025, 10, 24), End: on(2025, 10, 27), Scenarios: []string{"all"}})
	var wg sync.WaitGroup
	var hashes [3]string
	for i := range hashes {
		wg.Go(func() { hashes[i], _ = hashOf(t, tenant, 0) })
	}
	wg.Wait()
	if hashes[0] != hashes[1] || hashes[1] != hashes[2] {
		t.Errorf("histories of one tenant differ: %v", hashes)
	}
}

// A history in two parts is the history in one.
func TestHistoryInParts(t *testing.T) {
	c := Config{Seed: 5, Users: 60, Start: on(2025, 3, 27), End: on(2025, 4, 2)}
	h := sha256.New()
	for r := range records(t, testTenant(t, c)) {
		h.Write(append(r.line, '\n'))
	}
	want := h.Sum(nil)
	h.Reset()
	cut := c.Start.Add(61*time.Hour + 17*time.Minute)
	for _, part := range [][2]time.Time{{c.Start, cut}, {cut, c.End}} {
		p := c
		p.Start, p.End = part[0], part[1]
		for r := range records(t, testTenant(t, p)) {
			h.Write(append(r.line, '\n'))
		}
	}
	if !bytes.Equal(h.Sum(nil), want) {
		t.Error("two parts are not the whole")
	}
}

// The first records of a small tenant, to be read by people and compared across
// machines.
func TestGolden(t *testing.T) {
	c := Config{Seed: 1, Users: 40, Start: on(2025, 4, 8).Add(9 * time.Hour), End: on(2025, 4, 8).Add(11 * time.Hour), MaxRecords: 40}
	var got bytes.Buffer
	if _, err := testTenant(t, c).WriteNDJSON(&got); err != nil {
		t.Fatal(err)
	}
	const name = "testdata/golden.ndjson"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		a, b := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("record %d changed; -update accepts it:\n got %s\nwant %s", i+1, a[i], b[i])
			}
		}
		t.Fatalf("%d records, not %d; -update accepts it", len(a), len(b))
	}
}

// The mix is the documented one, and so is the density.
func TestMix(t *testing.T) {
	for _, mix := range []string{"tenant", "samples"} {
		c := Config{Seed: 2, Users: 200, Start: on(2025, 5, 5), End: on(2025, 6, 2), Mix: mix, Duplicates: -1}
		tenant := testTenant(t, c)
		count, total := map[string]int{}, 0
		for r := range records(t, tenant) {
			count[r.category]++
			total++
		}
		if want := 20. * 200 * 28; math.Abs(float64(total)/want-1) > 0.08 {
			t.Errorf("%s: %d records, not about %g", mix, total, want)
		}
		shares, err := MixOf(mix)
		if err == nil && len(count) < len(shares) {
			t.Errorf("%s: %d categories, not %d", mix, len(count), len(shares))
		}
		if err != nil {
			t.Fatal(err)
		}
		for c, share := range shares {
			got := float64(count[c]) / float64(total) * 10000
			if share >= 50 && math.Abs(got/float64(share)-1) > 0.15 {
				t.Errorf("%s: %s is %.0f of 10,000 records, not %d", mix, c, got, share)
			}
		}
		for c, n := range count {
			if shares[c] == 0 && n > 0 {
				t.Errorf("%s: %d records of %s, which is not in the mix", mix, n, c)
			}
		}
	}
}

// properties are those that the tests look at.
type properties struct {
	ID                    string
	CreatedDateTime       string
	UserID                string
	UserPrincipalName     string
	SessionID             string
	CorrelationID         string
	UniqueTokenIdentifier string
	RequestID             string
	SignInActivityID      string
	IPAddress             string
	Sid                   string `json:"C_Sid"`
}

func propertiesOf(t testing.TB, line []byte) properties {
	t.Helper()
	var r struct{ Properties properties }
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r.Properties
}

// Ids are unique, but for sign-ins that are exported twice.
func TestIDs(t *testing.T) {
	c := Config{Seed: 4, Users: 100, Start: on(2025, 9, 1), End: on(2025, 9, 8), Duplicates: 20, Scenarios: []string{"all"}}
	seen, twice, signIns := map[string][]byte{}, 0, 0
	for r := range records(t, testTenant(t, c)) {
		p := propertiesOf(t, r.line)
		id := p.ID
		switch r.category {
		case "MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs", "B2CRequestLogs":
			id = p.RequestID
		case "RiskyUsers", "RiskyServicePrincipals", "RiskyAgents", "NetworkAccessTrafficLogs", "NetworkAccessConnectionEvents", "NetworkAccessGenerativeAIInsights":
			continue // known by more than an id
		case "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs":
			signIns++
		}
		if id == "" {
			t.Fatalf("no id: %s", r.line)
		}
		key := r.category + " " + id
		_, rest, _ := bytes.Cut(r.line, []byte("resourceId")) // all but the envelope's time
		if before, ok := seen[key]; ok {
			if twice++; !bytes.Equal(before, rest) {
				t.Fatalf("two records with the id %s:\n%s\n%s", id, before, rest)
			}
		}
		seen[key] = bytes.Clone(rest)
	}
	if rate := float64(twice) / float64(signIns) * 1000; rate < 12 || rate > 28 {
		t.Errorf("%.1f of 1,000 sign-ins came twice, not about 20", rate)
	}
}

// Sessions hold together: tokens without the user belong to a sign-in's session,
// and requests to Graph name the sign-in that their token came from.
func TestSessions(t *testing.T) {
	c := Config{Seed: 6, Users: 80, Start: on(2025, 9, 1), End: on(2025, 9, 6)}
	sessions, tokens := map[string]bool{}, map[string]string{}
	var follow, calls []properties
	late := 0
	for r := range records(t, testTenant(t, c)) {
		p := propertiesOf(t, r.line)
		switch r.category {
		case "SignInLogs":
			sessions[p.SessionID] = true
			tokens[p.UniqueTokenIdentifier] = p.IPAddress
			created, err := time.Parse(time.RFC3339, p.CreatedDateTime)
			if err != nil {
				t.Fatal(err)
			}
			if d := r.at.Sub(created); d < 20*time.Second {
				t.Errorf("exported %s after it was created", d)
			} else if d > 5*time.Minute {
				late++
			}
		case "NonInteractiveUserSignInLogs":
			follow = append(follow, p)
			tokens[p.UniqueTokenIdentifier] = p.IPAddress
		case "ServicePrincipalSignInLogs":
			tokens[p.UniqueTokenIdentifier] = p.IPAddress
		case "MicrosoftGraphActivityLogs":
			calls = append(calls, p)
		}
	}
	orphans := func(n int, in []properties, ok func(properties) bool) int {
		for _, p := range in {
			if !ok(p) {
				n++
			}
		}
		return n
	}
	// At the edges of the history a part of a session is cut off.
	if n := orphans(0, follow, func(p properties) bool { return sessions[p.SessionID] }); n*100 > len(follow)*5 {
		t.Errorf("%d of %d non-interactive sign-ins belong to no session", n, len(follow))
	}
	if n := orphans(0, calls, func(p properties) bool { return tokens[p.SignInActivityID] != "" }); n*100 > len(calls)*5 {
		t.Errorf("%d of %d Graph requests have no sign-in", n, len(calls))
	}
	for _, p := range calls {
		if from := tokens[p.SignInActivityID]; from != "" && from != p.IPAddress {
			t.Fatalf("a request from %s with a token fetched from %s", p.IPAddress, from)
		}
	}
	if n := orphans(0, calls, func(p properties) bool { return p.Sid == "" || sessions[p.Sid] }); n*100 > len(calls)*5 {
		t.Errorf("%d of %d Graph requests are of no session", n, len(calls))
	}
	if late == 0 {
		t.Error("no sign-in was exported late")
	}
}

// People keep hours: working days have most of the sign-ins, in daylight.
func TestHabits(t *testing.T) {
	c := Config{Seed: 8, Users: 300, Start: on(2025, 9, 1), End: on(2025, 9, 29), Categories: []string{"signinlogs"}}
	working, weekend, day, night := 0, 0, 0, 0
	tenant := testTenant(t, c)
	home := map[string]uint8{}
	for _, p := range tenant.people {
		home[p.upn] = p.home
	}
	for r := range records(t, tenant) {
		if r.category != "SignInLogs" {
			t.Fatalf("%s was not asked for", r.category)
		}
		p := propertiesOf(t, r.line)
		at := r.at.Add(time.Duration(places[home[p.UserPrincipalName]].offsetAt(floorDiv(ticksOf(r.at), 24*hour))) * time.Minute)
		if w := at.Weekday(); w == time.Saturday || w == time.Sunday {
			weekend++
		} else {
			working++
		}
		if h := at.Hour(); h >= 6 && h < 20 {
			day++
		} else {
			night++
		}
	}
	if perWeekday, perWeekendDay := working/20, weekend/8; perWeekday < 5*perWeekendDay || weekend == 0 {
		t.Errorf("%d sign-ins a working day, %d a day of the weekend", perWeekday, perWeekendDay)
	}
	if day < 8*night || night == 0 {
		t.Errorf("%d sign-ins by day, %d by night", day, night)
	}
}

func TestConfigRefused(t *testing.T) {
	ok := Config{Start: on(2025, 1, 1), End: on(2025, 1, 8)}
	f := func(change func(*Config), want string) {
		t.Helper()
		c := ok
		change(&c)
		_, err := New(c)
		if err == nil {
			t.Errorf("accepted; it should say %q", want)
			return
		}
		if !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v; it should say %q", fault.KindOf(err), err, want)
		}
	}
	f(func(c *Config) { c.Users = 3 }, "give 10 to 1000000")
	f(func(c *Config) { c.End = c.Start }, "the start must come first")
	f(func(c *Config) { c.End = time.Time{} }, "the start must come first")
	f(func(c *Config) { c.End = on(2300, 1, 1) }, "years from 1971 to 2200")
	f(func(c *Config) { c.TenantID = "contoso" }, "is no GUID")
	f(func(c *Config) { c.Domain = "a b.example" }, "is no domain")
	f(func(c *Config) { c.Domain = `x".example` }, "is no domain")
	f(func(c *Config) { c.Mix = "mean" }, `there are "tenant" and "samples"`)
	f(func(c *Config) { c.Scenarios = []string{"ransom"} }, "password-spray")
	f(func(c *Config) { c.Scenarios, c.End = []string{"all"}, c.Start.Add(time.Hour) }, "give at least 48h")
	f(func(c *Config) { c.Scenarios, c.Start, c.End = []string{"all"}, time.Time{}, time.Time{} }, "scenarios need a history")
	f(func(c *Config) { c.Categories = []string{"SigninLogz"} }, "NonInteractiveUserSignInLogs")
	f(func(c *Config) { c.RecordsPerUserDay = math.NaN() }, "give 0.5 to 2000")
	f(func(c *Config) { c.RecordsPerUserDay = -1 }, "give 0.5 to 2000")
	f(func(c *Config) { c.MaxRecords = -1 }, "0 for no limit")
	f(func(c *Config) { c.Duplicates = 1001 }, "give 0 to 1000")
	f(func(c *Config) { c.Window = 48 * time.Hour }, "give a second to 12h")
}

func TestMaxRecordsAndStop(t *testing.T) {
	c := Config{Users: 20, Start: on(2025, 1, 1), End: on(2025, 2, 1), MaxRecords: 17}
	if _, n := hashOf(t, testTenant(t, c), 0); n != 17 {
		t.Errorf("%d records, not 17", n)
	}
	c.MaxRecords = 0
	broken := errors.New("disk full")
	n := 0
	err := testTenant(t, c).History(func(string, time.Time, []byte) error {
		if n++; n == 5 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || n != 5 {
		t.Errorf("after %d records: %v", n, err)
	}
}

// Scenarios leave the traces that testdata/traces.txt lists, in the records that
// their labels name.
func TestScenarios(t *testing.T) {
	c := Config{Seed: 9, Users: 150, Start: on(2025, 4, 1), End: on(2025, 5, 30), Scenarios: []string{"all"}, RecordsPerUserDay: 3}
	tenant := testTenant(t, c)
	labels := tenant.Labels()
	labelled := map[string][]int{} // category and id → labels
	for i, l := range labels {
		for _, id := range l.IDs {
			labelled[l.Category+" "+id] = append(labelled[l.Category+" "+id], i)
		}
	}
	found := make([]map[string]bool, len(labels))
	text := make([]strings.Builder, len(labels))
	for r := range records(t, tenant) {
		p := propertiesOf(t, r.line)
		id := p.ID
		if r.category == "MicrosoftGraphActivityLogs" {
			id = p.RequestID
		}
		for _, i := range labelled[r.category+" "+id] {
			l := labels[i]
			if r.at.Before(l.Start) || r.at.After(l.End) {
				continue // an id of a user, who is at risk at other times too
			}
			if found[i] == nil {
				found[i] = map[string]bool{}
			}
			found[i][id] = true
			text[i].Write(r.line)
			text[i].WriteByte('\n')
		}
	}
	for i, l := range labels {
		unique := map[string]bool{}
		for _, id := range l.IDs {
			unique[id] = true
		}
		if len(found[i]) != len(unique) {
			t.Errorf("%s run %d: %d of %d %s records are in the history", l.Scenario, l.Run, len(found[i]), len(unique), l.Category)
		}
		if l.User == "" || l.UserID == "" || l.Description == "" || len(l.Techniques) == 0 || l.End.Before(l.Start) {
			t.Errorf("incomplete label: %+v", l)
		}
	}

	file, err := os.ReadFile("testdata/traces.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for n, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.SplitN(line, " | ", 4)
		if len(part) != 4 {
			t.Fatalf("testdata/traces.txt:%d: want scenario | category | at least | text", n+1)
		}
		least, err := strconv.Atoi(part[2])
		if err != nil {
			t.Fatalf("testdata/traces.txt:%d: %v", n+1, err)
		}
		runs := 0
		for i, l := range labels {
			if l.Scenario != part[0] || l.Category != part[1] {
				continue
			}
			runs++
			checked[l.Scenario] = true
			if got := strings.Count(text[i].String(), part[3]); got < least {
				t.Errorf("testdata/traces.txt:%d: run %d of %s has %q %d times in %s, not %d", n+1, l.Run, l.Scenario, part[3], got, l.Category, least)
			}
		}
		if runs != 2 {
			t.Errorf("testdata/traces.txt:%d: %d runs of %s left %s in 59 days, not 2", n+1, runs, part[0], part[1])
		}
	}
	for _, s := range Scenarios() {
		if !checked[s.Name] {
			t.Errorf("testdata/traces.txt says nothing of %s", s.Name)
		}
	}
}

// Without scenarios the tenant is quiet: nothing comes from an attacker.
func TestQuiet(t *testing.T) {
	c := Config{Seed: 9, Users: 150, Start: on(2025, 4, 1), End: on(2025, 4, 15)}
	for r := range records(t, testTenant(t, c)) {
		for _, s := range []string{`"198.51.100.`, `"2001:db8:bad:`, "Invoice Viewer"} {
			if bytes.Contains(r.line, []byte(s)) {
				t.Fatalf("%s in %s", s, r.line)
			}
		}
	}
}

func TestText(t *testing.T) {
	for _, at := range []time.Time{on(1970, 1, 1), on(2024, 2, 29).Add(13*time.Hour + 5*time.Second), on(2025, 12, 31).Add(24*time.Hour - 100), on(1999, 3, 1).Add(12*time.Hour + 1230*time.Millisecond), on(2100, 2, 28).Add(time.Microsecond)} {
		ticks := ticksOf(at)
		f := func(got []byte, want string) {
			t.Helper()
			if string(got) != want {
				t.Errorf("%s, not %s", got, want)
			}
		}
		f(appendZ(nil, ticks), at.Format("2006-01-02T15:04:05.0000000Z"))
		f(appendOffset(nil, ticks), at.Format("2006-01-02T15:04:05.9999999")+"+00:00")
		f(appendUS(nil, ticks), at.Format("1/2/2006 3:04:05 PM"))
		f(appendRiskStamp(nil, ticks), at.Format("2006-01-02T")+fmt.Sprint(at.Hour())+at.Format(":04:05.000Z"))
		if !timeOf(ticks).Equal(at) {
			t.Errorf("%s became %s", at, timeOf(ticks))
		}
	}
	// An identifier of a request and its token, as a published record has them.
	if got := string(appendToken(nil, parseGUID("94cb51df-08a4-4a74-b42b-1210a7a12a00"))); got != "31HLlKQIdEq0KxIQp6EqAA" {
		t.Errorf("token %s", got)
	}
	for f, want := range map[float32]string{0: "0.0", 47: "47.0", 40.643959045410156: "40.643959045410156", -74.33809661865234: "-74.338096618652344"} {
		if got := string(appendCoordinate(nil, f)); got != want {
			t.Errorf("coordinate %s, not %s", got, want)
		}
	}
}

func TestSummerTime(t *testing.T) {
	f := func(city string, y int, m time.Month, d, want int) {
		t.Helper()
		if got := places[placeNamed(city)].offsetAt(on(y, m, d).Unix() / 86400); got != want {
			t.Errorf("%s on %d-%d-%d: %d minutes, not %d", city, y, m, d, got, want)
		}
	}
	f("Munich", 2025, 3, 29, 60)
	f("Munich", 2025, 3, 30, 120)
	f("Munich", 2025, 10, 25, 120)
	f("Munich", 2025, 10, 26, 60)
	f("Seattle", 2025, 3, 8, -480)
	f("Seattle", 2025, 3, 9, -420)
	f("Seattle", 2025, 11, 1, -420)
	f("Seattle", 2025, 11, 2, -480)
	f("Sydney", 2025, 4, 5, 660)
	f("Sydney", 2025, 4, 6, 600)
	f("Sydney", 2025, 10, 5, 660)
	f("Bengaluru", 2025, 7, 1, 330)
}

func FuzzQuoted(f *testing.F) {
	f.Add("Update application – Certificates and secrets management ")
	f.Add("a\"b\\c\n\x00\xff\u2028")
	f.Add("\xff\xe2\x80")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		b := appendQuoted(nil, s)
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if want := string([]rune(s)); back != want { // a byte that is no UTF-8 becomes U+FFFD
			t.Fatalf("%q became %q", s, back)
		}
	})
}
