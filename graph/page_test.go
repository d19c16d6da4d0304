package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/access"
	"sextant/record"
)

// signInLine is a sign-in of a user at a moment, which its export bears later.
func signInLine(id, user string, at time.Time, late time.Duration) string {
	return fmt.Sprintf(`{"time":%q,"category":"SignInLogs","tenantId":%q,"resultType":"0","correlationId":"c-%s","properties":{"id":%q,"createdDateTime":%q,"userPrincipalName":%q,"status":{"errorCode":0}}}`,
		at.Add(late).Format(time.RFC3339Nano), testTenant, id, id, at.Format(time.RFC3339Nano), user)
}

type pageOf struct {
	Next  string `json:"@odata.nextLink"`
	Count *int64 `json:"@odata.count"`
	Value []struct {
		ID      string `json:"id"`
		Created string `json:"createdDateTime"`
		User    string `json:"userPrincipalName"`
	} `json:"value"`
}

func (w *world) page(path string) (p pageOf) {
	w.t.Helper()
	w.pageInto(path, &p)
	p.Next = strings.TrimPrefix(p.Next, "https://logs.example.org")
	return p
}

// pageInto reads a page into a value with its members.
func (w *world) pageInto(path string, into any) {
	w.t.Helper()
	a := w.ask("GET", strings.TrimPrefix(path, "https://logs.example.org"), "", nil)
	if err := json.Unmarshal(a.Body.Bytes(), into); err != nil || a.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %v\n%s", path, a.Code, err, a.Body)
	}
}

// all ids of a sequence of pages; between is called between two pages.
func (w *world) all(path string, between func()) (ids []string) {
	w.t.Helper()
	for path != "" {
		p := w.page(path)
		for _, v := range p.Value {
			ids = append(ids, v.ID)
		}
		if path = p.Next; path != "" && between != nil {
			between()
		}
	}
	return ids
}

func TestPagesHoldEachRowOnceWhileMoreArrive(t *testing.T) {
	for _, order := range []string{"createdDateTime desc", "createdDateTime asc", "userPrincipalName,createdDateTime desc", "status/errorCode desc"} {
		t.Run(order, func(t *testing.T) {
			w := newWorld(t, "duckdb")
			r := rand.New(rand.NewPCG(1, 2))
			n := 0
			var want []string
			add := func(k int) (ids []string) {
				var lines []string
				for range k {
					id := fmt.Sprintf("s%05d", n)
					n++
					ids = append(ids, id)
					at := w.now.Add(-time.Duration(r.IntN(1000)) * time.Minute).Truncate(time.Hour) // many ties
					lines = append(lines, signInLine(id, fmt.Sprintf("u%d@example.org", r.IntN(5)), at, time.Duration(r.IntN(5000))*time.Second))
				}
				w.load(record.Export, lines...)
				return ids
			}
			want = add(300)
			w.now = w.now.Add(time.Second)
			pages := 0
			got := w.all("/v1.0/auditLogs/signIns?$top=7&$select=id&$orderby="+url.QueryEscape(order), func() {
				w.now = w.now.Add(time.Second)
				add(2)
				if pages++; pages%5 == 0 {
					w.open(false) // nothing is remembered but the key
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%d ids, of which %d are different, where there were %d", len(got), len(slices.Compact(got)), len(want))
			}
		})
	}
}

func TestManyReadersAtOnce(t *testing.T) {
	w := newWorld(t, "duckdb")
	var lines []string
	for i := range 500 {
		lines = append(lines, signInLine(fmt.Sprintf("s%05d", i), "ann@example.org", w.now.Add(-time.Duration(i)*time.Second), time.Minute))
	}
	w.load(record.Export, lines...)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			seen := map[string]int{}
			path := "/v1.0/auditLogs/signIns?$top=20&$select=id"
			for path != "" {
				p := w.page(path)
				for _, v := range p.Value {
					seen[v.ID]++
				}
				path = p.Next
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("%s came %d times", id, n)
				}
			}
			if len(seen) != 500 {
				t.Errorf("%d ids", len(seen))
			}
		})
	}
	wg.Wait()
}

// A record that was said anew while pages are read keeps its place in the sequence.
func TestAnAmendedRecordIsNotLost(t *testing.T) {
	w := newWorld(t, "duckdb")
	var lines []string
	for i := range 10 {
		lines = append(lines, signInLine(fmt.Sprintf("s%d", i), "ann@example.org", w.now.Add(-time.Duration(i)*time.Minute), 0))
	}
	w.load(record.Export, lines...)
	w.now = w.now.Add(time.Second)
	first := w.page("/v1.0/auditLogs/signIns?$top=3&$select=id")
	w.now = w.now.Add(time.Second)
	w.supersede(t, 2, 2) // s8, which is the third of the third event
	form, err := record.Amended(1)
	if err != nil {
		t.Fatal(err)
	}
	w.load(form, lines[8])
	w.open(false)
	rest := w.all(first.Next, nil)
	if got := strings.Join(rest, " "); got != "s3 s4 s5 s6 s7 s8 s9" {
		t.Errorf("behind the first page: %s", got)
	}
}

func TestWindowsGiveTheSameRows(t *testing.T) {
	w := newWorld(t, "duckdb")
	r := rand.New(rand.NewPCG(3, 4))
	var lines []string
	for i := range 2600 { // enough for an index of rows
		at := w.now.Add(-time.Duration(r.IntN(30*24*60)) * time.Minute)
		late := time.Duration(r.IntN(300)) * time.Minute
		if i%50 == 0 {
			late = -time.Duration(r.IntN(20*24)) * time.Hour // said to be exported before it happened
		}
		lines = append(lines, signInLine(fmt.Sprintf("s%04d", i), fmt.Sprintf("u%d@example.org", i%37), at, late))
	}
	w.load(record.Export, lines...)
	if err := errors.Join(w.st.Flush(t.Context()), w.st.Maintain(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"?$top=90", "?$top=50&$filter=userPrincipalName eq 'u3@example.org'", "?$top=13&$filter=userPrincipalName in ('u3@example.org','u4@example.org') and status/errorCode eq 0",
		"?$top=20&$filter=userPrincipalName eq 'u3@example.org' and createdDateTime lt 2026-01-20", "?$top=20&$filter=userPrincipalName eq 'nobody@example.org'", "?$top=1000", "?$top=30&$skip=20&$filter=startswith(userPrincipalName,'u')",
		"?$top=99&$filter=createdDateTime ge 2026-01-10 and createdDateTime lt 2026-01-20", "?$top=99&$filter=createdDateTime le 2026-01-05 and status/errorCode eq 0", "?$top=99&$filter=createdDateTime gt 2026-01-28"} {
		path = "/v1.0/auditLogs/signIns" + path + "&$select=id"
		w.face.windowWorth = 1 << 60
		want := w.all(path, nil)
		for _, rows := range []int64{1, 20, 200} {
			w.face.windowWorth, w.face.windowRows = 1, rows
			w.face.ahead = newAhead()
			if got := w.all(path, nil); !slices.Equal(got, want) {
				t.Errorf("%s, windows of %d: %d rows, not the %d in their order", path, rows, len(got), len(want))
			}
		}
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t, "memory")
	var lines []string
	for i := range 5 {
		lines = append(lines, signInLine(fmt.Sprintf("s%d", i), "ann@example.org", w.now.Add(-time.Duration(i)*time.Minute), 0))
	}
	w.load(record.Export, lines...)
	next := w.page("/v1.0/auditLogs/signIns?$top=2&$select=id").Next
	u, err := url.Parse(next)
	if err != nil {
		t.Fatal(err)
	}
	token := u.Query().Get("$skiptoken")
	refused := func(what, path string) {
		t.Helper()
		a := w.ask("GET", path, "", nil)
		if a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), "Directory_ExpiredPageToken") {
			t.Errorf("%s: %d %s", what, a.Code, a.Body)
		}
	}
	for i := range len(token) {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		refused("a letter changed", strings.Replace(next, token, token[:i]+string(c)+token[i+1:], 1))
	}
	refused("cut", strings.Replace(next, token, token[:len(token)-3], 1))
	refused("of another filter", next+"&$filter="+url.QueryEscape("status/errorCode eq 0"))
	refused("of another version", strings.Replace(next, "/v1.0/", "/beta/", 1))
	refused("of another resource", strings.Replace(next, "signIns", "directoryAudits", 1))
	w.open(false)
	if got := w.all(next, nil); len(got) != 3 {
		t.Errorf("after a restart: %v", got)
	}
	w.tenant.ID = "22222222-2222-3333-4444-555555555555"
	w.who = &access.Principal{Kind: access.Key, Root: true}
	refused("of another tenant", next)
	w.tenant.ID = testTenant
	w.now = w.now.Add(tokenLife + time.Minute)
	refused("a month later", next)
}
