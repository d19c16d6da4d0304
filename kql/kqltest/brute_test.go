package kqltest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/kqltest"
)

// Random small graphs and tables: what is found is what trying everything finds.

func answer(t *testing.T, cat *fn.Catalogue, text string) []string {
	t.Helper()
	_, rows, err := kqltest.Eval{Catalogue: cat}.Query(context.Background(), nil, text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	out := []string{}
	for _, r := range rows {
		var cells []string
		for _, v := range r {
			cells = append(cells, v.Text())
		}
		out = append(out, strings.Join(cells, " "))
	}
	slices.Sort(out)
	return out
}

func TestPathsAgainstAllPaths(t *testing.T) {
	cat := fn.New()
	r := rand.New(rand.NewPCG(7, 7))
	for range 60 {
		n := 2 + r.IntN(4)
		edges := make([][2]int, 1+r.IntN(7))
		var rows []string
		for i := range edges {
			edges[i] = [2]int{r.IntN(n), r.IntN(n)}
			rows = append(rows, fmt.Sprintf("%d, %d, %d", i, edges[i][0], edges[i][1]))
		}
		from, to := int(r.IntN(3)), 0
		to = max(1, from+r.IntN(3))
		directed := r.IntN(3) > 0
		arrow := "-->"
		if !directed {
			arrow = "--"
		}
		data := "datatable(e:long, a:long, b:long)[" + strings.Join(rows, ", ") + "] | make-graph a " + arrow + " b with_node_id=n | "

		// Every walk, step by step.
		var touched []int
		for _, e := range edges {
			for _, v := range e {
				if !slices.Contains(touched, v) {
					touched = append(touched, v)
				}
			}
		}
		want := map[string][]string{}
		shortest := map[[2]int]int{}
		var walk func(rule string, start, at int, path, nodes []int)
		walk = func(rule string, start, at int, path, nodes []int) {
			if len(path) >= from {
				want[rule] = append(want[rule], fmt.Sprintf("%d %d [%s]", start, at, strings.Trim(strings.ReplaceAll(fmt.Sprint(path), " ", ","), "[]")))
				if rule == "none" && (start != at || len(path) == 0) {
					k := [2]int{start, at}
					if have, ok := shortest[k]; !ok || len(path) < have {
						shortest[k] = len(path)
					}
				}
			}
			if len(path) == to {
				return
			}
			for i, e := range edges {
				if rule == "unique_edges" && slices.Contains(path, i) {
					continue
				}
				ends := [][2]int{e}
				if !directed && e[0] != e[1] {
					ends = append(ends, [2]int{e[1], e[0]})
				}
				for _, s := range ends {
					if s[0] != at || rule == "none" && slices.Contains(nodes, s[1]) {
						continue
					}
					walk(rule, start, s[1], append(slices.Clone(path), i), append(slices.Clone(nodes), s[1]))
				}
			}
		}
		for _, rule := range []string{"unique_edges", "none", "all"} {
			for _, v := range touched {
				walk(rule, v, v, nil, []int{v})
			}
			slices.Sort(want[rule])
			q := data + fmt.Sprintf("graph-match cycles=%s (x)-[p*%d..%d]->(y) project x.n, y.n, map(p, e)", rule, from, to)
			if have := answer(t, cat, q); !slices.Equal(have, want[rule]) && len(have)+len(want[rule]) > 0 {
				t.Fatalf("%s\nhas   %v\nwants %v", q, have, want[rule])
			}
			// The same, walked from the other end.
			if len(touched) > 0 {
				end := touched[r.IntN(len(touched))]
				q := data + fmt.Sprintf("graph-match cycles=%s (x)-[p*%d..%d]->(y) where y.n == %d project x.n, y.n, map(p, e)", rule, from, to, end)
				var some []string
				for _, w := range want[rule] {
					if strings.Split(w, " ")[1] == fmt.Sprint(end) {
						some = append(some, w)
					}
				}
				if have := answer(t, cat, q); !slices.Equal(have, some) && len(have)+len(some) > 0 {
					t.Fatalf("%s\nhas   %v\nwants %v", q, have, some)
				}
			}
		}
		var all []string
		for _, w := range want["none"] {
			var a, b int
			var list string
			_, _ = fmt.Sscanf(w, "%d %d %s", &a, &b, &list)
			length := 0
			if list != "[]" {
				length = strings.Count(list, ",") + 1
			}
			if s, ok := shortest[[2]int{a, b}]; ok && s == length {
				all = append(all, w)
			}
		}
		// With a condition that the search cannot ask on its way, it tries all paths.
		for _, cond := range []string{"", "where array_length(p) >= 0 "} {
			q := data + fmt.Sprintf("graph-shortest-paths output=all (x)-[p*%d..%d]->(y) %sproject x.n, y.n, map(p, e)", from, to, cond)
			if have := answer(t, cat, q); !slices.Equal(have, all) && len(have)+len(all) > 0 {
				t.Fatalf("%s\nhas   %v\nwants %v", q, have, all)
			}
			any := data + fmt.Sprintf("graph-shortest-paths (x)-[p*%d..%d]->(y) %sproject x.n, y.n, array_length(p)", from, to, cond)
			var lengths []string
			for ends, n := range shortest {
				lengths = append(lengths, fmt.Sprintf("%d %d %d", ends[0], ends[1], n))
			}
			slices.Sort(lengths)
			if have := answer(t, cat, any); !slices.Equal(have, lengths) && len(have)+len(lengths) > 0 {
				t.Fatalf("%s\nhas   %v\nwants %v", any, have, lengths)
			}
		}
	}
}

func TestBasketAgainstAllCombinations(t *testing.T) {
	cat := fn.New()
	r := rand.New(rand.NewPCG(3, 9))
	for range 60 {
		cols, n := 1+r.IntN(4), 1+r.IntN(12)
		data := make([][]string, n)
		var cells []string
		for i := range data {
			for range cols {
				v := []string{"p", "q", "r", ""}[r.IntN(4)]
				data[i] = append(data[i], v)
				cells = append(cells, `"`+v+`"`)
			}
		}
		share := []float64{0.1, 0.3, 0.5}[r.IntN(3)]
		var schema []string
		for c := range cols {
			schema = append(schema, fmt.Sprintf("c%d:string", c))
		}
		q := fmt.Sprintf("datatable(%s)[%s] | evaluate basket(%g) | project-away SegmentId, Percent", strings.Join(schema, ", "), strings.Join(cells, ", "), share)

		// Every pattern that stands in a row, with the rows that it fits.
		fits := func(p, row []string) bool {
			for c, v := range p {
				if v != "" && row[c] != v {
					return false
				}
			}
			return true
		}
		best := map[string][]string{} // of the same rows the longest pattern
		for _, row := range data {
			for set := 1; set < 1<<cols; set++ {
				p := make([]string, cols)
				size := 0
				for c := range p {
					if set>>c&1 == 1 && row[c] != "" {
						p[c] = row[c]
						size++
					}
				}
				if size == 0 {
					continue
				}
				rows, count := "", 0
				for i := range data {
					if fits(p, data[i]) {
						rows += fmt.Sprint(i, " ")
						count++
					}
				}
				have := 0
				for _, v := range best[rows] {
					if v != "" {
						have++
					}
				}
				if float64(count) >= share*float64(n) && size > have {
					best[rows] = p
				}
			}
		}
		var want []string
		for rows, p := range best {
			want = append(want, fmt.Sprint(strings.Count(rows, " "))+" "+strings.Join(p, " "))
		}
		slices.Sort(want)
		if have := answer(t, cat, q); !slices.Equal(have, want) && len(have)+len(want) > 0 {
			t.Fatalf("%s\nhas   %q\nwants %q", q, have, want)
		}
	}
}
