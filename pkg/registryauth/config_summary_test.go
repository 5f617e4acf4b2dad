package registryauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestSurveyHasNoSecrets(t *testing.T) {
	c := configOf(t, `{"credsStore":"absent-one","credHelpers":{"iad.ocir.io":"absent-two","gcr.io":"absent-two"},
		"auths":{"https://index.docker.io/v1/":{"auth":"`+encoded("u", secret)+`"},"r.io":{"identitytoken":"`+secret+`"},"empty.io":{}}}`, nil)
	got := c.Summary()
	if want := []string{"docker.io", "r.io"}; !reflect.DeepEqual(got.Registries, want) {
		t.Errorf("registries: %q", got.Registries)
	}
	want := []Helper{
		{Program: "docker-credential-absent-one", Missing: true},
		{Program: "docker-credential-absent-two", Hosts: []string{"gcr.io", "iad.ocir.io"}, Missing: true},
	}
	if !reflect.DeepEqual(got.Helpers, want) {
		t.Errorf("helpers: %+v", got.Helpers)
	}
	text, err := json.Marshal(got)
	if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), encoded("u", secret)) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestStanding(t *testing.T) {
	right, wrong := encoded("u", secret), encoded("u", "wrong-Password")
	for name, test := range map[string]struct {
		scheme, auth string
		plain        bool
		answer       http.HandlerFunc
		want         any // a pointer to the type of the error; nil for none
		open         bool
	}{
		"basic":        {scheme: "Basic", auth: right},
		"bearer":       {scheme: "Bearer", auth: right},
		"open":         {open: true},
		"wrong":        {scheme: "Basic", auth: wrong, want: new(*DeniedError)},
		"wrong bearer": {scheme: "Bearer", auth: wrong, want: new(*DeniedError)},
		"unknown":      {scheme: "Basic", want: new(*DeniedError)},
		"plain HTTP":   {plain: true, want: new(*UnreachableError)},
		"broken":       {answer: saying(503, ""), want: new(*UnreachableError)},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, test.scheme, test.plain, test.answer)
			config := "{}"
			if test.auth != "" {
				config = `{"auths":{"` + f.host() + `":{"auth":"` + test.auth + `"}}}`
			}
			p := mustProvider(t, config)
			if err := p.Trust(f.ca); err != nil {
				t.Fatal(err)
			}
			standing, err := p.MayPush(t.Context(), f.host()+"/a/b:1")
			switch {
			case test.want == nil && (err != nil || standing.Open != test.open):
				t.Errorf("%+v, %v", standing, err)
			case test.want != nil && (err == nil || !errors.As(err, test.want)):
				t.Errorf("%+v, %v, not a %T", standing, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-Password") {
				t.Errorf("%q has the password", err)
			}
			if changed := f.asked(http.MethodPost); len(changed) > 0 {
				t.Errorf("sent %q", changed)
			}
		})
	}
}

func TestReach(t *testing.T) {
	p := mustProvider(t, "{}")
	if err := p.Trust(nil); err != nil {
		t.Fatal(err)
	}
	var unreachable *UnreachableError
	if _, err := p.Reach(t.Context(), "127.0.0.1:1"); !errors.As(err, &unreachable) {
		t.Errorf("no server: %v", err)
	}
	f := newFake(t, "Basic", false, nil)
	if _, err := p.Reach(t.Context(), f.host()); !errors.As(err, &unreachable) || !unreachable.Untrusted {
		t.Errorf("unknown authority: %v", err)
	}
	if _, err := p.MayPush(t.Context(), "UPPER"); err == nil {
		t.Error("no name of an image")
	}
}
