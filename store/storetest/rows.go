package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"sextant/store"
	"sextant/table"
)

// row is one record of a table: the visible cells, and its place.
type row struct {
	table string
	place store.Place
	cells []json.RawMessage
}

// batch makes physical rows: promoted cells are taken from the documents, hidden
// ones from the places.
func batch(def *table.Def, rows []row) (*table.Batch, error) {
	phys := def.Physical()
	b := table.NewBatch(phys, len(rows))
	for _, r := range rows {
		if len(r.cells) != len(def.Columns) {
			return nil, fmt.Errorf("%d cells for %d columns", len(r.cells), len(def.Columns))
		}
		vals := make([]table.Value, 0, len(phys))
		for i, c := range def.Columns {
			v, err := value(c.Type, r.cells[i])
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Name, err)
			}
			vals = append(vals, v)
		}
		vals = append(vals, rest(def, vals, r.place)...)
		b.AppendRow(vals)
	}
	return b, nil
}

// rest of a row: promoted and hidden cells.
func rest(def *table.Def, visible []table.Value, p store.Place) (vals []table.Value) {
	odd := false
	for _, path := range def.Promoted {
		one := table.NewVector(visible[def.Columns.Index(path.Column)].Type(), 1)
		one.Append(visible[def.Columns.Index(path.Column)])
		cell, isOdd := path.Of(store.Document(&one, 0))
		vals = append(vals, cell)
		odd = odd || isOdd
	}
	return append(vals,
		table.LongValue(p.Offset<<8|int64(p.Index)), table.StringValue(p.Topic), table.IntValue(int64(p.Partition)), table.LongValue(p.Offset),
		table.IntValue(int64(p.Index)), table.DateTimeValue(ticks("2026-01-01T00:00:00Z")+p.Offset), table.IntValue(1), table.BoolValue(odd))
}

func ticks(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	n, _ := table.TicksOf(t)
	return n
}

// value of a cell as scripts write it.
func value(t table.Type, raw json.RawMessage) (table.Value, error) {
	if string(raw) == "null" {
		return table.Null(t), nil
	}
	var s string
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &s); err != nil {
			return table.Value{}, err
		}
	}
	var n int64
	switch t {
	case table.Bool:
		return table.BoolValue(string(raw) == "true"), nil
	case table.Int:
		_, err := fmt.Sscan(string(raw), &n)
		return table.IntValue(n), err
	case table.Long:
		_, err := fmt.Sscan(string(raw), &n)
		return table.LongValue(n), err
	case table.TimeSpan:
		_, err := fmt.Sscan(string(raw), &n)
		return table.TimeSpanValue(n), err
	case table.Real:
		var f float64
		_, err := fmt.Sscan(string(raw), &f)
		return table.RealValue(f), err
	case table.Decimal:
		d, _, err := apd.NewFromString(s)
		return table.DecimalValue(d), err
	case table.String:
		return table.StringValue(s), nil
	case table.Guid:
		return table.GuidValue(s), nil
	case table.DateTime:
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return table.Value{}, err
		}
		n, ok := table.TicksOf(at)
		if !ok {
			return table.Value{}, fmt.Errorf("%s is out of range", s)
		}
		return table.DateTimeValue(n), nil
	}
	return table.DynamicText(string(raw)), nil
}

// show a cell so that two of them look alike only when they are.
func show(v table.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Type() == table.String || v.Type() == table.Guid:
		return string(table.AppendQuoted(nil, v.Str()))
	case v.Type() == table.Dynamic:
		return v.JSON()
	}
	return v.Text()
}

// read everything that a scan gives, one text a row, sorted.
func read(ctx context.Context, snap store.Snapshot, scan store.Scan, keep func(*table.Batch, int) bool) ([]string, error) {
	r, err := snap.Scan(ctx, scan)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []string
	var vals []table.Value
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			slices.Sort(out)
			return out, nil
		}
		for i := range b.Cols {
			if b.Cols[i].Len() != b.Rows || b.Cols[i].Type != b.Schema[i].Type {
				return nil, fmt.Errorf("column %s has %d cells of %s in a batch of %d rows of %s", b.Schema[i].Name, b.Cols[i].Len(), b.Cols[i].Type, b.Rows, b.Schema[i].Type)
			}
		}
		for i := range b.Rows {
			if keep != nil && !keep(b, i) {
				continue
			}
			vals = b.Row(i, vals)
			cells := make([]string, len(vals))
			for c := range vals {
				cells[c] = show(vals[c])
			}
			out = append(out, strings.Join(cells, "  "))
		}
	}
}

// readAll of a table from a snapshot of its own.
func readAll(t testing.TB, s store.Store, scan store.Scan) []string {
	t.Helper()
	snap, err := s.Snapshot(context.Background())
	noErr(t, err)
	defer snap.Close()
	rows, err := read(context.Background(), snap, scan, nil)
	noErr(t, err)
	return rows
}
