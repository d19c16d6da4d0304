package fn

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest gives up to three of names that look like a misspelt name, best first.
func Nearest(name string, names []string) []string {
	type cand struct {
		name string
		dist int
	}
	var cs []cand
	low := strings.ToLower(name)
	if len(low) > 100 {
		return nil
	}
	limit := max(len(low)/3, 1)
	for _, n := range names {
		if len(n) > len(low)+limit || len(n) < len(low)-limit {
			continue
		}
		if d := distance(low, strings.ToLower(n)); d <= limit {
			cs = append(cs, cand{n, d})
		}
	}
	slices.SortFunc(cs, func(a, b cand) int { return cmp.Or(a.dist-b.dist, strings.Compare(a.name, b.name)) })
	var out []string
	for _, c := range cs[:min(len(cs), 3)] {
		out = append(out, c.name)
	}
	return out
}

// distance is the number of single-letter edits between two texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next := min(row[j]+1, row[j-1]+1, diag+cost)
			diag, row[j] = row[j], next
		}
	}
	return row[len(b)]
}
