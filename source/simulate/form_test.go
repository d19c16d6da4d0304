package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// The form of the records is held against exported ones: which members there
// are, in which order, of which type, how values are written, where spaces
// stand, and how large a record is.

// form is what records of a category look like.
type form struct {
	records int
	sizes   []int
	paths   map[string]*member
	objects map[string][][]string // distinct sequences of keys by path
}

type member struct {
	count   int // records that have it
	types   map[string]bool
	classes map[string]bool // of strings and numbers
}

// classes of values, tried in order. What is none of them is text.
var classes = []struct {
	name string
	re   *regexp.Regexp
}{
	{"empty", regexp.MustCompile(`^$`)},
	{"guid", regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)},
	{"time .0000000Z", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$`)},
	{"time Z", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)},
	{"time +00:00", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?\+00:00$`)},
	{"time h:mm:ss.000Z", regexp.MustCompile(`^\d{4}-\d\d-\d\dT(\d|1\d|2\d):\d\d:\d\d\.\d{3}Z$`)},
	{"time M/d/yyyy h:mm:ss AM", regexp.MustCompile(`^[1-9]\d?/[1-9]\d?/\d{4} [1-9]\d?:\d\d:\d\d [AP]M$`)},
	{"number", regexp.MustCompile(`^-?\d+$`)},
	{"decimal", regexp.MustCompile(`^-?\d+\.\d+$`)},
	{"token", regexp.MustCompile(`^[A-Za-z0-9_-]{21}[AQgw]$`)},
	{"64 hex", regexp.MustCompile(`^[0-9a-f]{64}$`)},
	{"address", regexp.MustCompile(`^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,7})$`)},
	{"country", regexp.MustCompile(`^[A-Z]{2}$`)},
	{"scope /tenants/", regexp.MustCompile(`^/tenants/[0-9a-f-]{36}/providers/[Mm]icrosoft\.aadiam$`)},
	{"scope /TENANTS/", regexp.MustCompile(`^/TENANTS/[0-9A-F-]{36}/PROVIDERS/MICROSOFT\.AADIAM$`)},
	{"url", regexp.MustCompile(`^https?://`)},
	{"JSON", regexp.MustCompile(`^(\[.*\]|\{".*\})$`)},
	{"audit id", regexp.MustCompile(`^[A-Za-z -]+_[0-9a-f-]{36}_[A-Z0-9]{5}_\d+$`)},
}

func classOf(s string) string {
	for _, c := range classes {
		if c.re.MatchString(s) {
			return c.name
		}
	}
	return "text"
}

func newForm() *form { return &form{paths: map[string]*member{}, objects: map[string][][]string{}} }

func (f *form) add(line []byte) error {
	f.records++
	f.sizes = append(f.sizes, len(line))
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	seen := map[string]bool{}
	if err := f.value(d, "", seen); err != nil {
		return err
	}
	for p := range seen {
		f.paths[p].count++
	}
	return nil
}

func (f *form) value(d *json.Decoder, path string, seen map[string]bool) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	m := f.paths[path]
	if m == nil {
		m = &member{types: map[string]bool{}, classes: map[string]bool{}}
		f.paths[path] = m
	}
	seen[path] = true
	switch v := tok.(type) {
	case json.Delim:
		if v == '[' {
			m.types["array"] = true
			for d.More() {
				if err := f.value(d, path+"[]", seen); err != nil {
					return err
				}
			}
		} else {
			m.types["object"] = true
			var keys []string
			for d.More() {
				k, err := d.Token()
				if err != nil {
					return err
				}
				keys = append(keys, k.(string))
				if err := f.value(d, path+"."+k.(string), seen); err != nil {
					return err
				}
			}
			if !slices.ContainsFunc(f.objects[path], func(s []string) bool { return slices.Equal(s, keys) }) {
				f.objects[path] = append(f.objects[path], keys)
			}
		}
		_, err = d.Token()
		return err
	case string:
		m.types["string"] = true
		m.classes[classOf(v)] = true
	case json.Number:
		m.types["number"] = true
		m.classes[classOf(v.String())] = true
	case bool:
		m.types["bool"] = true
	case nil:
		m.types["null"] = true
	}
	return nil
}

// spacing says where a line departs from the export's: one space behind the
// braces, colons and commas of the envelope, none elsewhere.
func spacing(line []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		if quoted {
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
			continue
		}
		spaced := false
		switch c {
		case '"':
			quoted = true
		case '{', '[':
			depth++
			spaced = depth == 1
		case '}', ']':
			depth--
		case ':', ',':
			spaced = depth == 1
		case ' ', '\t', '\n', '\r':
			return fmt.Errorf("white space at byte %d: %.60s", i, line[max(0, i-30):])
		}
		if spaced {
			if i+2 >= len(line) || line[i+1] != ' ' || line[i+2] == ' ' {
				return fmt.Errorf("no single space behind byte %d: %.60s", i, line[max(0, i-30):])
			}
			i++
		}
	}
	return nil
}

func median(n []int) int {
	if len(n) == 0 {
		return 0
	}
	n = slices.Clone(n)
	sort.Ints(n)
	return n[len(n)/2]
}

// exported are the forms of the exported records, by category.
func exported(t *testing.T) map[string]*form {
	files, err := filepath.Glob("../../../shared/samples/*/datadog-*.blob.jsonl")
	if err != nil || len(files) == 0 {
		t.Skip("no exported records at ../shared/samples: the form cannot be compared")
	}
	forms := map[string]*form{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 {
				continue
			}
			c := categoryOf(t, line)
			if forms[c] == nil {
				forms[c] = newForm()
			}
			if err := forms[c].add(line); err != nil {
				t.Fatal(name, err)
			}
			if err := spacing(line); err != nil {
				t.Fatalf("%s: the rule of spaces does not hold for an exported record: %v", name, err)
			}
		}
	}
	return forms
}

func categoryOf(t *testing.T, line []byte) string {
	t.Helper()
	_, rest, ok := bytes.Cut(line, []byte(`"category": "`))
	c, _, more := bytes.Cut(rest, []byte(`"`))
	if !ok || !more {
		t.Fatalf("no category in %.200s", line)
	}
	return string(c)
}

// beyond are the members and value classes that ours have and the exported
// records do not, each with a reason.
func beyond(t *testing.T) map[string]bool {
	text, err := os.ReadFile("testdata/beyond-samples.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, reason, ok := strings.Cut(line, " -- ")
		if !ok || len(reason) < 10 {
			t.Fatalf("testdata/beyond-samples.txt:%d: no reason", i+1)
		}
		known[strings.TrimSpace(what)] = false
	}
	return known
}

func TestFormOfExports(t *testing.T) {
	want, got := exported(t), map[string]*form{}
	tenant := testTenant(t, Config{Seed: 7, Users: 120, Start: on(2025, 4, 1), End: on(2025, 4, 29), Scenarios: []string{"all"}})
	for r := range records(t, tenant) {
		if want[r.category] == nil {
			continue
		}
		if got[r.category] == nil {
			got[r.category] = newForm()
		}
		if got[r.category].records > 4000 {
			continue
		}
		if err := got[r.category].add(r.line); err != nil {
			t.Fatalf("%s: %v: %s", r.category, err, r.line)
		}
		if err := spacing(r.line); err != nil {
			t.Fatalf("%s: %v", r.category, err)
		}
	}
	known := beyond(t)
	unlisted := func(c, what string) {
		for _, key := range []string{c + " " + what, "* " + what} {
			if _, ok := known[key]; ok {
				known[key] = true
				return
			}
		}
		t.Errorf("not in the exported records, and not in testdata/beyond-samples.txt: %s %s", c, what)
	}
	for c, w := range want {
		g := got[c]
		if g == nil {
			t.Errorf("no %s records", c)
			continue
		}
		// What the exported records always have, ours always have; what they have at
		// times, some of ours have. Below an array or an object that can be missing,
		// always is seldom.
		for p, m := range w.paths {
			o := g.paths[p]
			if o == nil {
				t.Errorf("%s: exported records have %s, ours do not", c, p)
				continue
			}
			if m.count == w.records && o.count < g.records && !strings.Contains(p, "[]") && w.records > 4 {
				unlisted(c, p+" can be missing")
			}
			for typ := range m.types {
				if !o.types[typ] {
					t.Errorf("%s %s: exported records have type %s, ours %v", c, p, typ, keys(o.types))
				}
			}
			for class := range m.classes {
				if class != "text" && class != "empty" && !o.classes[class] && !m.classes["text"] {
					unlisted(c, p+" is never "+class)
				}
			}
		}
		for p, m := range g.paths {
			o := w.paths[p]
			if o == nil {
				unlisted(c, p)
				continue
			}
			for typ := range m.types {
				if !o.types[typ] {
					unlisted(c, p+" as "+typ)
				}
			}
			if o.classes["text"] {
				continue
			}
			for class := range m.classes {
				if !o.classes[class] && len(o.classes) > 0 {
					unlisted(c, p+" as "+class)
				}
			}
		}
		for p, sequences := range g.objects {
			order := merge(t, c+" "+p, w.objects[p])
			for _, s := range sequences {
				last := -1
				for _, k := range s {
					if i := slices.Index(order, k); i >= 0 {
						if i < last {
							t.Errorf("%s %s: %q stands where exported records do not have it: %v", c, p, k, s)
						}
						last = i
					}
				}
			}
		}
		if gm, wm := median(g.sizes), median(w.sizes); math.Abs(float64(gm-wm)) > 0.25*float64(wm) {
			t.Errorf("%s: a record has %d bytes, an exported one %d", c, gm, wm)
		}
	}
	for k, used := range known {
		if !used {
			t.Errorf("testdata/beyond-samples.txt lists what does not occur: %s", k)
		}
	}
}

// In the mix for benchmarks the sizes are the exported ones more closely.
func TestSizesOfSamplesMix(t *testing.T) {
	want, sizes := exported(t), map[string][]int{}
	for r := range records(t, testTenant(t, Config{Seed: 7, Users: 120, Start: on(2025, 4, 1), End: on(2025, 4, 29), Mix: "samples"})) {
		sizes[r.category] = append(sizes[r.category], len(r.line))
	}
	for c, w := range want {
		if got, wm := median(sizes[c]), median(w.sizes); math.Abs(float64(got-wm)) > 0.15*float64(wm) {
			t.Errorf("%s: a record has %d bytes, an exported one %d", c, got, wm)
		}
	}
}

// merge is one order of keys that all sequences obey.
func merge(t *testing.T, what string, sequences [][]string) []string {
	var order []string
	for _, s := range sequences {
		at := 0
		for _, k := range s {
			if i := slices.Index(order, k); i >= 0 {
				if i < at-1 {
					t.Fatalf("%s: exported records have no single order of keys", what)
				}
				at = i + 1
			} else {
				order = slices.Insert(order, at, k)
				at++
			}
		}
	}
	return order
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// TestValid checks what holds for every record of every category.
func TestValid(t *testing.T) {
	tenant := testTenant(t, Config{Seed: 3, Users: 150, Start: on(2026, 2, 27), End: on(2026, 3, 6), Scenarios: []string{"all"}, RecordsPerUserDay: 60})
	seen := map[string]int{}
	var last time.Time
	envelope := regexp.MustCompile(`^\{ "time": "[^"]+", "resourceId": "[^"]+", "operationName": "[^"]+", "operationVersion": "[^"]+", "category": "`)
	for r := range records(t, tenant) {
		seen[r.category]++
		if !json.Valid(r.line) {
			t.Fatalf("no JSON: %s", r.line)
		}
		if bytes.ContainsAny(r.line, "\r\n") {
			t.Fatalf("a line end within: %s", r.line)
		}
		if !envelope.Match(r.line) {
			t.Fatalf("no envelope: %.300s", r.line)
		}
		if err := spacing(r.line); err != nil {
			t.Fatalf("%s: %v", r.category, err)
		}
		if c := categoryOf(t, r.line); c != r.category {
			t.Fatalf("emitted as %s: %.300s", r.category, r.line)
		}
		if !bytes.Contains(r.line, []byte(`"tenantId": "`+tenant.TenantID()+`"`)) {
			t.Fatalf("no tenant: %.300s", r.line)
		}
		if r.at.Before(last) || r.at.Before(on(2026, 2, 27)) || !r.at.Before(on(2026, 3, 6)) {
			t.Fatalf("%s after %s, in a history from 2026-02-27 to 2026-03-06", r.at, last)
		}
		last = r.at
		stamp := envelopeTime(t, r)
		if d := r.at.Sub(stamp); d < 0 || d >= time.Second {
			t.Fatalf("emitted at %s with the time %s", r.at, stamp)
		}
	}
	for _, c := range Categories() {
		if seen[c] == 0 {
			t.Errorf("no %s in a week of 150 people", c)
		}
	}
}

func envelopeTime(t *testing.T, r record) time.Time {
	t.Helper()
	text, _, _ := strings.Cut(string(r.line[len(`{ "time": "`):]), `"`)
	for _, layout := range []string{time.RFC3339Nano, "1/2/2006 3:04:05 PM"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	t.Fatalf("no time: %.100s", r.line)
	return time.Time{}
}
