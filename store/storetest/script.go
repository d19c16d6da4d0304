package storetest

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sextant/store"
	"sextant/table"
)

//go:embed testdata
var testdata embed.FS

// step of a script: a command, the lines below it, and what it must answer.
type step struct {
	line    int
	command string
	input   []string
	want    string
	got     string
}

// parseScript reads steps: a command line, input lines, "----", expected lines,
// an empty line. Steps whose answer is "ok" may leave out the rest from "----" on.
func parseScript(text string) (steps []step, err error) {
	var cur *step
	inWant := false
	flush := func() {
		if cur != nil {
			if !inWant {
				cur.want = "ok\n"
			}
			steps = append(steps, *cur)
		}
		cur, inWant = nil, false
	}
	sc := bufio.NewScanner(strings.NewReader(text))
	sc.Buffer(nil, 4<<20)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "# ") && cur == nil:
		case line == "":
			flush()
		case cur == nil:
			cur = &step{line: n, command: line}
		case line == "----":
			inWant = true
		case inWant:
			cur.want += line + "\n"
		default:
			cur.input = append(cur.input, line)
		}
	}
	flush()
	return steps, sc.Err()
}

// nudge is what happens after every step of a run of a script.
type nudge struct {
	name string
	do   func(r *run) error
}

var nudges = []nudge{
	{"as it is", nil},
	{"flush", func(r *run) error { return r.store.Flush(r.ctx) }},
	{"merge", func(r *run) error {
		if err := r.store.Flush(r.ctx); err != nil {
			return err
		}
		return r.store.Maintain(r.ctx)
	}},
	{"crash", func(r *run) error { return r.crash() }},
	{"flush and crash", func(r *run) error {
		if err := r.store.Flush(r.ctx); err != nil {
			return err
		}
		return r.crash()
	}},
}

func runScripts(t *testing.T, e Engine) {
	files, err := testdata.ReadDir("testdata")
	noErr(t, err)
	ran := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".script") {
			continue
		}
		ran++
		text, err := testdata.ReadFile("testdata/" + f.Name())
		noErr(t, err)
		for _, n := range nudges {
			if strings.Contains(n.name, "crash") && !e.Durable {
				continue
			}
			t.Run(strings.TrimSuffix(f.Name(), ".script")+"/"+n.name, func(t *testing.T) {
				steps, err := parseScript(string(text))
				noErr(t, err)
				r := &run{t: t, ctx: context.Background(), engine: e, dir: t.TempDir(), nudge: n, snaps: map[string]store.Snapshot{}, defs: map[string]table.Def{}}
				r.store = open(t, e, r.dir)
				r.all(f.Name(), steps)
			})
		}
	}
	if ran == 0 {
		t.Fatal("there are no scripts")
	}
}

// run of one script.
type run struct {
	t      *testing.T
	ctx    context.Context
	engine Engine
	dir    string
	nudge  nudge
	store  store.Store
	snaps  map[string]store.Snapshot
	defs   map[string]table.Def
	log    []load // everything that was ever appended, as the commit log keeps it
}

type load struct {
	rows  []row
	dead  []store.Place
	marks store.Marks
}

func (r *run) all(file string, steps []step) {
	for i := range steps {
		s := &steps[i]
		r.t.Logf("%s:%d: %s", file, s.line, s.command)
		s.got = r.step(s)
		if s.got != s.want && !*update {
			r.t.Errorf("%s:%d: %s\n%s----\ngot:\n%swant:\n%s", file, s.line, s.command, strings.Join(append(s.input, ""), "\n"), s.got, s.want)
		}
		changes := s.command == "append" || strings.HasPrefix(s.command, "define")
		if changes && r.nudge.do != nil && len(r.snaps) == 0 {
			noErr(r.t, r.nudge.do(r))
		} else if changes && r.nudge.do != nil && !strings.Contains(r.nudge.name, "crash") {
			noErr(r.t, r.nudge.do(r))
		}
	}
	for _, s := range r.snaps {
		s.Close()
	}
	if *update && r.nudge.do == nil {
		rewrite(r.t, file, steps)
	}
}

func (r *run) step(s *step) string {
	out, err := r.do(s)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if out == "" {
		return "ok\n"
	}
	return out
}

func (r *run) do(s *step) (string, error) {
	words := strings.Fields(s.command)
	opt := map[string]string{}
	var names []string
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			opt[k] = v
		} else {
			names = append(names, w)
		}
	}
	switch words[0] {
	case "define":
		def, err := parseDef(names[0], opt, s.input)
		if err != nil {
			return "", err
		}
		if err := r.store.Define(r.ctx, def); err != nil {
			return "", err
		}
		r.defs[def.Name] = def
	case "append":
		l, err := parseLoad(s.input)
		if err != nil {
			return "", err
		}
		if err := r.append(l); err != nil {
			return "", err
		}
		r.log = append(r.log, l)
	case "flush":
		return "", r.store.Flush(r.ctx)
	case "merge":
		return "", r.store.Maintain(r.ctx)
	case "drop":
		return "", r.store.DropBefore(r.ctx, names[0], ticks(opt["before"]))
	case "snapshot":
		snap, err := r.store.Snapshot(r.ctx)
		if err != nil {
			return "", err
		}
		r.snaps[names[0]] = snap
	case "close":
		err := r.snaps[names[0]].Close()
		delete(r.snaps, names[0])
		return "", err
	case "tables":
		return r.withSnap(opt["at"], func(snap store.Snapshot) (string, error) { return strings.Join(snap.Tables(), "\n") + "\n", nil })
	case "def":
		return r.withSnap(opt["at"], func(snap store.Snapshot) (string, error) {
			d, ok := snap.Def(names[0])
			if !ok {
				return "none\n", nil
			}
			phys := d.Physical()
			return phys[:len(phys)-len(table.Hidden)].String() + "\n", nil
		})
	case "stats":
		return r.withSnap(opt["at"], func(snap store.Snapshot) (string, error) {
			st := snap.Stats(names[0])
			return fmt.Sprintf("%d rows\n", st.Rows), nil
		})
	case "span":
		return r.withSnap(opt["at"], func(snap store.Snapshot) (string, error) {
			st := snap.Stats(names[0])
			if st.Max < st.Min {
				return "none\n", nil
			}
			return fmt.Sprintf("%s to %s\n", table.FormatDateTime(st.Min), table.FormatDateTime(st.Max)), nil
		})
	case "marks":
		visible, durable := r.store.Marks()
		for tp, d := range durable {
			if d > visible[tp] {
				return "", fmt.Errorf("%v is durable to %d and visible to %d", tp, d, visible[tp])
			}
		}
		return formatMarks(visible), nil
	case "durable":
		if r.nudge.do != nil {
			return s.want, nil // depends on it
		}
		_, durable := r.store.Marks()
		return formatMarks(durable), nil
	case "scan":
		return r.withSnap(opt["at"], func(snap store.Snapshot) (string, error) { return r.scan(snap, names, opt) })
	default:
		return "", fmt.Errorf("unknown command %q", words[0])
	}
	return "", nil
}

func (r *run) withSnap(name string, f func(store.Snapshot) (string, error)) (string, error) {
	if name != "" {
		if r.snaps[name] == nil {
			return "", fmt.Errorf("no snapshot %q", name)
		}
		return f(r.snaps[name])
	}
	snap, err := r.store.Snapshot(r.ctx)
	if err != nil {
		return "", err
	}
	defer snap.Close()
	return f(snap)
}

// scan reads columns and filters as the scan says, for an engine may give more.
func (r *run) scan(snap store.Snapshot, names []string, opt map[string]string) (string, error) {
	scan := store.Scan{Table: names[0], Columns: names[1:]}
	wanted := len(scan.Columns)
	def, _ := snap.Def(scan.Table)
	var filters []func(b *table.Batch, i int) bool
	need := func(name string) int {
		scan.Columns = append(scan.Columns, name)
		return len(scan.Columns) - 1
	}
	if opt["from"] != "" || opt["to"] != "" {
		c := need(def.Time)
		if v := opt["from"]; v != "" {
			scan.From = ticks(v)
			filters = append(filters, func(b *table.Batch, i int) bool { return !b.Cols[c].IsNull(i) && b.Cols[c].N[i] >= scan.From })
		}
		if v := opt["to"]; v != "" {
			scan.To = ticks(v)
			filters = append(filters, func(b *table.Batch, i int) bool { return !b.Cols[c].IsNull(i) && b.Cols[c].N[i] < scan.To })
		}
	}
	if v := opt["equal"]; v != "" {
		for _, eq := range strings.Split(v, ";") {
			name, list, _ := strings.Cut(eq, ":")
			values := strings.Split(list, ",")
			scan.Equal = append(scan.Equal, store.Equal{Column: name, Values: values})
			c := need(name)
			filters = append(filters, func(b *table.Batch, i int) bool {
				return slices.Contains(values, b.Cols[c].At(i).Str())
			})
		}
	}
	rows, err := read(r.ctx, snap, scan, func(b *table.Batch, i int) bool {
		for _, f := range filters {
			if !f(b, i) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return "", err
	}
	if wanted == 0 {
		return fmt.Sprintf("%d rows\n", len(rows)), nil
	}
	if len(rows) == 0 {
		return "nothing\n", nil
	}
	for i, row := range rows { // the columns that only the filters need come last
		rows[i] = strings.Join(strings.Split(row, "  ")[:wanted], "  ")
	}
	return strings.Join(rows, "\n") + "\n", nil
}

func (r *run) append(l load) error {
	out := store.Load{Superseded: l.dead, Marks: l.marks}
	byTable := map[string][]row{}
	for _, x := range l.rows {
		byTable[x.table] = append(byTable[x.table], x)
	}
	for name, rows := range byTable {
		def := r.defs[name]
		if def.Name == "" {
			def.Name = name
		} else {
			for i := range rows { // rows that were logged before the table was widened
				for len(rows[i].cells) < len(def.Columns) {
					rows[i].cells = append(rows[i].cells, json.RawMessage("null"))
				}
			}
		}
		b, err := batch(&def, rows)
		if def.Columns == nil {
			b, err = &table.Batch{}, nil
		}
		if err != nil {
			return err
		}
		out.Tables = append(out.Tables, store.TableRows{Table: name, Rows: b})
	}
	return r.store.Append(r.ctx, out)
}

// crash loses what is not durable and loads it from the log again.
func (r *run) crash() error {
	if err := r.store.Close(); err != nil {
		return err
	}
	r.store = open(r.t, r.engine, r.dir)
	_, durable := r.store.Marks()
	for _, l := range r.log {
		again := load{dead: l.dead, marks: l.marks}
		for _, x := range l.rows {
			if x.place.Offset >= durable[x.place.TopicPartition] {
				again.rows = append(again.rows, x)
			}
		}
		behind := false
		for tp, o := range l.marks {
			behind = behind || o > durable[tp]
		}
		if !behind {
			continue
		}
		if err := r.append(again); err != nil {
			return err
		}
	}
	return nil
}

// parseDef: lines are "Column:type", or "+ Column path type" for a promoted path.
func parseDef(name string, opt map[string]string, lines []string) (table.Def, error) {
	def := table.Def{Name: name, Time: opt["time"]}
	for _, l := range lines {
		f := strings.Fields(l)
		if f[0] == "+" {
			t, ok := table.ParseType(f[3])
			if !ok {
				return def, fmt.Errorf("no type %q", f[3])
			}
			def.Promoted = append(def.Promoted, table.Promoted{Column: f[1], Path: f[2], Type: t})
			continue
		}
		for _, c := range f {
			n, typ, _ := strings.Cut(c, ":")
			t, ok := table.ParseType(typ)
			if !ok {
				return def, fmt.Errorf("no type %q", typ)
			}
			def.Columns = append(def.Columns, table.Column{Name: n, Type: t})
		}
	}
	if opt["ids"] != "" {
		def.IDs = strings.Split(opt["ids"], ",")
	}
	if opt["text"] != "" {
		def.Text = strings.Split(opt["text"], ",")
	}
	return def, nil
}

// parseLoad: "Table place [cells]", "dead place", "mark partition offset".
func parseLoad(lines []string) (load, error) {
	l := load{marks: store.Marks{}}
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		at, cells, _ := strings.Cut(rest, " ")
		switch word {
		case "mark":
			tp, err := parsePlace(at + "/" + cells)
			if err != nil {
				return l, err
			}
			l.marks[tp.TopicPartition] = tp.Offset
			continue
		}
		p, err := parsePlace(at)
		if err != nil {
			return l, fmt.Errorf("%s: %w", line, err)
		}
		if word == "dead" {
			l.dead = append(l.dead, p)
			continue
		}
		x := row{table: word, place: p}
		if err := json.Unmarshal([]byte(cells), &x.cells); err != nil {
			return l, fmt.Errorf("%s: %w", line, err)
		}
		l.rows = append(l.rows, x)
		// A load moves the marks behind its rows, as the loader does.
		l.marks[p.TopicPartition] = max(l.marks[p.TopicPartition], p.Offset+1)
	}
	return l, nil
}

// parsePlace: topic:partition/offset[/index].
func parsePlace(s string) (p store.Place, err error) {
	topic, rest, ok := strings.Cut(s, ":")
	f := strings.Split(rest, "/")
	if !ok || len(f) < 2 {
		return p, fmt.Errorf("%q is no place topic:partition/offset", s)
	}
	n := make([]int64, 3)
	for i := range f {
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil {
			return p, err
		}
	}
	return store.Place{TopicPartition: store.TopicPartition{Topic: topic, Partition: int32(n[0])}, Offset: n[1], Index: int32(n[2])}, nil
}

func formatMarks(m store.Marks) string {
	var out []string
	for tp, o := range m {
		out = append(out, fmt.Sprintf("%s:%d %d", tp.Topic, tp.Partition, o))
	}
	if out == nil {
		return "none\n"
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

var update = flag.Bool("storetest.update", false, "accept what the engine answers to the scripts of store/storetest")

// rewrite a script with the answers that were given.
func rewrite(t *testing.T, file string, steps []step) {
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "testdata", file)
	old, err := os.ReadFile(path)
	noErr(t, err)
	lines := strings.Split(string(old), "\n")
	var b strings.Builder
	at := 0
	for _, s := range steps {
		for ; at < s.line+len(s.input); at++ {
			b.WriteString(lines[at] + "\n")
		}
		for at < len(lines) && lines[at] != "" {
			at++
		}
		if s.got != "ok\n" {
			b.WriteString("----\n" + s.got)
		}
	}
	b.WriteString(strings.TrimRight(strings.Join(lines[at:], "\n"), "\n"))
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteString("\n")
	}
	noErr(t, os.WriteFile(path, []byte(b.String()), 0o644))
}
