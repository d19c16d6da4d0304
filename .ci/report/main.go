// Command report reads the output of `go test -json` and says what a person
// wants to know: which tests failed and why, what was skipped and for what
// reason, and how many passed. A skip whose reason names something that
// -require lists is a failure.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// requirements are the things that a test may miss, by how its skip words it. A
// test of the repository holds every skip to these wordings.
var requirements = map[string]*regexp.Regexp{
	"shared":   regexp.MustCompile(`\breference\b|\.\./shared\b|\bat hand\b|beside the repository`),
	"clients":  regexp.MustCompile(`there is no Node\.js|package-lock\.json cannot be had`),
	"chromium": regexp.MustCompile(`there is no Chromium`),
	"python":   regexp.MustCompile(`there is no Python|requirements\.txt cannot be had`),
	"java":     regexp.MustCompile(`there is no Java|pom\.xml cannot be had`),
}

type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// report of any number of runs.
type report struct {
	passed, failed int
	skips          map[string]int // by reason
	failures       []string
	slow           map[string]float64 // seconds, by package

	output map[string]*strings.Builder
	bad    map[string]bool // packages with a test that failed
}

func newReport() *report {
	return &report{skips: map[string]int{}, slow: map[string]float64{}, output: map[string]*strings.Builder{}, bad: map[string]bool{}}
}

// read one run.
func (r *report) read(in io.Reader) error {
	clear(r.output)
	clear(r.bad)
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			r.failures = append(r.failures, sc.Text()) // what the tool says in plain text is trouble
			r.failed++
			continue
		}
		r.take(e)
	}
	return sc.Err()
}

func (r *report) take(e event) {
	if e.Package == "" {
		e.Package = e.ImportPath
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		b := r.output[key]
		if b == nil {
			b = &strings.Builder{}
			r.output[key] = b
		}
		if b.Len() < 20_000 {
			b.WriteString(e.Output)
		}
	case "pass":
		if e.Test != "" {
			r.passed++
		} else {
			r.slow[e.Package] += e.Elapsed
		}
	case "fail":
		// A package fails with its tests; by itself when it does not build, or dies.
		if e.Test == "" && r.bad[e.Package] {
			return
		}
		r.bad[e.Package] = true
		r.fail(key)
	case "build-fail":
		r.failures = append(r.failures, r.told(key)) // the package's own failure is counted
	case "skip":
		if e.Test != "" {
			r.skips[reason(r.told(key))]++
		}
	}
}

func (r *report) fail(key string) {
	r.failed++
	r.failures = append(r.failures, strings.TrimSpace(key+"\n"+r.told(key)))
}

func (r *report) told(key string) string {
	if b := r.output[key]; b != nil {
		return b.String()
	}
	return ""
}

// reason that a test gave for its skip.
func reason(output string) string {
	why := "no reason given"
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		why = line
		if _, after, ok := strings.Cut(line, "_test.go:"); ok {
			if _, text, ok := strings.Cut(after, ": "); ok {
				why = text
			}
		}
	}
	return why
}

// write the report for people; the last line is the sum. It says whether all is well.
func (r *report) write(out io.Writer, require string) bool {
	for _, f := range r.failures {
		fmt.Fprintln(out, f)
	}
	var names []string
	for p, s := range r.slow {
		if s > 20 {
			names = append(names, fmt.Sprintf("  %4.0f s  %s", s, p))
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	if len(names) > 0 {
		fmt.Fprintln(out, "slowest packages:\n"+strings.Join(names, "\n"))
	}
	skipped, missing := 0, 0
	var reasons []string
	for why, n := range r.skips {
		skipped += n
		reasons = append(reasons, fmt.Sprintf("  %3d  %s", n, why))
		for need := range strings.SplitSeq(require, ",") {
			if need = strings.TrimSpace(need); need == "" {
				continue
			}
			if re := requirements[need]; re != nil && re.MatchString(why) || re == nil && strings.Contains(why, need) {
				missing += n
			}
		}
	}
	slices.Sort(reasons)
	if skipped > 0 {
		fmt.Fprintln(out, "skipped, with the reason:\n"+strings.Join(reasons, "\n"))
	}
	if missing > 0 {
		fmt.Fprintf(out, "%d of these skips are for something that SEXTANT_REQUIRE (%s) names: failures\n", missing, require)
		r.failed += missing
		skipped -= missing
	}
	if r.passed == 0 {
		fmt.Fprintln(out, "no test ran")
		r.failed++
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, skipped)
	return r.failed == 0
}

func main() {
	require := flag.String("require", "", "comma separated: what must be there; a skip for its absence fails")
	flag.Parse()
	r := newReport()
	for _, path := range flag.Args() {
		f, err := os.Open(path)
		if err == nil {
			err = r.read(f)
			f.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, path+":", err)
			os.Exit(1)
		}
	}
	if !r.write(os.Stdout, *require) {
		os.Exit(1)
	}
}
