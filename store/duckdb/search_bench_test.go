package duckdb

import (
	"context"
	"fmt"
	"testing"
	"time"

	kql "sextant/query"
	"sextant/store"
	"sextant/table"
)

// BenchmarkSearch looks for words anywhere in sign-ins, from the text of the query
// to the last row; BENCH_ROWS says in how many.
func BenchmarkSearch(b *testing.B) {
	s, _, rows := benchStore(b, true)
	column := func(name string, at int) string {
		sql := fmt.Sprintf("SELECT i FROM (SELECT i, row_number() OVER () AS n FROM %%s AS r(i)) WHERE n = %d", at)
		return query(b, s, store.Scan{Table: "SigninLogs", Columns: []string{name}}, sql, table.Schema{{Name: "i", Type: table.String}})[0][0]
	}
	token, correlation := column("UniqueTokenIdentifier", rows/3), column("CorrelationId", rows/2)
	e := kql.New(kql.Options{Clock: func() time.Time { return benchStart.AddDate(0, 2, 0) }, Fallback: func(sql string, err error) { b.Errorf("fell back: %v", err) }})
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"rare word", `search "` + token + `"`, 1},
		{"rare word, one table", `SigninLogs | where * has "` + token + `"`, 1},
		{"guid", `search "` + correlation + `"`, 1},
		{"no such word", `search "nobodyhasthis"`, 0},
		{"no such word in a wide column", `SigninLogs | where ConditionalAccessPolicies has "nobodyhasthis"`, 0},
		{"guid of one column", `SigninLogs | where CorrelationId has "` + correlation + `" | project TimeGenerated, UserPrincipalName`, 1},
		{"common word", `search "satisfied" | count`, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				a, err := e.Run(context.Background(), s, kql.Request{Text: c.text})
				noErr(b, err)
				n := 0
				for {
					batch, err := a.Tables[0].Rows.Next(context.Background())
					noErr(b, err)
					if batch == nil {
						break
					}
					n += batch.Rows
				}
				noErr(b, a.Close())
				if n != c.want {
					b.Fatalf("%d rows, not %d", n, c.want)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
