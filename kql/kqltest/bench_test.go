package kqltest_test

import (
	"context"
	"fmt"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/table"
)

// signIns is n rows in the shape of sign-in logs: a few wide values, JSON, ids.
func signIns(n int) map[string]*table.Batch {
	schema := table.Schema{{Name: "TimeGenerated", Type: table.DateTime}, {Name: "UserPrincipalName", Type: table.String}, {Name: "AppDisplayName", Type: table.String},
		{Name: "ResultType", Type: table.String}, {Name: "DurationMs", Type: table.Long}, {Name: "LocationDetails", Type: table.Dynamic}, {Name: "Id", Type: table.String}}
	b := table.NewBatch(schema, n)
	apps := []string{"Office 365", "Azure Portal", "Teams", "Graph Explorer"}
	codes := []string{"0", "0", "0", "50126", "50074", "53003"}
	for i := range n {
		b.AppendRow([]table.Value{
			table.DateTimeValue(739_000*table.TicksPerDay + int64(i)*table.TicksPerSecond),
			table.StringValue(fmt.Sprintf("user%d@example.com", i*7919%5000)),
			table.StringValue(apps[i%len(apps)]), table.StringValue(codes[i*31%len(codes)]), table.LongValue(int64(i * 37 % 1000)),
			table.DynamicText(fmt.Sprintf(`{"city":"City%d","state":"S","countryOrRegion":"C%d","geoCoordinates":{"latitude":%d.5,"longitude":7.25}}`, i%300, i%40, i%90)),
			table.StringValue(fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)),
		})
	}
	return map[string]*table.Batch{"SigninLogs": b}
}

func BenchmarkEval(b *testing.B) {
	const rows = 200_000
	tables := signIns(rows)
	e := kqltest.Eval{Catalogue: fn.New()}
	for _, q := range []struct{ name, text string }{
		{"where", `SigninLogs | where ResultType != "0" and DurationMs > 500 | count`},
		{"has", `SigninLogs | where UserPrincipalName has "user42" | count`},
		{"group", `SigninLogs | summarize n = count(), m = max(DurationMs) by UserPrincipalName | count`},
		{"group-time", `SigninLogs | summarize n = count() by bin(TimeGenerated, 1h), ResultType | count`},
		{"json", `SigninLogs | where LocationDetails.city == "City42" | count`},
		{"json-two", `SigninLogs | summarize n = count() by c = tostring(LocationDetails.city), d = tostring(LocationDetails.countryOrRegion) | count`},
		{"sort", `SigninLogs | sort by UserPrincipalName asc, TimeGenerated desc | take 10`},
		{"top", `SigninLogs | top 10 by DurationMs desc`},
		{"join", `SigninLogs | where ResultType == "53003" | join kind=inner (SigninLogs | where ResultType == "50126" | summarize n = count() by UserPrincipalName) on UserPrincipalName | count`},
		{"distinct", `SigninLogs | distinct UserPrincipalName, AppDisplayName | count`},
		{"mv-expand", `SigninLogs | project d = pack_array(AppDisplayName, ResultType) | mv-expand d to typeof(string) | summarize count() by d`},
		{"mv-apply", `SigninLogs | project d = pack_array(AppDisplayName, ResultType) | mv-apply d to typeof(string) on (where d == "Teams" | project e = d) | count`},
		{"parse", `SigninLogs | parse UserPrincipalName with "user" n:long "@" domain | summarize max(n) by domain`},
		{"serialize", `SigninLogs | sort by UserPrincipalName asc, TimeGenerated asc | extend gap = iff(prev(UserPrincipalName) == UserPrincipalName, TimeGenerated - prev(TimeGenerated), timespan(null)) | summarize max(gap)`},
		{"extend", `SigninLogs | extend late = DurationMs > 900, sort_of = case(ResultType == "0", "ok", ResultType == "50126", "password", "other") | summarize count() by sort_of, late`},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := e.Query(context.Background(), tables, q.text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
