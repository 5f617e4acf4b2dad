package report

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// FactsOf returns the facts in the options of a Dockerfile's frontend: source, commit, Dockerfile,
// target, platforms and build arguments. Values of arguments whose names suggest secrets are
// masked.
func FactsOf(attributes map[string]string) []Fact {
	var facts []Fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, Fact{Name: name, Value: escape.MaskCredentials(value)})
		}
	}
	source := attributes["context"]
	if strings.HasPrefix(source, "local:") {
		source = ""
	}
	add("Source", cmp.Or(source, attributes["vcs:source"]))
	add("Commit", attributes["vcs:revision"])
	add("Directory", attributes["vcs:localdir:context"])
	add("Dockerfile", attributes["filename"])
	add("Target", attributes["target"])
	add("Platform", attributes["platform"])
	secret := regexp.MustCompile(`(?i)token|secret|passw|pwd|credential|api_?key|private|auth`)
	var arguments []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		name, found := strings.CutPrefix(key, "build-arg:")
		if !found {
			continue
		}
		value := attributes[key]
		if secret.MatchString(name) {
			value = "***"
		}
		arguments = append(arguments, name+"="+value)
	}
	add("Build arguments", strings.Join(arguments, " "))
	return facts
}
