package query

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	duckdbgo "github.com/duckdb/duckdb-go/v2"

	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/table"
)

// Ten typical queries, each written twice: in KQL over the tables as they are, and by
// hand in SQL over plain tables of the same engine whose columns are typed for these
// queries, nested ones too. Both run in one go over the records of benchTenant.
//
//	go test ./query -run '^$' -bench Typical -benchtime 10x
//
// The hand-written tables sign and audit are filled by byHand.
var typical = []struct{ name, kql, sql string }{
	{"count by hour",
		`SigninLogs | summarize n = count() by bin(TimeGenerated, 1h)`,
		`SELECT date_trunc('hour', t) AS h, count(*) FROM sign GROUP BY h`},
	{"nested city",
		`SigninLogs | where LocationDetails.city == "{city}" | summarize n = count() by UserPrincipalName`,
		`SELECT upn, count(*) FROM sign WHERE city = '{city}' GROUP BY upn`},
	{"user agent has a word",
		`SigninLogs | where UserAgent has "Firefox" | summarize n = count() by AppDisplayName`,
		`SELECT app, count(*) FROM sign WHERE contains(lower(agent), 'firefox') AND regexp_matches(agent, '(?i)(?:^|[^a-z0-9])firefox(?:[^a-z0-9]|$)') GROUP BY app`},
	{"addresses of each user",
		`SigninLogs | summarize ips = dcount(IPAddress) by UserPrincipalName | sort by ips desc, UserPrincipalName asc | take 10`,
		`SELECT upn, count(DISTINCT ip) AS n FROM sign GROUP BY upn ORDER BY n DESC, upn LIMIT 10`},
	{"failures by code",
		`SigninLogs | where ResultType != "0" | summarize n = count(), users = dcount(UserPrincipalName) by ResultType | sort by n desc, ResultType asc | take 10`,
		`SELECT result, count(*) AS n, count(DISTINCT upn) FROM sign WHERE result <> '0' GROUP BY result ORDER BY n DESC, result LIMIT 10`},
	{"audit within an hour of a sign-in",
		`SigninLogs | where ResultType == "0" | project UserPrincipalName, T = TimeGenerated
		 | join kind=inner (AuditLogs | project Actor = tostring(InitiatedBy.user.userPrincipalName), A = TimeGenerated) on $left.UserPrincipalName == $right.Actor
		 | where A between (T .. 1h) | count`,
		`SELECT count(*) FROM sign s JOIN audit a ON s.upn = a.actor WHERE s.result = '0' AND a.t BETWEEN s.t AND s.t + INTERVAL 1 HOUR`},
	{"one correlation id",
		`SigninLogs | where CorrelationId == "{correlation}" | project TimeGenerated, UserPrincipalName, AppDisplayName, IPAddress`,
		`SELECT t, upn, app, ip FROM sign WHERE correlation = '{correlation}'`},
	{"policies expanded",
		`SigninLogs | mv-expand p = ConditionalAccessPolicies | summarize n = count() by tostring(p.displayName), tostring(p.result)`,
		`SELECT d, r, count(*) FROM (SELECT unnest(policies) AS d, unnest(results) AS r FROM sign) GROUP BY d, r`},
	{"last sign-in of each user",
		`SigninLogs | summarize arg_max(TimeGenerated, IPAddress, AppDisplayName) by UserPrincipalName`,
		`SELECT upn, max(t), arg_max(ip, t), arg_max(app, t) FROM sign GROUP BY upn`},
	{"latest 100 of a user",
		`SigninLogs | where UserPrincipalName == "{user}" | top 100 by TimeGenerated | project TimeGenerated, AppDisplayName, IPAddress, ResultType, City = tostring(LocationDetails.city)`,
		`SELECT t, app, ip, result, city FROM sign WHERE upn = '{user}' ORDER BY t DESC LIMIT 100`},
	{"nested or plain column: nested",
		`SigninLogs | where LocationDetails.city == "{city}" | count`,
		`SELECT count(*) FROM sign WHERE city = '{city}'`},
	{"nested or plain column: plain",
		`SigninLogs | where AppDisplayName == "{app}" | count`,
		`SELECT count(*) FROM sign WHERE app = '{app}'`},
}

func BenchmarkTypical(b *testing.B) {
	x := benchTenant(b)
	st, hand, values := x.store, x.hand, x.pick
	e := New(Options{Clock: clockAt(kqltest.Now), Fallback: func(sql string, err error) { b.Errorf("fell back: %v\n%s", err, sql) }})
	for _, q := range typical {
		b.Run(q.name, func(b *testing.B) {
			kql, text := values.Replace(q.kql), values.Replace(q.sql)
			ours, theirs := &timed{}, &timed{}
			rows, want := 0, 0
			for b.Loop() {
				ours.run(func() { rows = byKQL(b, e, st, Request{Text: kql}) })
				theirs.run(func() { want = bySQL(b, hand, text) })
				if rows != want {
					b.Fatalf("%d rows by KQL, %d by hand", rows, want)
				}
			}
			ours.report(b, "kql-")
			theirs.report(b, "hand-")
			o, _ := ours.medians()
			t, _ := theirs.medians()
			b.ReportMetric(float64(o)/float64(t), "ratio")
		})
	}
}

func byKQL(b *testing.B, e *Engine, st store.Store, req Request) int {
	ctx := context.Background()
	a, err := e.Run(ctx, st, req)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	rows := 0
	for {
		batch, err := a.Tables[0].Rows.Next(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			return rows
		}
		rows += batch.Rows
	}
}

func bySQL(b *testing.B, db *sql.DB, text string) int {
	rows, err := db.Query(text)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	n := 0
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}

// byHand copies what the queries need into plain tables, and picks the values that
// they ask for.
type byHand struct {
	b           *testing.B
	db          *sql.DB
	conn        *sql.Conn
	sign, audit *duckdbgo.Appender
	pick        replacing
}

func newByHand(b *testing.B, db *sql.DB) *byHand {
	b.Helper()
	h := &byHand{b: b, db: db, pick: replacing{}}
	var err error
	if h.conn, err = db.Conn(context.Background()); err != nil {
		b.Fatal(err)
	}
	err = h.conn.Raw(func(c any) (err error) {
		if h.sign, err = duckdbgo.NewAppenderFromConn(c.(driver.Conn), "", "sign"); err != nil {
			return err
		}
		h.audit, err = duckdbgo.NewAppenderFromConn(c.(driver.Conn), "", "audit")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func (h *byHand) add(l store.Load) {
	for _, t := range l.Tables {
		at := func(name string, i int) table.Value { return t.Rows.Cols[t.Rows.Schema.Index(name)].At(i) }
		list := func(name string, i int) []string {
			out := []string{}
			parts, _ := at(name, i).Dyn().([]any)
			for _, p := range parts {
				s, _ := p.(string)
				out = append(out, s)
			}
			return out
		}
		for i := range t.Rows.Rows {
			when := table.TimeOf(at("TimeGenerated", i).Int64())
			var err error
			switch t.Table {
			case "SigninLogs":
				city, app := at("LocationDetails.city", i).Str(), at("AppDisplayName", i).Str()
				user, id := at("UserPrincipalName", i).Str(), at("CorrelationId", i).Str()
				if i%1000 == 500 {
					h.pick["tenant"] = at("ResourceTenantId", i).Str()
					h.pick["city"], h.pick["app"], h.pick["user"], h.pick["correlation"] = city, app, user, id
				}
				err = h.sign.AppendRow(when, user, app, at("IPAddress", i).Str(), at("UserAgent", i).Str(), at("ResultType", i).Str(), id, city,
					list("ConditionalAccessPolicies[].displayName", i), list("ConditionalAccessPolicies[].result", i))
			case "AuditLogs":
				err = h.audit.AppendRow(when, at("OperationName", i).Str(), at("InitiatedBy.user.userPrincipalName", i).Str())
			}
			if err != nil {
				h.b.Fatal(err)
			}
		}
	}
}

// done gives what fills the places of the queries.
func (h *byHand) done() replacing {
	h.b.Helper()
	if err := errors.Join(h.sign.Close(), h.audit.Close(), h.conn.Close()); err != nil {
		h.b.Fatal(err)
	}
	if _, err := h.db.Exec("CHECKPOINT"); err != nil {
		h.b.Fatal(err)
	}
	return h.pick
}

// replacing puts values in the place of {name}.
type replacing map[string]string

func (r replacing) Replace(s string) string {
	for k, v := range r {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%s}", k), v)
	}
	return s
}
