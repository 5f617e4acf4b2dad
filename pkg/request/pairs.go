package request

import "strings"

// cutPair splits key=value; given says whether there was a value, even an empty
// one.
func cutPair(flag, text string) (key, value string, given bool, err error) {
	key, value, given = strings.Cut(text, "=")
	if key == "" {
		return "", "", false, &UsageError{
			Flag: flag, Value: text, Reason: "the key is empty", Next: "use " + flag + " key=value",
		}
	}
	return key, value, given, nil
}
