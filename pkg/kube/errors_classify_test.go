package kube

import (
	"strings"
	"testing"
)

func FuzzReadForbidden(f *testing.F) {
	f.Add(`pods "x" is forbidden: User "u" cannot get resource "pods/portforward" in API group "" in the namespace "team"`)
	f.Add(`pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged`)
	f.Add(`User "u" cannot get resource "nodes" in API group "" at the cluster scope`)
	f.Add(`User "" cannot  resource "`)
	f.Fuzz(func(t *testing.T, text string) {
		forbidden := readForbidden(text)
		if forbidden != nil && !strings.Contains(text, forbidden.User+`" cannot `+forbidden.Verb) {
			t.Errorf("%q is read as %+v", text, forbidden)
		}
	})
}
