package home_test

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
)

func TestExpand(t *testing.T) {
	for path, want := range map[string]string{
		"~": "/home/me", "~/a/b": "/home/me/a/b", "~me/a": "~me/a", "./~": "./~", "a/~/b": "a/~/b", "": "", "/~": "/~", "~~": "~~",
	} {
		if got := home.Expand(path, "/home/me"); got != want {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
	if got := home.Expand("~/a", ""); got != "~/a" {
		t.Errorf("without a home: %q", got)
	}
}
