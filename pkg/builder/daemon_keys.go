package builder

import (
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// UnknownDaemonKey returns the first key of a buildkitd.toml that BuildKit does not know, and would
// ignore silently, with those that it knows there; empty if there is none. The daemon does not tell
// upper from lower case.
func UnknownDaemonKey(text []byte) (key string, known []string) {
	var config map[string]any
	if toml.Unmarshal(text, &config) != nil {
		return "", nil // its syntax is judged elsewhere
	}
	return unknownIn(config, nil, strings.Fields(daemonKeys))
}

// unknownIn looks at a table, whose path is given as its user wrote it; keys are those below it.
func unknownIn(table map[string]any, path, keys []string) (key string, known []string) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		var below []string
		found, anything := false, false
		for _, each := range keys {
			first, rest, deeper := strings.Cut(each, ".")
			first = strings.ReplaceAll(first, "/", ".")
			if first != "*" && !strings.EqualFold(first, name) {
				continue
			}
			found, anything = true, anything || each == "*"
			if deeper {
				below = append(below, rest)
			}
		}
		here := append(slices.Clone(path), name)
		if !found {
			return strings.Join(here, "."), firstsOf(keys)
		}
		var children []map[string]any
		switch value := table[name].(type) {
		case map[string]any:
			children = append(children, value)
		case []any:
			for _, each := range value {
				if child, ok := each.(map[string]any); ok {
					children = append(children, child)
				}
			}
		}
		for _, child := range children {
			if anything {
				break
			}
			if key, known := unknownIn(child, here, below); key != "" {
				return key, known
			}
		}
	}
	return "", nil
}

// firstsOf are the first parts of keys.
func firstsOf(keys []string) []string {
	var firsts []string
	for _, each := range keys {
		first, _, _ := strings.Cut(each, ".")
		if first = strings.ReplaceAll(first, "/", "."); !slices.Contains(firsts, first) {
			firsts = append(firsts, first)
		}
	}
	return firsts
}
