package graph

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"sextant/record"
	"sextant/store"
)

// While a sequence of pages is read, records come in late and others are said anew,
// and the process restarts. Each record of the beginning comes once, none that came
// later does unless it was said anew, and one that was said anew comes whole, as it was at some moment since
// then: rows are read some pages ahead.
func TestPagesWhileLateAndAmendedRecordsArrive(t *testing.T) {
	for seed := range uint64(2) {
		for _, order := range []string{"createdDateTime desc", "createdDateTime", "userDisplayName desc"} {
			t.Run(fmt.Sprintf("%d %s", seed, order), func(t *testing.T) { late(t, rand.New(rand.NewPCG(seed, 7)), order) })
		}
	}
}

// saidRecord is where a record stands: its event, and how often it was said.
type saidRecord struct {
	place store.Place
	times int
	at    time.Time
}

func late(t *testing.T, r *rand.Rand, order string) {
	w := newWorld(t, "duckdb")
	records := map[string]*saidRecord{}
	// One record to an event, so that its place is known.
	put := func(id string, s *saidRecord) {
		line := fmt.Sprintf(`{"time":%q,"category":"SignInLogs","tenantId":%q,"properties":{"id":%q,"createdDateTime":%q,"userDisplayName":"same","riskDetail":"none","clientAppUsed":"said %d","appDisplayName":"said %d"}}`,
			s.at.Format(time.RFC3339), testTenant, id, s.at.Format(time.RFC3339), s.times, s.times)
		form := record.Export
		if s.times > 0 {
			var err error
			if form, err = record.Amended(s.times); err != nil {
				t.Fatal(err)
			}
			w.supersede(t, s.place.Offset, s.place.Index)
		}
		s.place = store.Place{Offset: w.next}
		w.load(form, line)
		s.times++
	}
	n := 0
	arrive := func() {
		s := &saidRecord{at: w.now.Add(-time.Duration(r.IntN(100)) * time.Hour).Truncate(time.Hour)}
		records[fmt.Sprintf("s%03d", n)] = s
		put(fmt.Sprintf("s%03d", n), s)
		n++
	}
	for range 30 {
		arrive()
	}
	var want []string
	began := map[string]int{}
	for id, s := range records {
		want = append(want, id)
		began[id] = s.times - 1
	}
	w.now = w.now.Add(time.Second)
	got := map[string]bool{}
	var ids []string
	path := "/v1.0/auditLogs/signIns?$select=id,createdDateTime,clientAppUsed,appDisplayName&$top=" + fmt.Sprint(1+r.IntN(9)) + "&$orderby=" + url.QueryEscape(order)
	for path != "" {
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Value []struct{ ID, ClientAppUsed, AppDisplayName string }
		}
		w.pageInto(path, &page)
		for _, v := range page.Value {
			if got[v.ID] {
				t.Errorf("%s came twice", v.ID)
			}
			got[v.ID] = true
			ids = append(ids, v.ID)
			var times int
			if _, err := fmt.Sscanf(v.ClientAppUsed, "said %d", &times); err != nil || v.AppDisplayName != v.ClientAppUsed || times < began[v.ID] || times >= records[v.ID].times {
				t.Errorf("%s came as %q and %q; it was said %d to %d", v.ID, v.ClientAppUsed, v.AppDisplayName, began[v.ID], records[v.ID].times-1)
			}
		}
		path = page.Next
		w.now = w.now.Add(time.Second)
		for range r.IntN(3) {
			arrive()
		}
		for range r.IntN(4) {
			id := fmt.Sprintf("s%03d", r.IntN(n))
			put(id, records[id])
		}
		if r.IntN(3) == 0 {
			w.open(false)
		}
	}
	// One that came later and was said anew cannot be told from one that was there.
	ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(want, id) && records[id].times > 1 })
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("%d records, not %d: %v\nwant %v", len(ids), len(want), ids, want)
	}
}
