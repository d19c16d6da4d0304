package query

import (
	"context"
	"errors"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/kql/kqltest"
	"sextant/store"
	"sextant/table"
)

// TestSplit runs testdata/split.txt: queries, and which half of each runs where and
// why. -update accepts what is printed; a person reads the difference.
func TestSplit(t *testing.T) {
	const file = "testdata/split.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	st := openDuckDB(t)
	def := table.Def{Name: "Sign", Time: "Time", IDs: []string{"User"}, Columns: table.Schema{
		{Name: "Time", Type: table.DateTime}, {Name: "User", Type: table.String}, {Name: "Code", Type: table.Int}, {Name: "Ms", Type: table.Real}, {Name: "Place", Type: table.Dynamic},
	}, Promoted: []table.Promoted{{Column: "Place", Path: "city", Type: table.String}}}
	if err := st.Define(context.Background(), def); err != nil {
		t.Fatal(err)
	}
	row := table.NewBatch(def.Columns, 1) // what is known to be empty is not read
	row.AppendRow([]table.Value{table.DateTimeValue(kqltest.Now), table.StringValue("u"), table.IntValue(1), table.RealValue(1), table.DynamicText("{}")})
	offset := int64(0)
	if err := st.Append(context.Background(), store.Load{Tables: []store.TableRows{{Table: "Sign", Rows: physical(&def, row, &offset)}}}); err != nil {
		t.Fatal(err)
	}
	e := New(Options{Clock: clockAt(kqltest.Now)})
	var out []string
	ran := 0
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		query, want, ok := strings.Cut(block, "\n----")
		if !ok {
			out = append(out, block) // a comment
			continue
		}
		ran++
		got, err := e.Explain(context.Background(), st, Request{Text: query})
		if err != nil {
			t.Errorf("%s\n%v", query, err)
		}
		var keep []string
		for _, l := range strings.Split(strings.TrimSpace(got), "\n") {
			if !strings.HasPrefix(l, "text:") && !strings.HasPrefix(l, "plan:") {
				keep = append(keep, l)
			}
		}
		got = strings.Join(keep, "\n")
		if strings.TrimSpace(want) != got && flag.Lookup("update").Value.String() != "true" {
			t.Errorf("%s\nis split as\n%s\nand not as\n%s", query, got, want)
		}
		out = append(out, query+"\n----\n"+got)
	}
	if ran < 10 {
		t.Errorf("only %d queries", ran)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever a text is, it is refused, answered, or ended by a limit: soon, never with
// a failure of ours, never with SQL that the engine does not take, and never with more
// memory than the limits leave.
func FuzzEngine(f *testing.F) {
	scripts, err := kqltest.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	seeds := 0
	var tables map[string]*table.Batch
	for _, s := range scripts {
		for _, c := range s.Cases {
			f.Add(c.Text)
			seeds++
			if len(c.Tables) > len(tables) {
				tables = c.Tables
			}
		}
	}
	if seeds < 150 {
		f.Fatalf("only %d seeds", seeds)
	}
	e := newCutEngine("duckdb", nil, &stores{t: f, make: func(t testing.TB) store.Store { return openDuckDB(t) }, half: true})
	e.engine.o.Timeout, e.engine.o.MaxBytes, e.engine.o.MaxRows = 200*time.Millisecond, 8<<20, 10_000
	if _, err := e.stores.of(context.Background(), tables); err != nil {
		f.Fatal(err)
	}
	asked := 0
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		_, _, err := e.Query(context.Background(), tables, text)
		if err != nil && fault.KindOf(err) == fault.Internal && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%q fails with %v", text, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Fatalf("%q took %v", text, took)
		}
		if asked++; asked%100 == 0 || time.Since(begin) > 50*time.Millisecond {
			if peak := peakMemory(t); peak > 1<<30 {
				t.Fatalf("%q, or one of the 100 before it: the process has held %d MB", text, peak>>20)
			}
		}
	})
}

// peakMemory is the most that the process has held, in bytes; 0 where the system does
// not say.
func peakMemory(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
