package query

import (
	"context"
	"time"

	"sextant/fault"
	"sextant/kql/syntax"
	"sextant/store"
	"sextant/table"
)

// Settings are what `set` statements of a text ask of its answer, for those who send it
// out. What a text sets stands over what its request says, and never over the engine's
// own limits.
//
// Source: the request properties of Kusto; those that tune its engine mean nothing here.
type Settings struct {
	// All is `set notruncation`: an answer of any length is wanted.
	All bool
	// MaxBytes is `set truncationmaxsize`: the longest answer that is wanted; 0 says
	// nothing.
	MaxBytes int64
}

// settings of a text, and what of its request they change.
type settings struct {
	Settings
	take    int64         // rows after which the answer ends; 0 is all
	timeout time.Duration // 0 is the engine's
}

// apply the settings of a text to its request. Those that the language itself reads
// (query_bin_auto_size) are the binder's.
func (e *Engine) apply(text string, req *Request) (settings, fault.Diagnostics) {
	s := settings{take: req.Take}
	file, ds := syntax.Parse(text)
	if ds.Err() != nil {
		return s, nil // the binder says it
	}
	now := e.now(*req)
	var bad fault.Diagnostics
	for _, stmt := range file.Stmts {
		set, ok := stmt.(*syntax.Set)
		if !ok {
			continue
		}
		refuse := func(what string) {
			bad = append(bad, fault.Diagnostic{Code: "KS129", Span: set.Span, Text: "'" + set.Name.Name + "' expects a constant of type " + what + "."})
		}
		value := table.BoolValue(true) // `set name` alone switches it on
		if set.Value != nil {
			at := set.Value.At()
			v, err := e.constant(text[at.Start:at.End()], now)
			if err != nil {
				v = table.Null(table.Dynamic)
			}
			value = v
		}
		count := func(to *int64) {
			if value.IsNull() || value.Type() != table.Long && value.Type() != table.Int || value.Int64() < 0 {
				refuse("long")
				return
			}
			*to = value.Int64()
		}
		moment := func(to *int64) {
			if value.IsNull() || value.Type() != table.DateTime {
				refuse("datetime")
				return
			}
			*to = value.Int64()
		}
		switch set.Name.Name {
		case "query_now":
			moment(&req.Now)
		case "query_datetimescope_from":
			from := int64(0)
			moment(&from)
			req.From = max(req.From, from)
			if from > 0 && req.To == 0 {
				req.To = table.MaxDateTime
			}
		case "query_datetimescope_to":
			to := int64(0)
			if moment(&to); to > 0 && (req.To == 0 || to < req.To) {
				req.To = to + 1 // the end belongs to the scope
			}
		case "truncationmaxrecords":
			most := int64(0)
			if count(&most); most > 0 && (req.MaxRows <= 0 || most < req.MaxRows) {
				req.MaxRows = most
			}
		case "truncationmaxsize":
			count(&s.MaxBytes)
		case "query_take_max_records":
			take := int64(0)
			if count(&take); take > 0 && (s.take == 0 || take < s.take) {
				s.take = take
			}
		case "notruncation":
			if value.Type() != table.Bool || value.IsNull() {
				refuse("bool")
				continue
			}
			if s.All = value.Bool(); s.All && req.MaxRows == 0 {
				req.MaxRows = -1
			}
		case "servertimeout":
			if value.IsNull() || value.Type() != table.TimeSpan || value.Int64() <= 0 {
				refuse("timespan")
				continue
			}
			s.timeout = time.Duration(min(value.Int64(), int64(1e11))) * 100
		}
	}
	return s, bad
}

// rows that an answer may have; 0 is any number.
func (e *Engine) rows(req Request) int64 {
	switch {
	case req.Lifts && req.MaxRows < 0:
		return 0
	case req.MaxRows > 0 && (req.Lifts || req.MaxRows < e.o.MaxRows):
		return req.MaxRows
	}
	return e.o.MaxRows
}

// taken ends after so many rows.
type taken struct {
	store.Reader
	left int64
}

func (t *taken) Next(ctx context.Context) (*table.Batch, error) {
	if t.left <= 0 {
		return nil, nil
	}
	b, err := t.Reader.Next(ctx)
	if b != nil {
		if int64(b.Rows) > t.left {
			b = b.Slice(0, int(t.left))
		}
		t.left -= int64(b.Rows)
	}
	return b, err
}
