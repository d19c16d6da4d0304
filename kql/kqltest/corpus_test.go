package kqltest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/table"
)

const reference = "../../../shared"

// documentedTables holds random rows in every documented table.
func documentedTables(t testing.TB, rows int) map[string]*table.Batch {
	t.Helper()
	names, _ := filepath.Glob(reference + "/schemas/log-analytics/*.json")
	if len(names) == 0 {
		t.Skip("the reference schemas are not at " + reference)
	}
	schemas := map[string]table.Schema{}
	read := func(name string, to any) {
		text, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(text, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range names {
		var s struct {
			Table   string
			Columns []struct{ Name, Type string }
		}
		read(n, &s)
		var schema table.Schema
		for _, c := range s.Columns {
			typ, _ := table.ParseType(c.Type)
			schema = append(schema, table.Column{Name: c.Name, Type: typ})
		}
		if s.Table != "" {
			schemas[s.Table] = schema
		}
	}
	var groups map[string]map[string][]string
	read(reference+"/schemas/all-tables-compact.json", &groups)
	for _, g := range []string{"logAnalytics", "defenderXdr"} {
		for name, cols := range groups[g] {
			if _, ok := schemas[name]; ok {
				continue
			}
			var schema table.Schema
			for _, c := range cols {
				i := strings.LastIndexByte(c, ':')
				typ, _ := table.ParseType(c[i+1:])
				schema = append(schema, table.Column{Name: c[:i], Type: typ})
			}
			schemas[name] = schema
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	out := map[string]*table.Batch{}
	var order []string
	for n := range schemas {
		order = append(order, n)
	}
	slices.Sort(order)
	for _, n := range order {
		b := table.NewBatch(schemas[n], rows)
		for range rows {
			var row []table.Value
			for _, c := range schemas[n] {
				row = append(row, randomCell(r, c.Type))
			}
			b.AppendRow(row)
		}
		out[n] = b
	}
	return out
}

func randomCell(r *rand.Rand, t table.Type) table.Value {
	if r.IntN(8) == 0 {
		return table.Null(t)
	}
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	text := func() string {
		return pick("0", "50126", "Success", "failure", "ann@contoso.example", "bob@contoso.example", "10.1.2.3", "192.168.0.7", "2001:db8::1",
			"Add member to role", "Core Directory", "ApplicationManagement", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "", "https://x.example/a?b=c", "C:\\Windows\\cmd.exe -enc AAAA")
	}
	switch t {
	case table.Bool:
		return table.BoolValue(r.IntN(2) == 0)
	case table.Int:
		return table.IntValue(int64(r.IntN(100)))
	case table.Long:
		return table.LongValue(int64(r.IntN(1000)))
	case table.Real:
		return table.RealValue(float64(r.IntN(1000)) / 8)
	case table.DateTime:
		return table.DateTimeValue(kqltest.Now - r.Int64N(14*table.TicksPerDay))
	case table.TimeSpan:
		return table.TimeSpanValue(r.Int64N(table.TicksPerDay))
	case table.Guid:
		return table.GuidValue("6f9619ff-8b86-d011-b42d-00c04fc964ff")
	case table.Dynamic:
		return table.DynamicText(pick(`[]`, `{}`, `"text"`, `7`, `["a","b"]`,
			`[{"displayName":"x","userPrincipalName":"ann@contoso.example","type":"User","id":"1","modifiedProperties":[{"displayName":"Role.DisplayName","oldValue":"[]","newValue":"[\"Admin\"]"}]}]`,
			`{"user":{"userPrincipalName":"ann@contoso.example","ipAddress":"10.1.2.3"},"app":{"displayName":"x"}}`, `{"city":"Bern","countryOrRegion":"CH","geoCoordinates":{"latitude":1.5}}`))
	}
	return table.StringValue(text())
}

// Queries that people really run must run: what binds is answered, whatever the
// rows, and never fails with a failure of ours.
func TestRealQueriesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand queries take some seconds")
	}
	tables := documentedTables(t, 12)
	cat := fn.New()
	e := kqltest.Eval{Catalogue: cat, Options: eval.Options{BatchRows: 5}, Budget: func() *fn.Budget { return &fn.Budget{MaxBytes: 256 << 20} }}
	for _, name := range []string{"dev.jsonl", "workbooks-dev.jsonl"} {
		t.Run(strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			f, err := os.Open(reference + "/rules-corpus/" + name)
			if err != nil {
				t.Skip("the queries are not at hand: ", err)
			}
			defer f.Close()
			ran, refused := 0, 0
			why := map[string]int{}
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 16<<20)
			for lines.Scan() {
				var q struct{ ID, Query string }
				if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_, _, err := e.Query(ctx, tables, q.Query)
				cancel()
				var ds fault.Diagnostics
				switch {
				case err == nil:
					ran++
				case errors.As(err, &ds):
					refused++
				default:
					why[fmt.Sprintf("%.200s", err)]++
					t.Errorf("%s: %v", q.ID, err)
				}
			}
			t.Logf("%d ran, %d do not bind, %d failed", ran, refused, len(why))
		})
	}
}
