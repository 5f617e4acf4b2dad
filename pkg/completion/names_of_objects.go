package completion

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
)

// fromNamespace asks the cluster for words, and gives none when it does not answer.
func (q Query) fromNamespace(ask func(*cluster.Client) ([]string, error)) []string {
	c, err := q.Cluster()
	if err != nil {
		return nil
	}
	words, err := ask(c)
	if err != nil {
		return nil
	}
	return words
}

// Builders completes with the builders of the namespace. The Pods of one that install did not make
// can be named in its place.
func Builders(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) {
		builders, err := c.List(ctx, false)
		var words []string
		for _, b := range builders {
			if b.Ephemeral {
				continue // another build's
			}
			kind := "builder"
			if b.Adopted {
				kind = "unmanaged builder"
			}
			words = append(words, fmt.Sprintf("%s\t%s of %d", b.Name, kind, b.Desired))
			for _, m := range b.Members {
				if b.Adopted && m.Pod != b.Name {
					words = append(words, fmt.Sprintf("%s\tPod of builder %s, %s", m.Pod, b.Name, m.State))
				}
			}
		}
		return words, err
	})
}

// memberNames completes with the members of the builder.
func memberNames(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) {
		candidates, _, err := c.Members(ctx, cmp.Or(q.Builder, builder.DefaultName), true)
		var words []string
		for _, each := range candidates {
			words = append(words, fmt.Sprintf("%s\t%s", each.Member.Pod, cmp.Or(each.Member.State, "missing")))
		}
		return words, err
	})
}

func namespaceNames(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) { return c.Namespaces(ctx) })
}

func serviceAccountNames(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) { return c.ServiceAccounts(ctx) })
}

// serviceAccountUsers are the ServiceAccounts of the namespace as --as names them.
func serviceAccountUsers(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) {
		accounts, err := c.ServiceAccounts(ctx)
		for i, account := range accounts {
			accounts[i] = "system:serviceaccount:" + c.Namespace() + ":" + account
		}
		return accounts, err
	})
}

func registrySecretNames(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) { return c.Secrets(ctx, true) })
}

func nodeLabels(ctx context.Context, q Query) []string {
	return q.fromNamespace(func(c *cluster.Client) ([]string, error) { return c.NodeLabels(ctx) })
}

// secretSource completes --secret: the kinds of source first, then the Secrets of the cluster, then
// the keys of one.
func secretSource(ctx context.Context, q Query) []string {
	before, kept, fromCluster := strings.Cut(q.Typed, ",k8s=")
	if !fromCluster {
		id, _, found := strings.Cut(q.Typed, ",")
		if !found {
			return []string{"id="}
		}
		return []string{id + ",src=", id + ",env=", id + ",k8s="}
	}
	name, _, named := strings.Cut(kept, "/")
	words := q.fromNamespace(func(c *cluster.Client) ([]string, error) {
		if named {
			return c.SecretKeys(ctx, name)
		}
		return c.Secrets(ctx, false)
	})
	for i, word := range words {
		if named {
			words[i] = before + ",k8s=" + name + "/" + word
		} else {
			words[i] = before + ",k8s=" + word + "/"
		}
	}
	return words
}

// platformNames are what the builder's daemon says it can build for, or what is common when it does
// not answer.
func platformNames(ctx context.Context, q Query) []string {
	b, err := q.Connect(ctx, driver.ConnectOptions{Builder: q.Builder})
	if err == nil {
		defer func() { _ = b.Close() }()
		if info, err := b.Daemon.Info(ctx); err == nil {
			return info.Platforms()
		}
	}
	return []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"}
}

func contextNames(_ context.Context, q Query) []string {
	return q.fromKubeconfig(func(config api.Config) []string { return slices.Sorted(maps.Keys(config.Contexts)) })
}

func clusterNames(_ context.Context, q Query) []string {
	return q.fromKubeconfig(func(config api.Config) []string { return slices.Sorted(maps.Keys(config.Clusters)) })
}

func userNames(_ context.Context, q Query) []string {
	return q.fromKubeconfig(func(config api.Config) []string { return slices.Sorted(maps.Keys(config.AuthInfos)) })
}

func (q Query) fromKubeconfig(names func(api.Config) []string) []string {
	config, err := q.Kubeconfig()
	if err != nil {
		return nil
	}
	return withoutTabs(names(config))
}

// Builds completes a REF with the builds there are, the newest first.
func Builds(ctx context.Context, q Query) []string {
	records, _ := q.Records(ctx, driver.ConnectOptions{Builder: q.Builder}, nil) // members that do not answer are not reported while typing
	words := []string{history.Latest + "\tthe newest build"}
	for _, record := range records {
		if strings.Contains(record.Ref, "\t") {
			continue
		}
		words = append(words, fmt.Sprintf("%s\t%s %s", record.Ref, record.Status, record.Name))
	}
	return words
}
