package query

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sextant/fault"
	"sextant/kql/kqltest"
	"sextant/table"
)

// What a text sets stands over its request, within the limits of the engine.
func TestSettings(t *testing.T) {
	st := numbers(t, openDuckDB(t), 20_000)
	e := New(Options{Clock: clockAt(kqltest.Now), MaxRows: 5000})
	f := func(req Request, rows int, words string) {
		t.Helper()
		got, err := drain(context.Background(), e, st, req)
		if got != rows || (words == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %d rows and %v; want %d and %q", req.Text, got, err, rows, words)
		}
	}
	none := -1
	for _, split := range []*int{nil, &none} {
		f(Request{Text: "Numbers", Split: split}, 5000, "more than the 5000 rows")
		f(Request{Text: "set truncationmaxrecords = 30; Numbers", Split: split}, 30, "more than the 30 rows")
		f(Request{Text: "set query_take_max_records = 7; Numbers", Split: split}, 7, "")
		f(Request{Text: "set query_take_max_records = 7; Numbers", Take: 3, Split: split}, 3, "")
	}
	f(Request{Text: "Numbers", Take: 4}, 4, "")
	f(Request{Text: "set notruncation; Numbers"}, 5000, "more than")
	f(Request{Text: "set notruncation; Numbers", Lifts: true}, 20_000, "")
	f(Request{Text: "set notruncation = false; Numbers", Lifts: true}, 5000, "more than")
	f(Request{Text: "Numbers", MaxRows: -1, Lifts: true}, 20_000, "")
	f(Request{Text: "Numbers", MaxRows: -1}, 5000, "more than")
	f(Request{Text: "Numbers", MaxRows: 6000, Lifts: true}, 6000, "more than the 6000 rows")
	f(Request{Text: "set truncationmaxrecords = 20; set notruncation; Numbers", Lifts: true}, 20, "more than the 20 rows")
	f(Request{Text: "set servertimeout = 1ms; Numbers | extend k = 1 | join kind=inner (Numbers | extend k = 1) on k | where n * n1 == -1 | count"}, 0, context.DeadlineExceeded.Error())
	f(Request{Text: "set unknown = 1; set queryconsistency = 'x'; print 1"}, 1, "")
	f(Request{Text: "set query_now = datetime(2020-02-03); print now() | where print_0 == datetime(2020-02-03)"}, 1, "")
	f(Request{Text: "set query_now = datetime(2020-02-03); print ago(1d) | where print_0 == datetime(2020-02-02)", Now: 5}, 1, "")

	a, err := e.Run(context.Background(), st, Request{Text: "set truncationmaxsize = 2000; set notruncation; print 1"})
	if err != nil || a.MaxBytes != 2000 || !a.All {
		t.Errorf("%+v %v", a, err)
	}
	if err == nil {
		a.Close()
	}

	// What is set must be a constant of its type; the error has its place.
	g := func(text string, at int, words string) {
		t.Helper()
		_, err := e.Run(context.Background(), st, Request{Text: text})
		var ds fault.Diagnostics
		if !errors.As(err, &ds) || ds[0].Span.Start != at || !strings.Contains(ds[0].Text, words) {
			t.Errorf("%s: %v", text, err)
		}
	}
	g("set query_now = 'noon'; print 1", 0, "'query_now' expects a constant of type datetime.")
	g("print 1; set truncationmaxrecords = 1.5; print 2", 9, "type long")
	g("set servertimeout = 5; print 1", 0, "type timespan")
	g("set notruncation = 5; print 1", 0, "type bool")
}

// The scope of time that a text sets is cut with that of its request.
func TestScopeSettings(t *testing.T) {
	e := New(Options{Clock: clockAt(kqltest.Now)})
	day := func(n int64) int64 { return n * table.TicksPerDay }
	f := func(text string, from, to, wantFrom, wantTo int64) {
		t.Helper()
		req := Request{From: from, To: to}
		if _, wrong := e.apply(text+" print 1", &req); wrong != nil || req.From != wantFrom || req.To != wantTo {
			t.Errorf("%s over %d to %d: %d to %d, %v; want %d to %d", text, from, to, req.From, req.To, wrong, wantFrom, wantTo)
		}
	}
	f("set query_datetimescope_from = datetime(0001-01-03);", 0, 0, day(2), table.MaxDateTime)
	f("set query_datetimescope_from = datetime(0001-01-03);", day(3), day(9), day(3), day(9))
	f("set query_datetimescope_to = datetime(0001-01-03);", 0, 0, 0, day(2)+1)
	f("set query_datetimescope_to = datetime(0001-01-03);", day(1), day(9), day(1), day(2)+1)
	f("set query_datetimescope_to = datetime(0001-01-30);", day(1), day(9), day(1), day(9))
}
