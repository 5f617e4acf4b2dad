package family_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func TestUninstallRemovesTheFamily(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64", "386")
	server.OnPod(server.Ready)
	client := clientOf(t, server)
	if _, err := family.Install(t.Context(), client, "ci-other", install.Keep, install.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, server, platforms("linux/amd64", "linux/386"))
	var member *family.MemberError
	if _, err := family.Uninstall(t.Context(), client, "ci-386", install.UninstallOptions{}, nil); !errors.As(err, &member) || !member.Unwanted {
		t.Errorf("one of the family: %v", err)
	}
	server.Forget()
	asked, no := 0, errors.New("no")
	confirm := func(_ context.Context, removal install.Removal) error {
		if asked++; len(removal.Removed) != 10 {
			t.Errorf("asked about %v", removal.Removed)
		}
		return no
	}
	if _, err := family.Uninstall(t.Context(), client, "ci", install.UninstallOptions{Confirm: confirm}, nil); !errors.Is(err, no) || len(server.Writes()) > 0 {
		t.Errorf("not agreed to: %v, written: %v", err, server.Writes())
	}
	no = nil
	removal, err := family.Uninstall(t.Context(), client, "ci", install.UninstallOptions{Confirm: confirm}, nil)
	if err != nil || len(removal.Removed) != 10 || asked != 2 {
		t.Errorf("removed %v, %v; asked %d times", removal.Removed, err, asked)
	}
	if got := installed(server); !slices.Equal(got, objectsOf("ci-other")) {
		t.Errorf("there are %v", got)
	}
	var missing *cluster.NotFoundError
	if _, err := family.Uninstall(t.Context(), client, "ci", install.UninstallOptions{}, nil); !errors.As(err, &missing) {
		t.Errorf("again: %v", err)
	}
}

// What an interrupted install has left goes with the family's name, and by its own.
func TestUninstallRemovesWhatIsLeftOfAFamily(t *testing.T) {
	for _, name := range []string{"ci", "ci-386"} {
		server := testcluster.New(t)
		nodes(server, "amd64", "386")
		server.OnPod(server.Ready)
		client := clientOf(t, server)
		mustInstall(t, server, platforms("linux/amd64", "linux/386"))
		if _, err := install.Uninstall(t.Context(), client, "ci", install.UninstallOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := family.Uninstall(t.Context(), client, name, install.UninstallOptions{}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := installed(server); len(got) > 0 {
			t.Errorf("%s: there are %v", name, got)
		}
	}
}
