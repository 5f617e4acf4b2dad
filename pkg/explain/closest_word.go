package explain

import (
	"slices"
	"strings"
)

// Closest returns the candidates that a mistyped word most likely means: those with the fewest
// differing letters, else those that begin with it. Of one or two letters nothing is known, and a
// short word is close only to one with a single difference.
func Closest(word string, candidates []string) []string {
	const short = 4
	word = strings.ToLower(word)
	limit := 2
	switch {
	case len(word) < 3:
		return nil
	case len(word) <= short:
		limit = 1
	}
	var best []string
	for _, candidate := range candidates {
		switch d := distance(word, candidate); {
		case d > limit || d >= len(candidate):
		case d < limit:
			best, limit = []string{candidate}, d
		default:
			best = append(best, candidate)
		}
	}
	if len(best) == 0 && len(word) > 2 {
		for _, candidate := range candidates {
			if strings.HasPrefix(candidate, word) {
				best = append(best, candidate)
			}
		}
	}
	slices.Sort(best)
	return slices.Compact(best)
}

// distance is how many letters must be inserted, removed, replaced, or exchanged with their
// neighbor.
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
