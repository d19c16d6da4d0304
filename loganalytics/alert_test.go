package loganalytics

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/kqltest"
	"sextant/query"
	"sextant/store"
	"sextant/store/memory"
	"sextant/table"
)

// updating accepts what the program gives; the flag is package kqltest's.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// only is the one workspace of a test.
type only struct {
	engine *query.Engine
	store  store.Store
	fail   error
}

func (o *only) Query(ctx context.Context, req query.Request) (*query.Answer, error) {
	if o.fail != nil {
		return nil, o.fail
	}
	return o.engine.Run(ctx, o.store, req)
}
func (o *only) Workspace(id string) (Runner, error) {
	if id != "/subscriptions/t" {
		return nil, fault.New(fault.NotFound, "there is no workspace %q", id)
	}
	return o, nil
}
func (o *only) List(context.Context) ([]Place, error) { return nil, nil }
func (o *only) Together([]Runner) Runner              { return o }

// fill a table with lines; the head says what it is.
func (o *only) fill(t *testing.T, head string, lines []string) {
	t.Helper()
	name, columns, _ := strings.Cut(strings.TrimSuffix(head, ")"), "(")
	def := table.Def{Name: name, Time: "TimeGenerated"}
	for _, c := range strings.Split(columns, ", ") {
		n, typ, _ := strings.Cut(c, ":")
		kind, ok := table.ParseType(typ)
		if !ok {
			t.Fatalf("%s is no column", c)
		}
		def.Columns = append(def.Columns, table.Column{Name: n, Type: kind})
	}
	if err := o.store.Define(t.Context(), def); err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(def.Physical(), len(lines))
	for i, line := range lines {
		row, err := kqltest.ParseRow(line, def.Columns)
		if err != nil {
			t.Fatal(err)
		}
		row = append(row, table.LongValue(int64(i)+1), table.StringValue("t"), table.IntValue(0), table.LongValue(int64(i)), table.IntValue(0), row[0], table.IntValue(1), table.BoolValue(false))
		b.AppendRow(row)
	}
	if err := o.store.Append(t.Context(), store.Load{Tables: []store.TableRows{{Table: name, Rows: b}}}); err != nil {
		t.Fatal(err)
	}
}

func newOnly(t *testing.T) *only {
	t.Helper()
	o := &only{engine: query.New(query.Options{TempDir: t.TempDir()}), store: memory.New()}
	t.Cleanup(func() { o.store.Close() })
	return o
}

// ruleText of properties where those of the condition stand beside the others.
func ruleText(t *testing.T, text string) json.RawMessage {
	t.Helper()
	var given map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	props := map[string]any{"severity": 3, "enabled": true, "scopes": []string{"/subscriptions/t"}, "evaluationFrequency": "PT5M", "windowSize": "PT5M"}
	condition := map[string]any{}
	for name, v := range given {
		switch name {
		case "query", "timeAggregation", "metricMeasureColumn", "resourceIdColumn", "dimensions", "operator", "threshold", "failingPeriods", "criterionType":
			condition[name] = v
		default:
			props[name] = v
		}
	}
	if _, ok := props["criteria"]; !ok {
		props["criteria"] = map[string]any{"allOf": []any{condition}}
	}
	return appendJSON(nil, props)
}

// Rules as documents: testdata/alerts.txt says how they are written.
func TestRules(t *testing.T) {
	const path = "testdata/alerts.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := newOnly(t)
	a := &Alerts{Places: o, Clock: func() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }}
	blocks := strings.Split(strings.TrimRight(string(text), "\n"), "\n\n")
	rules := 0
	for i, block := range blocks {
		if strings.HasPrefix(block, "#") {
			continue
		}
		head, want, ok := strings.Cut(block+"\n", "\n----\n")
		lines := strings.Split(head, "\n")
		if !ok {
			t.Fatalf("no line ---- in %q", block)
		}
		if name, ok := strings.CutPrefix(lines[0], "rows "); ok {
			o.fill(t, name, lines[1:])
			continue
		}
		rules++
		t.Run(strings.ReplaceAll(strings.TrimPrefix(lines[0], "rule "), " ", "_"), func(t *testing.T) {
			when := strings.Fields(lines[len(lines)-1])
			if len(lines) != 3 || len(when) != 3 || when[0] != "every" {
				t.Fatalf("a block is a rule, its JSON, and when: %q", lines)
			}
			got := previewText(t, a, ruleText(t, lines[1]), when[1], when[2])
			if got == squeeze(want) {
				return
			}
			if !updating() {
				t.Errorf("got\n%s", got)
			}
			blocks[i] = head + "\n----\n" + strings.TrimSuffix(got, "\n")
		})
	}
	if rules < 10 {
		t.Errorf("%d rules in %s", rules, path)
	}
	if updating() {
		if err := os.WriteFile(path, []byte(strings.Join(blocks, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// squeeze is lines with two blanks between their parts, as a preview is printed.
func squeeze(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		var parts []string
		for _, p := range strings.Split(strings.TrimSpace(line), "  ") {
			if p = strings.TrimSpace(p); p != "" {
				parts = append(parts, p)
			}
		}
		if len(parts) > 0 {
			b.WriteString(strings.Join(parts, "  ") + "\n")
		}
	}
	return b.String()
}

// previewText runs a rule and prints what came of it, by time.
func previewText(t *testing.T, a *Alerts, props json.RawMessage, from, to string) string {
	t.Helper()
	r, err := parseAlertRule(resource{ID: "/subscriptions/s/rules/r", Props: props})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	const day = "2026-01-01T"
	results, err := a.preview(t.Context(), a.Places, r, day+from+":00Z/"+day+to+":00Z", "")
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var lines []string
	at, _ := time.Parse("15:04", from)
	for end, _ := time.Parse("15:04", to); !at.After(end); at = at.Add(r.Frequency) {
		for _, p := range results {
			for _, e := range p.Evaluations {
				if e.At != day+at.Format("15:04")+":00Z" {
					continue
				}
				var values, dims []string
				for _, v := range e.Periods {
					if v.Value == nil {
						values = append(values, "-")
					} else {
						values = append(values, fmt.Sprintf("%g", *v.Value))
					}
				}
				if len(values) == 0 {
					values = []string{"-"}
				}
				for _, d := range p.Dimensions {
					dims = append(dims, d.Name+"="+d.Value)
				}
				lines = append(lines, strings.TrimRight(at.Format("15:04")+"  "+e.State+"  "+strings.Join(values, " ")+"  "+strings.Join(dims, " "), " "))
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestInstants(t *testing.T) {
	r := &alertRule{Frequency: 5 * time.Minute}
	now := time.Date(2026, 1, 1, 12, 1, 0, 0, time.UTC)
	f := func(timespan, want string) {
		t.Helper()
		at, err := r.instants(timespan, now)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case len(at) > 0:
			got = fmt.Sprintf("%d from %s to %s", len(at), at[0].Format("15:04"), at[len(at)-1].Format("15:04"))
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", timespan, got)
		}
	}
	f("PT1H", "13 from 11:01 to 12:01")
	f("PT4M", "1 from 12:01 to 12:01")
	f("2026-01-01T08:00:00Z/2026-01-01T08:12:00Z", "3 from 08:02 to 08:12")
	f("2026-01-01T08:00:00Z/2026-01-01T08:00:00Z", "1 from 08:00 to 08:00")
	f("2026-01-01T08:00:00Z/2026-01-01T07:00:00Z", "ends before it begins")
	f("P9000Y", "1500 work at a time")
	f("0001-01-01/9999-12-31", "1500 work at a time")
	f("", "timespan is missing")
	f("soon", "is not a timespan")
}
