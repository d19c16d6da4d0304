package store

import (
	"context"
	"time"

	"sextant/table"
)

// Latest is the newest row of an id, in a table that has a row for each change.
type Latest struct {
	ID    string
	At    time.Time // of the change; zero where the table keeps none
	Place Place
}

// LatestOf reads the newest row of each id among the rows whose column has the
// value, in no particular order of ids. at names the column with the moment of the
// change; "" takes any one row of an id. A table that is not there has none.
func LatestOf(ctx context.Context, snap Snapshot, name, column, value, id, at string) ([]Latest, error) {
	if _, ok := snap.Def(name); !ok {
		return nil, nil
	}
	cols := []string{column, id, table.HiddenTopic, table.HiddenPartition, table.HiddenOffset, table.HiddenIndex}
	if at != "" {
		cols = append(cols, at)
	}
	r, err := snap.Scan(ctx, Scan{Table: name, Columns: cols, Equal: []Equal{{Column: column, Values: []string{value}}}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	seen := map[string]int{}
	var out []Latest
	var row []table.Value
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return out, nil
		}
		for i := range b.Rows {
			row = b.Row(i, row)
			if row[0].Str() != value {
				continue
			}
			f := Latest{ID: row[1].Str(), Place: Place{
				TopicPartition: TopicPartition{Topic: row[2].Str(), Partition: int32(row[3].Int64())},
				Offset:         row[4].Int64(), Index: int32(row[5].Int64()),
			}}
			if at != "" && !row[6].IsNull() {
				f.At = table.TimeOf(row[6].Int64())
			}
			if k, ok := seen[f.ID]; !ok {
				seen[f.ID] = len(out)
				out = append(out, f)
			} else if f.At.After(out[k].At) {
				out[k] = f
			}
		}
	}
}
