package main

import (
	"strings"
	"testing"
)

func TestBillDoesNotTellWhereItsToolWasBuilt(t *testing.T) {
	const here = `{"metadata":{"tools":[{"name":"cyclonedx-gomod","hashes":[{"content":"here"}]}]},"components":[{"name":"a","hashes":[{"content":"kept"}]}]}`
	first, err := withoutToolHashes([]byte(here))
	if err != nil {
		t.Fatal(err)
	}
	second, err := withoutToolHashes([]byte(strings.Replace(here, `"here"`, `"there"`, 1)))
	if err != nil || string(first) != string(second) {
		t.Errorf("%s\nand %s, %v", first, second, err)
	}
	for _, kept := range []string{"cyclonedx-gomod", "kept"} {
		if !strings.Contains(string(first), kept) {
			t.Errorf("%q is lost: %s", kept, first)
		}
	}
	if _, err := withoutToolHashes([]byte("no JSON")); err == nil {
		t.Error("anything is taken for a bill")
	}
}
