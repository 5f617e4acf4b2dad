//go:build unix

package registryauth

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// helpers puts credential helpers, shell scripts by name, first in PATH.
func helpers(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		path := filepath.Join(dir, helperName(name))
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func answering(user string) string {
	return `read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"` + user + `\",\"Secret\":\"for $server\"}"`
}

func TestHelpers(t *testing.T) {
	helpers(t, map[string]string{
		"store": answering("store"),
		"own":   answering("own"),
		"token": answering("<token>"),
		"none":  `echo "credentials not found in native keychain"; exit 1`,
	})
	inline := `"auths":{"r.io":{"auth":"` + encoded("inline", "p") + `"}}`
	for name, test := range map[string]struct {
		text, host string
		want       Credentials
	}{
		"own helper":     {`{"credHelpers":{"r.io":"own"},"credsStore":"store"}`, "r.io", Credentials{Username: "own", Secret: "for r.io"}},
		"store":          {`{"credHelpers":{"r.io":"own"},"credsStore":"store"}`, "x.io", Credentials{Username: "store", Secret: "for x.io"}},
		"hub":            {`{"credsStore":"store"}`, hubHost, Credentials{Username: "store", Secret: "for https://index.docker.io/v1/"}},
		"hub by name":    {`{"credHelpers":{"docker.io":"own"}}`, hubHost, Credentials{Username: "own", Secret: "for https://index.docker.io/v1/"}},
		"identity token": {`{"credHelpers":{"r.io":"token"}}`, "r.io", Credentials{Secret: "for r.io"}},
		"not in store":   {`{"credsStore":"none"}`, "r.io", Credentials{}},
		"then the file":  {`{"credsStore":"none",` + inline + `}`, "r.io", Credentials{Username: "inline", Secret: "p"}},
		"over the file":  {`{"credsStore":"store",` + inline + `}`, "r.io", Credentials{Username: "store", Secret: "for r.io"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, unread := mustProvider(t, test.text).keychain.find(t.Context(), purpose{host: test.host})
			if unread != nil && !unread.None() {
				t.Fatal(unread)
			}
			got.Source, got.Origin, got.helper = "", FromNowhere, ""
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestBrokenHelpers(t *testing.T) {
	helpers(t, map[string]string{
		"fails":  `echo "the keychain is locked"; exit 3`,
		"stderr": `echo "no agent" >&2; exit 1`,
		"junk":   `echo "password is ` + secret + `"`,
		"long":   `printf '%01000d' 0; exit 1`,
		"good":   answering("good"),
	})
	config := `{"credHelpers":{"a.io":"absent","b.io":"fails","c.io":"stderr","d.io":"junk","e.io":"long","f.io":"good"}}`
	p := mustProvider(t, config)
	for host, want := range map[string][]string{
		"a.io": {`"docker-credential-absent"`, "not in PATH"},
		"b.io": {`"docker-credential-fails"`, "exit status 3", "the keychain is locked"},
		"c.io": {`"docker-credential-stderr"`, "no agent"},
		"d.io": {`"docker-credential-junk"`, "not JSON"},
		"e.io": {`"docker-credential-long"`, "…"},
	} {
		got, unread := p.keychain.find(t.Context(), purpose{host: host})
		if got != (Credentials{}) || unread == nil {
			t.Fatalf("%s: got %+v, %v", host, got, unread)
		}
		text := unread.Error()
		for _, part := range append(want, host) {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
		if strings.Contains(text, secret) || len(text) > 400 {
			t.Errorf("%q says too much", text)
		}
	}
	if got, unread := p.keychain.find(t.Context(), purpose{host: "f.io"}); got.Username != "good" || unread != nil {
		t.Errorf("the good helper: got %+v, %v", got, unread)
	}
}

// TestHelperIsAskedAtUse proves that a helper runs when a registry asks, once,
// and again when its answer is old.
func TestHelperIsAskedAtUse(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	helpers(t, map[string]string{"counts": "echo x >> " + strconv.Quote(count) + "\n" + answering("u")})
	p := mustProvider(t, `{"credsStore":"counts"}`)
	asked := func() int {
		text, err := os.ReadFile(count)
		if err != nil {
			return 0
		}
		return strings.Count(string(text), "x")
	}
	if asked() != 0 {
		t.Error("the helper was asked at start")
	}
	find := func() {
		if got, unread := p.keychain.find(t.Context(), purpose{host: "r.io"}); got.Username != "u" || unread != nil {
			t.Errorf("got %+v, %v", got, unread)
		}
	}
	for range 3 {
		find()
	}
	if asked() != 1 {
		t.Errorf("the helper was asked %d times", asked())
	}
	known := p.keychain.helpers.known
	old := known["counts r.io"]
	old.at = old.at.Add(-credentialsAge)
	known["counts r.io"] = old
	find()
	if asked() != 2 {
		t.Errorf("after its answer was old, the helper was asked %d times", asked())
	}
}

// TestHungHelper proves that a helper which never ends, e.g. since it waits for a
// window that is not seen, ends with the call.
func TestHungHelper(t *testing.T) {
	helpers(t, map[string]string{"hangs": "exec sleep 600"})
	p := mustProvider(t, `{"credsStore":"hangs"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, unread := p.keychain.find(ctx, purpose{host: "r.io"})
	if unread == nil || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %v", unread, time.Since(began))
	}
	if len(p.keychain.helpers.known) != 0 {
		t.Error("an answer that was not waited for is remembered")
	}
}

// TestHungHelperHoldsUpNothingElse proves that other hosts are served meanwhile, that the helper is
// given up after its limit, and that it is not waited for a second time.
func TestHungHelperHoldsUpNothingElse(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	helpers(t, map[string]string{"hangs": "echo x >> " + strconv.Quote(started) + "; exec sleep 600", "good": answering("good")})
	p := mustProvider(t, `{"credsStore":"hangs","credHelpers":{"b.io":"good"},"auths":{"c.io/team":{"auth":"`+encoded("inline", "p")+`"}}}`)
	p.keychain.helpers.limit = time.Second
	ended := make(chan *SourceError)
	go func() {
		_, unread := p.keychain.find(t.Context(), purpose{host: "a.io"})
		ended <- unread
	}()
	for {
		if _, err := os.Stat(started); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for at, want := range map[purpose]string{{host: "b.io"}: "good", {host: "c.io", path: "team/app"}: "inline"} {
		if got, unread := p.keychain.find(t.Context(), at); got.Username != want {
			t.Errorf("%s: got %+v, %v", at.host, got, unread)
		}
	}
	select {
	case unread := <-ended:
		t.Errorf("the helper had ended before: %v", unread)
	default:
	}
	if unread := <-ended; unread == nil || !strings.Contains(unread.Error(), "no answer in 1s") {
		t.Errorf("got %v", unread)
	}
	if _, unread := p.keychain.find(t.Context(), purpose{host: "d.io"}); unread == nil || !strings.Contains(unread.Error(), "no answer in 1s") {
		t.Errorf("got %v", unread)
	}
	if text, err := os.ReadFile(started); err != nil || strings.Count(string(text), "x") != 1 {
		t.Errorf("it was run again: %q, %v", text, err)
	}
}

func TestHelperNames(t *testing.T) {
	for _, name := range []string{"x/evil", "../evil", `x\evil`, "", "a b", "x;y", "ä", "x\x00"} {
		if checkHelper(name) == nil {
			t.Errorf("%q is run", name)
		}
	}
	for _, name := range []string{"pass", "ecr-login", "a.b_c-1"} {
		if err := checkHelper(name); err != nil {
			t.Error(err)
		}
	}
}
