package install_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// A tenant who may create one kind of object does not decide what the next install trusts or runs.
func TestPlantedObjectsAreNotTakenOver(t *testing.T) {
	evil := spec()
	evil.Image, evil.RegistryCA = "evil.example.com/buildkit:1", testcluster.Issue(t, time.Now()).CA
	objects, err := manifest.New(evil, testcluster.Issue(t, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(*testcluster.Cluster){
		"the server's Secret": func(s *testcluster.Cluster) { s.Put("secrets", objects.Server) },
		"the client's Secret": func(s *testcluster.Cluster) { s.Put("secrets", objects.Client) },
		"both Secrets":        func(s *testcluster.Cluster) { s.Put("secrets", objects.Server, objects.Client) },
		"settings and client": func(s *testcluster.Cluster) { s.Put("configmaps", objects.Config()); s.Put("secrets", objects.Client) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				plant(server)
				_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
				var unowned *install.UnownedError
				if !errors.As(err, &unowned) || len(unowned.Found) == 0 || len(unowned.Missing) == 0 || len(server.Writes()) > 0 {
					t.Errorf("got %v, and writes %v", err, server.Writes())
				}
				if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil || len(server.Names()) > 0 {
					t.Errorf("uninstall leaves %v (%v)", server.Names(), err)
				}
			})
		})
	}
}

func TestPlantedSettingsAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		evil := spec()
		evil.Image = "evil.example.com/buildkit:1"
		objects, err := manifest.New(evil, testcluster.Issue(t, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		server := testcluster.New(t)
		server.Put("configmaps", objects.Config())
		_, err = install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
		if unowned := (*install.UnownedError)(nil); !errors.As(err, &unowned) || len(server.Writes()) > 0 {
			t.Errorf("got %v, and writes %v", err, server.Writes())
		}
		mustInstall(t, server, exactly(spec()))
		stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd")
		if err != nil || len(stored.Settings()) > 0 {
			t.Errorf("installed with %+v (%v)", stored.Settings(), err)
		}
	})
}

// Agreeing to what was found is not agreeing to its certificates: another user may have the keys.
// Settings and the server's Secret together are a builder whose Pod is missing; who plants both may
// write Secrets, and then may do more.
func TestPlantedCertificatesAreNotUsed(t *testing.T) {
	for name, plant := range map[string]func(*testcluster.Cluster, *manifest.Builder){
		"the server's Secret": func(s *testcluster.Cluster, o *manifest.Builder) { s.Put("secrets", o.Server) },
		"both Secrets":        func(s *testcluster.Cluster, o *manifest.Builder) { s.Put("secrets", o.Server, o.Client) },
		"settings and the client's Secret": func(s *testcluster.Cluster, o *manifest.Builder) {
			s.Put("configmaps", o.Config())
			s.Put("secrets", o.Client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				planted := testcluster.Issue(t, time.Now())
				objects, err := manifest.New(spec(), planted)
				if err != nil {
					t.Fatal(err)
				}
				server := testcluster.New(t)
				plant(server, objects)
				agree := func(context.Context, install.Plan) error { return nil }
				_, err = install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true, Confirm: agree}, nil)
				if err != nil {
					t.Fatal(err)
				}
				secret := &corev1.Secret{}
				server.Read("secrets", builder.ServerSecretName("buildkitd"), secret)
				used := manifest.Certificates(secret)
				if bytes.Equal(used.CA, planted.CA) || bytes.Equal(used.Server.Key, planted.Server.Key) || used.Former != nil {
					t.Error("the certificates that were planted are used")
				}
			})
		})
	}
}
