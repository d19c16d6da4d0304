package syntax

import (
	"strings"
	"unicode/utf8"
)

// nearest is the word that was probably meant, "" when none is near: the same
// in another case, or within a third of its letters.
func nearest(word string, words []string) string {
	if len(word) > 40 {
		return ""
	}
	best, least := "", utf8.RuneCountInString(word)/3+1
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w
		}
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to change, add, drop or swap with a neighbour.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, prev[j]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}

// nearOperator is the operator that was probably meant by a word, "" for none.
func nearOperator(word string) string {
	switch strings.ToLower(word) { // what people write who come from elsewhere
	case "select":
		return "project"
	case "groupby", "group", "aggregate", "stats":
		return "summarize"
	case "head", "first":
		return "take"
	case "orderby", "sortby", "order-by", "sort-by":
		return "sort"
	case "expand":
		return "mv-expand"
	case "dedup", "uniq", "unique":
		return "distinct"
	case "eval":
		return "extend"
	case "having":
		return "where"
	}
	return nearest(word, operatorWords)
}
