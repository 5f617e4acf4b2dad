package home

import (
	"os/user"
	"path/filepath"
	"runtime"
	"testing"
)

func TestDirectory(t *testing.T) {
	account, err := user.Current()
	if err != nil || !filepath.IsAbs(account.HomeDir) {
		t.Fatalf("this account has no home directory: %v, %v", account, err)
	}
	named := t.TempDir()
	for value, want := range map[string]string{
		"": account.HomeDir, ".": account.HomeDir, "relative": account.HomeDir, "./x": account.HomeDir, "~": account.HomeDir, named: named,
	} {
		for _, set := range []bool{true, value != ""} {
			got := Directory(func(name string) (string, bool) {
				if name != "HOME" && (runtime.GOOS != "windows" || name != "USERPROFILE") {
					return "", false
				}
				return value, set
			})
			if got != want {
				t.Errorf("HOME=%q (set: %v): got %q, want %q", value, set, got, want)
			}
		}
	}
}

func TestUser(t *testing.T) {
	for want, variables := range map[string]map[string]string{
		"ann": {"USER": "ann", "LOGNAME": "bob"}, "bob": {"USER": "", "LOGNAME": "bob"}, "cid": {"USERNAME": "cid"},
	} {
		got := User(func(name string) (string, bool) {
			value, found := variables[name]
			return value, found
		})
		if got != want {
			t.Errorf("%v: got %q", variables, got)
		}
	}
	account, err := user.Current()
	if got := User(func(string) (string, bool) { return "", false }); err == nil && got != account.Username {
		t.Errorf("got %q, the system has %q", got, account.Username)
	}
}
