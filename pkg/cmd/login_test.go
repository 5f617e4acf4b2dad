package cmd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func TestLoginFlagsReachTheOptions(t *testing.T) {
	var got *loginOptions
	parse(t, newLoginCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *loginOptions) error {
		got = o
		return nil
	}), "-u", "tenancy/me", "--password-stdin", "--insecure", "--registry-ca", "ca.pem", "iad.ocir.io")
	want := loginOptions{registry: "iad.ocir.io", username: "tenancy/me", passwordStdin: true, insecure: true, registryCA: "ca.pem"}
	if *got != want {
		t.Errorf("got %+v", got)
	}
}

func TestLoginMisuse(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"a path":         {[]string{"login", "r.io/team"}, `use "r.io"`},
		"no host":        {[]string{"login", "https://"}, "REGISTRY"},
		"two":            {[]string{"login", "r.io", "x.io"}, "at most one REGISTRY"},
		"no user":        {[]string{"login", "r.io", "--password-stdin"}, "add --username"},
		"colon":          {[]string{"login", "r.io", "-u", "a:b"}, "no colon"},
		"no CA":          {[]string{"login", "r.io", "-u", "a", "--registry-ca", "absent.pem"}, "absent.pem"},
		"CA in vain":     {[]string{"login", "r.io", "-u", "a", "--registry-ca", "absent.pem", "--insecure"}, "--insecure"},
		"empty password": {[]string{"login", "r.io", "-u", "a", "--password-stdin"}, "standard input is empty"},
		"no terminal":    {[]string{"login", "r.io"}, "add --username NAME --password-stdin"},
		"logout":         {[]string{"logout", "a b"}, "REGISTRY"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := call(t, test.args...)
			if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestRegistryFailures(t *testing.T) {
	denied := &registryauth.DeniedError{Host: "r.io"}
	missing := &kube.MissingError{Kind: "Secret", Name: "npm", Namespace: "ns", Key: "k"}
	for _, c := range []struct {
		err  error
		code int
		next string
	}{
		{denied, explain.CodeDenied, "kubectl buildkit login r.io"},
		{&driver.PreflightError{Err: denied}, explain.CodeDenied, "--preflight=false"},
		{&registryauth.LoginError{Host: "iad.ocir.io", Cause: errors.New("no")}, explain.CodeDenied, "TENANCY-NAMESPACE/USER"},
		{&registryauth.LoginError{Host: "ocir.io.example", Cause: errors.New("no")}, explain.CodeDenied, "check user name"},
		{&registryauth.UnreachableError{Host: "r.io", Untrusted: true, Cause: errors.New("no")}, explain.CodeFailed, "--registry-ca"},
		{&registryauth.UnreachableError{Host: "r.io", Plain: true, Cause: errors.New("no")}, explain.CodeFailed, "--insecure"},
		{&registryauth.StoreError{Helper: "docker-credential-x", Cause: errors.New("no")}, explain.CodeFailed, "docker-credential-x"},
		{&driver.ClusterSecretError{Flag: "--secret", Err: missing}, explain.CodeUsage, "k8s=npm/KEY"},
		{&driver.ClusterSecretError{Flag: "--secret", Err: &kube.ForbiddenError{Verb: "get", Resource: "secrets", Name: "npm-client", Namespace: "ns"}}, explain.CodeDenied, "secrets/npm-client -n ns"},
		{&driver.ClusterSecretError{Flag: "--registry-secret", Err: &kube.UnfitError{Kind: "Secret"}}, explain.CodeUsage, "create secret docker-registry"},
		{&driver.ClusterSecretError{Flag: "--registry-secret", Err: &kube.UnreachableError{Host: "h", Err: errors.New("no")}}, explain.CodeNoBuilder, "kubectl version"},
		{&solve.CacheRefusedError{Registry: "r.io", Reference: "r.io/a:c", Index: true}, explain.CodeFailed, "ref=r.io/a:c,image-manifest=true,oci-mediatypes=true"},
	} {
		told := explain.Error(c.err)
		if told.Code != c.code || !strings.Contains(told.Next, c.next) || told.Text == "" {
			t.Errorf("%#v: %+v", c.err, told)
		}
	}
}
