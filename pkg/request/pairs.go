package request

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// cutPair splits key=value; given says whether there was a value, even an empty
// one.
func cutPair(flag, text string) (key, value string, given bool, err error) {
	key, value, given = strings.Cut(text, "=")
	if key == "" {
		return "", "", false, &usage.Error{
			What: flag, Value: text, Reason: "the key is empty", Next: "use " + flag + " key=value",
		}
	}
	return key, value, given, nil
}
