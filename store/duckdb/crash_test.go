package duckdb

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sextant/store"
	"sextant/table"
)

var crashDef = table.Def{
	Name: "C", Time: "At", IDs: []string{"Key"}, Text: []string{"Doc"},
	Columns: table.Schema{{Name: "At", Type: table.DateTime}, {Name: "Key", Type: table.String}, {Name: "N", Type: table.Long}, {Name: "Doc", Type: table.Dynamic}},
}

// crashLoad n: three rows on each of three days and one without a time. Each
// load but the first supersedes the first row of the load before it.
func crashLoad(n int64) store.Load {
	const rows = 10
	tp := store.TopicPartition{Topic: "c", Partition: 2}
	b := table.NewBatch(crashDef.Physical(), rows)
	for i := range int64(rows) {
		at := table.DateTimeValue((739_000 + i/3) * table.TicksPerDay)
		if i == rows-1 {
			at = table.Null(table.DateTime)
		}
		b.AppendRow([]table.Value{
			at, table.StringValue(fmt.Sprintf("key-%d", n)), table.LongValue(n*rows + i), table.DynamicText(`{"n":` + strconv.FormatInt(n, 10) + `}`),
			table.LongValue(n*rows + i), table.StringValue(tp.Topic), table.IntValue(2), table.LongValue(n), table.IntValue(i), table.DateTimeValue(1), table.IntValue(1), table.BoolValue(false),
		})
	}
	l := store.Load{Tables: []store.TableRows{{Table: "C", Rows: b}}, Marks: store.Marks{tp: n + 1}}
	if n > 0 {
		l.Superseded = []store.Place{{TopicPartition: tp, Offset: n - 1}}
	}
	return l
}

// crashRows are the rows that n loads leave.
func crashRows(n int64) []int64 {
	var out []int64
	for load := range n {
		for i := range int64(10) {
			if i > 0 || load == n-1 {
				out = append(out, load*10+i)
			}
		}
	}
	return out
}

const crashLoads = 6

// TestCrashChild is the process that is killed: it loads, flushes and merges from
// where the folder stands, and dies at the step that it is told.
func TestCrashChild(t *testing.T) {
	dir, at := os.Getenv("SEXTANT_CRASH_DIR"), os.Getenv("SEXTANT_CRASH_AT")
	if dir == "" {
		t.Skip("it is started by TestCrash")
	}
	left, err := strconv.Atoi(at)
	noErr(t, err)
	ctx := context.Background()
	s := open(t, dir, Options{reach: func(step string) {
		if left--; left == 0 {
			fmt.Println("dies at:", step)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}})
	noErr(t, s.Define(ctx, crashDef))
	_, durable := s.Marks()
	for n := durable[store.TopicPartition{Topic: "c", Partition: 2}]; n < crashLoads; n++ {
		noErr(t, s.Append(ctx, crashLoad(n)))
		if n%3 != 1 {
			noErr(t, s.Flush(ctx))
		}
		if n%3 == 1 {
			noErr(t, s.Maintain(ctx))
		}
	}
	noErr(t, s.Flush(ctx))
	noErr(t, s.Maintain(ctx))
	fmt.Println("lives")
}

// TestCrash kills the process at every step of its writes, between two files of
// a flush and of a merge too. Whatever stands on disk then, the rows are exactly
// those of the durable marks, with the list of segments and without it.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	steps := map[string]int{}
	for at := 1; ; at++ {
		for _, lost := range []bool{false, true} {
			if !*crashAll && lost != (at%2 == 0) {
				continue
			}
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
			cmd.Env = append(os.Environ(), "SEXTANT_CRASH_DIR="+dir, "SEXTANT_CRASH_AT="+strconv.Itoa(at))
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "lives") {
				for _, s := range []string{"rows of a file", "flushed file", "merged file", "commit", "committed"} {
					if steps[s] == 0 {
						t.Errorf("no process died at %q: %v", s, steps)
					}
				}
				return
			}
			_, step, died := strings.Cut(string(out), "dies at: ")
			if err == nil || !died {
				t.Fatalf("step %d: %v\n%s", at, err, out)
			}
			step, _, _ = strings.Cut(step, "\n")
			steps[step]++
			if lost {
				noErr(t, os.RemoveAll(filepath.Join(dir, manifestName)))
			}
			checkCrash(t, fmt.Sprintf("step %d (%s), list lost: %v", at, step, lost), dir)
		}
	}
}

var crashAll = flag.Bool("crash.all", false, "TestCrash loses the list of segments at every step, not at every second")

func checkCrash(t *testing.T, what, dir string) {
	t.Helper()
	ctx := context.Background()
	s := open(t, dir, Options{})
	tp := store.TopicPartition{Topic: "c", Partition: 2}
	_, durable := s.Marks()
	noErr(t, s.Define(ctx, crashDef))
	check := func(stage string, loads int64) {
		t.Helper()
		var got []int64
		for _, r := range query(t, s, store.Scan{Table: "C", Columns: []string{"N"}}, "SELECT n FROM %s AS r(n) ORDER BY 1", table.Schema{{Name: "n", Type: table.Long}}) {
			n, _ := strconv.ParseInt(r[0], 10, 64)
			got = append(got, n)
		}
		if want := crashRows(loads); !slices.Equal(got, want) {
			t.Fatalf("%s, %s: rows %v, want %v", what, stage, got, want)
		}
	}
	check("opened", durable[tp])
	for n := durable[tp]; n < crashLoads; n++ {
		noErr(t, s.Append(ctx, crashLoad(n)))
	}
	check("loaded again", crashLoads)
	noErr(t, s.Flush(ctx))
	noErr(t, s.Maintain(ctx))
	check("flushed and merged", crashLoads)
	noErr(t, s.Close())
	entries, err := os.ReadDir(dir)
	noErr(t, err)
	man, err := loadManifest(dir)
	noErr(t, err)
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".seg"); ok {
			n, _ := strconv.ParseInt(id, 10, 64)
			if !slices.ContainsFunc(man.Files, func(m fileMeta) bool { return m.ID == n }) {
				t.Errorf("%s: %s is left over", what, e.Name())
			}
		}
	}
}
