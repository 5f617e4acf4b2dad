package e2e_test

import "testing"

// BuildKit's protocol is not written to a terminal, which it would fill with control characters.
func TestDialStdioOnATerminal(t *testing.T) {
	u := newUser(t)
	x := u.sitsDown("kubectl", "buildkit", "dial-stdio")
	x.shows("kubectl buildkit proxy")
	x.ends(2)
}
