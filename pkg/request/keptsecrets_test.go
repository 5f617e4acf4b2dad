package request

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/secrets/secretsprovider"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestKeptSecrets(t *testing.T) {
	r := &Request{}
	if err := (Secrets{Secret: []string{"id=npm,k8s=team.npm/token_1"}}).apply(r, Environment{}); err != nil {
		t.Fatal(err)
	}
	kept := r.KeptSecrets()
	if len(kept) != 1 || kept[0].Name != "team.npm" || kept[0].Key != "token_1" || len(r.session) != 1 {
		t.Fatalf("got %+v, %d attachables", kept, len(r.session))
	}
	if err := kept[0].Give([]byte("value")); err != nil {
		t.Error(err)
	}
	var wrong *usage.Error
	if err := kept[0].Give(make([]byte, secretsprovider.MaxSecretSize+1)); !errors.As(err, &wrong) {
		t.Errorf("too large: %v", err)
	}
}

func TestWrongKeptSecrets(t *testing.T) {
	for value, want := range map[string]string{
		"id=a,k8s=npm":             "SECRET/KEY",
		"id=a,k8s=/key":            "SECRET/KEY",
		"id=a,k8s=npm/":            "SECRET/KEY",
		"id=a,k8s=npm/a/b":         "SECRET/KEY",
		"id=a,k8s=../x/key":        "SECRET/KEY",
		"id=a,k8s=NPM/key":         "SECRET/KEY",
		"k8s=npm/key":              "id=",
		"id=a,k8s=npm/key,src=f":   "leave out",
		"id=a,k8s=npm/key,env=E":   "leave out",
		"type=env,id=a,k8s=npm/ke": "leave out",
	} {
		err := (Secrets{Secret: []string{value}}).apply(&Request{}, Environment{})
		var wrong *usage.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.What != "--secret" || wrong.Value != value {
			t.Errorf("%q: got %v", value, err)
		}
	}
}
