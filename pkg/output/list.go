package output

import (
	"slices"
	"strings"
)

// AppendNew returns the list with the item at its end, or the list itself where the item is empty or in it.
func AppendNew(list []string, item string) []string {
	if item == "" || slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// OrNone returns the list as a cell of a table, e.g. "a,b", or none where the list is empty.
func OrNone(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ",")
}
