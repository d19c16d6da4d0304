package kqltest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/table"
)

// Known answers: queries with what they must give, recorded from Kusto's engine or
// taken from its documentation. They are not part of the project; where they are not
// at hand the test skips.

// KnownCase is one of them.
type KnownCase struct {
	ID          string     `json:"id"`
	Query       string     `json:"query"`
	Columns     []string   `json:"columns"`
	Rows        [][]string `json:"rows"`
	ExpectError bool       `json:"expect_error"`
	Executable  *bool      `json:"executable"`
	ParseOnly   bool       `json:"parse_only"`
	Ordered     bool       `json:"ordered"`
	Area        string     `json:"area"`
	Flags       []string   `json:"flags"`
	LastLine    *string    `json:"expected_last_line"`
	Contains    *string    `json:"expected_last_line_contains"`
	CSV         *string    `json:"expected_csv"`
	Lines       *string    `json:"expected_lines"`
}

// Outcome of a known case.
type Outcome string

const (
	Pass  Outcome = "pass"
	Soft  Outcome = "soft" // but for row order, digits, column order, order in sets
	Fail  Outcome = "fail"
	Error Outcome = "error"
)

// Score of a file: how many cases had each outcome, and what was wrong.
type Score struct {
	Total  int
	Counts map[Outcome]int
	Wrong  []string // "id: outcome: message"
}

// Good is how many passed, soft ones included.
func (s Score) Good() int { return s.Counts[Pass] + s.Counts[Soft] }

func (s Score) String() string {
	return fmt.Sprintf("%d of %d (pass %d, soft %d, fail %d, error %d)", s.Good(), s.Total, s.Counts[Pass], s.Counts[Soft], s.Counts[Fail], s.Counts[Error])
}

// Floor is the least score of each file, kept in a file of lines "name number".
// The score may rise above it and then -update raises the floor; it never falls.
type Floor map[string]int

// Conformance scores an engine against the known cases in dir (*.jsonl) and fails
// where a file scores below its floor.
func Conformance(t *testing.T, dir, floorFile string, e Engine, opts ...Option) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skipf("no known answers in %s", dir)
	}
	r := newRun(e, opts)
	floor, err := readFloor(floorFile)
	if err != nil {
		t.Fatal(err)
	}
	risen := false
	for _, n := range names {
		base := filepath.Base(n)
		t.Run(strings.TrimSuffix(base, ".jsonl"), func(t *testing.T) {
			score, err := ScoreFile(n, e)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", score)
			for _, w := range score.Wrong {
				t.Log(w)
			}
			switch least := floor[base]; {
			case score.Good() < least:
				t.Errorf("%s scores %d, below its floor of %d", base, score.Good(), least)
			case score.Good() > least:
				floor[base], risen = score.Good(), true
				t.Logf("the floor of %s can rise from %d to %d: -update does it", base, least, score.Good())
			}
		})
	}
	if risen && *update && r.accept {
		if err := writeFloor(floorFile, floor); err != nil {
			t.Fatal(err)
		}
	}
}

func readFloor(name string) (Floor, error) {
	out := Floor{}
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range strings.Split(string(text), "\n") {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		var file string
		var n int
		if _, err := fmt.Sscan(l, &file, &n); err != nil {
			return nil, fmt.Errorf("%s: %q is no floor", name, l)
		}
		out[file] = n
	}
	return out, nil
}

func writeFloor(name string, f Floor) error {
	var b strings.Builder
	b.WriteString("# Known answers that must be right at least: file, number. Only -update raises them.\n")
	var files []string
	for n := range f {
		files = append(files, n)
	}
	sort.Strings(files)
	for _, n := range files {
		fmt.Fprintf(&b, "%s %d\n", n, f[n])
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// ReadCases reads a file of known cases.
func ReadCases(name string) ([]KnownCase, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []KnownCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var c KnownCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		out = append(out, c)
	}
	return out, lines.Err()
}

// scored cases can be run and have an answer.
func (c *KnownCase) scored() bool {
	return !c.ParseOnly && (c.texty() || len(c.Columns) > 0 || c.ExpectError) && (c.Executable == nil || *c.Executable)
}

func (c *KnownCase) texty() bool {
	return len(c.Columns) == 0 && (c.LastLine != nil || c.Contains != nil || c.CSV != nil || c.Lines != nil)
}

// ScoreFile runs the cases of a file.
func ScoreFile(name string, e Engine) (Score, error) {
	cases, err := ReadCases(name)
	if err != nil {
		return Score{}, err
	}
	s := Score{Counts: map[Outcome]int{}}
	// What the engine itself said has its own names of columns.
	strictNames := strings.HasPrefix(filepath.Base(name), "emulator")
	for i := range cases {
		c := &cases[i]
		if !c.scored() {
			continue
		}
		s.Total++
		out, message := scoreCase(c, e, strictNames)
		s.Counts[out]++
		if out == Fail || out == Error {
			s.Wrong = append(s.Wrong, fmt.Sprintf("%s: %s: %s", c.ID, out, message))
		}
	}
	return s, nil
}

var setLike = regexp.MustCompile(`\b(make_set\w*|set_union|set_difference|set_intersect|bag_keys)\s*\(`)

func scoreCase(c *KnownCase, e Engine, strictNames bool) (Outcome, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	schema, rows, err := e.Query(ctx, nil, c.Query)
	if err != nil {
		if c.ExpectError {
			if fault.KindOf(err) == fault.Internal {
				return Error, err.Error()
			}
			return Pass, ""
		}
		return Error, strings.Join(failure(c.Query, err), " / ")
	}
	if c.ExpectError {
		return Fail, "the query must be refused"
	}
	if c.texty() {
		return c.lines(rows)
	}
	names := schema.Names()
	loose := map[string]bool{}
	if !slices.Equal(names, c.Columns) {
		at := make([]int, len(c.Columns))
		for i, n := range c.Columns {
			at[i] = schema.Index(n)
		}
		if slices.Contains(at, -1) {
			if strictNames || len(names) != len(c.Columns) {
				return Fail, fmt.Sprintf("columns %v wanted, %v there", c.Columns, names)
			}
			for i := range at { // the documentation's headers are written by hand
				at[i] = i
			}
		} else {
			loose["columns"] = true
		}
		for k, r := range rows {
			picked := make([]table.Value, len(at))
			for i, from := range at {
				picked[i] = r[from]
			}
			rows[k] = picked
		}
	}
	v := sameRows(c.Rows, rows, c.Ordered, slices.Contains(c.Flags, "truncated"), setLike.MatchString(c.Query))
	switch {
	case !v.ok:
		return Fail, v.message
	case len(v.loose) > 0 || len(loose) > 0:
		return Soft, ""
	}
	return Pass, ""
}

// lines judges cases that state rows as text with commas.
func (c *KnownCase) lines(rows [][]table.Value) (Outcome, string) {
	flat := func(rows [][]table.Value) []table.Value {
		var out []table.Value
		for _, r := range rows {
			out = append(out, r...)
		}
		return out
	}
	want, got := "", rows
	switch {
	case c.LastLine != nil:
		want = *c.LastLine
	case c.CSV != nil:
		want = *c.CSV
	case c.Lines != nil:
		want = *c.Lines
	case c.Contains != nil:
		want = *c.Contains
	}
	if c.LastLine != nil || c.Contains != nil {
		if len(rows) == 0 {
			return Fail, "no rows"
		}
		got = rows[len(rows)-1:]
		// Without a sort any row may be the last, and which one changes from run to run.
		if c.LastLine != nil && !c.Ordered && len(rows) > 1 {
			last := *c
			last.Ordered = true
			out, message := last.lines(got)
			for i := 0; i < len(rows)-1 && out == Fail; i++ {
				if o, _ := last.lines(rows[i : i+1]); o != Fail {
					out = Soft
				}
			}
			return out, message
		}
	}
	cells := flat(got)
	texts := make([]string, len(cells))
	for i, v := range cells {
		texts[i] = "<null>"
		if v.Type() == table.Bool && !v.IsNull() {
			texts[i] = map[bool]string{true: "True", false: "False"}[v.Bool()]
		} else if !v.IsNull() {
			texts[i] = v.Text()
		}
	}
	all := strings.Join(texts, ",")
	if c.Contains != nil && c.LastLine == nil {
		squash := func(s string) string {
			return strings.ToLower(space.ReplaceAllString(regexp.MustCompile(`(\d)T(\d)`).ReplaceAllString(s, "$1$2"), ""))
		}
		if strings.Contains(squash(all), squash(want)) {
			return Pass, ""
		}
		for _, v := range cells {
			if (v.Type() == table.TimeSpan || v.Type() == table.DateTime) && sameTime(want, v) {
				return Pass, ""
			}
		}
		return Fail, want + " wanted in " + all
	}
	var v verdict
	sets := setLike.MatchString(c.Query)
	match := func(parts []string) bool {
		if len(parts) != len(cells) {
			return false
		}
		for i := range parts {
			if !sameCell(strings.TrimSpace(parts[i]), cells[i], sets, &v) {
				return false
			}
		}
		return true
	}
	bare := strings.NewReplacer(" ", "", "\n", ",", `"`, "", "<null>", "")
	if match([]string{want}) || match(strings.Split(strings.ReplaceAll(want, "\n", ","), ",")) || bare.Replace(all) == bare.Replace(want) {
		if len(v.loose) > 0 {
			return Soft, ""
		}
		return Pass, ""
	}
	if (c.Lines != nil || c.CSV != nil) && !c.Ordered && len(cells) > 0 { // without a sort rows come in no order
		width := len(cells) / len(rows)
		var lines []string
		for i := range rows {
			lines = append(lines, bare.Replace(strings.Join(texts[i*width:(i+1)*width], ",")))
		}
		wanted := strings.Split(want, "\n")
		if c.CSV != nil { // all cells, one behind the other
			wanted = nil
			for part := range slices.Chunk(strings.Split(strings.ReplaceAll(want, "\n", ","), ","), width) {
				wanted = append(wanted, strings.Join(part, ","))
			}
		}
		for i := range wanted {
			wanted[i] = bare.Replace(wanted[i])
		}
		slices.Sort(lines)
		slices.Sort(wanted)
		if slices.Equal(lines, wanted) {
			return Soft, ""
		}
	}
	return Fail, want + " wanted, " + all + " there"
}
