package query

import (
	"time"

	"sextant/table"
)

// clockAt stands still.
func clockAt(ticks int64) func() time.Time {
	at, err := time.Parse(time.RFC3339Nano, table.FormatDateTime(ticks))
	if err != nil {
		panic(err)
	}
	return func() time.Time { return at }
}
