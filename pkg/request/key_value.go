package request

import (
	"strconv"
	"strings"

	"github.com/tonistiigi/go-csvvalue"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// field is one entry of a list of key=value; a bare word has no key.
type field struct {
	key   string // lower-case; "" for a bare word
	value string
	typed string
}

// parseFields parses key=value,…; a value with a comma is quoted, as in CSV.
func parseFields(flag, value string) ([]field, error) {
	texts, err := csvvalue.Fields(value, nil)
	if err != nil {
		return nil, &usage.Error{
			What: flag, Value: value, Reason: "cannot parse the list: " + err.Error(),
			Next: "use key=value,…; a value with a comma is quoted",
		}
	}
	fields := make([]field, 0, len(texts))
	for _, text := range texts {
		key, rest, pair := strings.Cut(text, "=")
		if !pair {
			fields = append(fields, field{value: text, typed: text})
			continue
		}
		fields = append(fields, field{key: strings.TrimSpace(strings.ToLower(key)), value: rest, typed: text})
	}
	return fields, nil
}

// notPair returns the error for a word that is not key=value.
func notPair(flag, value string, f field, form string) error {
	return &usage.Error{What: flag, Value: value, Reason: `"` + f.typed + `" is not key=value`, Next: "use " + form}
}

// joinFields returns the pairs as a list for parseFields, type first and the others in
// the order of their keys.
func joinFields(kind string, attrs map[string]string) string {
	parts := []string{"type=" + kind}
	for _, key := range sortedKeys(attrs) {
		part := key + "=" + attrs[key]
		if strings.ContainsAny(part, "\",\n\r") {
			part = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// cutPair splits key=value; given reports whether there is a value, even an empty one.
func cutPair(flag, text string) (key, value string, given bool, err error) {
	key, value, given = strings.Cut(text, "=")
	if key == "" {
		return "", "", false, &usage.Error{
			What: flag, Value: text, Reason: "the key is empty", Next: "use " + flag + " key=value",
		}
	}
	return key, value, given, nil
}

// expand replaces a leading ~, which shells leave alone after the = of a value, by the home
// directory. Every path that the user names goes through here: with absolute, or with the
// environment of a context.
func (e Environment) expand(path string) string {
	if !home.Named(path) {
		return path
	}
	return home.Expand(path, home.Directory(e.LookupEnv))
}

// environmentBool returns the value of a boolean variable, as docker parses it; false if it is not
// set.
func environmentBool(env Environment, name string) (bool, error) {
	value, given := env.LookupEnv(name)
	if !given {
		return false, nil
	}
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return false, &usage.Error{What: name, Value: value, Reason: "it is not a boolean", Next: "use true or false"}
	}
	return yes, nil
}
