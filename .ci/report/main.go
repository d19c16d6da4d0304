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
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	require := flag.String("require", "", "comma separated: what must be there; a skip for its absence fails")
	flag.Parse()
	var passed, failed int
	skips := map[string]int{}
	output := map[string]*strings.Builder{}
	var failures []string
	slow := map[string]float64{}
	for _, path := range flag.Args() {
		f, err := os.Open(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 16<<20)
		for sc.Scan() {
			var e event
			if json.Unmarshal(sc.Bytes(), &e) != nil {
				failures = append(failures, sc.Text()) // a build error is plain text
				continue
			}
			key := e.Package + " " + e.Test
			switch e.Action {
			case "output", "build-output":
				if output[key] == nil {
					output[key] = &strings.Builder{}
				}
				if output[key].Len() < 20_000 {
					output[key].WriteString(e.Output)
				}
			case "pass":
				if e.Test != "" {
					passed++
				} else {
					slow[e.Package] += e.Elapsed
				}
			case "fail", "build-fail":
				failed++
				if b := output[key]; b != nil {
					failures = append(failures, key+"\n"+b.String())
				} else {
					failures = append(failures, key)
				}
			case "skip":
				if e.Test == "" {
					continue
				}
				reason := "no reason given"
				if b := output[key]; b != nil {
					for _, line := range strings.Split(b.String(), "\n") {
						line = strings.TrimSpace(line)
						if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
							continue
						}
						reason = line
						if i := strings.Index(line, "_test.go:"); i >= 0 {
							if j := strings.Index(line[i:], ": "); j >= 0 {
								reason = line[i+j+2:]
							}
						}
					}
				}
				skips[reason]++
			}
		}
		if err := sc.Err(); err != nil {
			fmt.Fprintln(os.Stderr, path+":", err)
			os.Exit(1)
		}
		f.Close()
	}
	for _, f := range failures {
		fmt.Println(f)
	}
	var names []string
	for p, s := range slow {
		if s > 20 {
			names = append(names, fmt.Sprintf("  %4.0f s  %s", s, p))
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	if len(names) > 0 {
		fmt.Println("slowest packages:\n" + strings.Join(names, "\n"))
	}
	skipped, missing := 0, 0
	var reasons []string
	for r, n := range skips {
		skipped += n
		reasons = append(reasons, fmt.Sprintf("  %3d  %s", n, r))
		for _, need := range strings.Split(*require, ",") {
			if need != "" && strings.Contains(r, need) {
				missing += n
			}
		}
	}
	slices.Sort(reasons)
	if skipped > 0 {
		fmt.Println("skipped, with the reason:\n" + strings.Join(reasons, "\n"))
	}
	if missing > 0 {
		fmt.Printf("%d of these skips are for something that SEXTANT_REQUIRE (%s) names: a failure\n", missing, *require)
		failed += missing
	}
	if passed == 0 {
		fmt.Println("no test ran")
		failed++
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || len(failures) > 0 {
		os.Exit(1)
	}
}
