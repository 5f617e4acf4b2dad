package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/registry"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// Status writes what runs and where things are. The error says what is not well.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	record, err := c.options.State.Load()
	if err != nil {
		return err
	}
	processes, err := c.table.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROCESS\tPID\tSTATE\tSINCE\tLOG")
	for _, recorded := range processes {
		condition := "running"
		if !c.table.Alive(recorded) {
			condition = "gone"
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", recorded.Name, recorded.PID, condition,
			recorded.Started.Format(time.DateTime), c.table.Log(recorded.Name))
	}
	fmt.Fprintln(table, "\nNODE\tREADY\tMESSAGE")
	nodes, nodesErr := c.nodes(ctx)
	for _, node := range nodes {
		fmt.Fprintf(table, "%s\t%t\t%s\n", node.Name, node.Ready, node.Message)
	}
	if nodesErr != nil {
		fmt.Fprintf(table, "unknown\t\t%v\n", nodesErr)
	}
	addresses := registry.NewAddresses(c.plan.HostPort)
	fmt.Fprintf(table, "\nkubeconfig\t%s\n", c.options.State.Kubeconfig("admin"))
	fmt.Fprintf(table, "registry, open\t%s\nregistry, tokens\t%s\nregistry, basic\t%s\n", addresses.Open, addresses.Token, addresses.Basic)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	return c.healthy(ctx, record)
}

// healthy says what is wrong with a cluster of which a record was found.
func (c *Cluster) healthy(ctx context.Context, record state.Record) error {
	if !record.Complete {
		return errors.New("the cluster was not started to the end: run up again")
	}
	processes, err := c.table.List()
	if err != nil {
		return err
	}
	var problems []error
	for _, recorded := range processes {
		if !c.table.Alive(recorded) {
			problems = append(problems, fmt.Errorf("process %q is gone, its log is %s", recorded.Name, c.table.Log(recorded.Name)))
		}
	}
	if len(problems) > 0 { // without its processes the API server would only be waited for in vain
		return errors.Join(problems...)
	}
	nodes, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	ready := 0
	for _, node := range nodes {
		if node.Ready {
			ready++
			continue
		}
		problems = append(problems, fmt.Errorf("node %q is not ready: %s", node.Name, node.Message))
	}
	if ready < record.Nodes {
		problems = append(problems, fmt.Errorf("%d of %d nodes are ready", ready, record.Nodes))
	}
	return errors.Join(problems...)
}

func (c *Cluster) nodes(ctx context.Context) ([]controlplane.Node, error) {
	client, err := controlplane.NewClient(c.options.State.Kubeconfig("admin"))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Nodes(ctx)
}

// Env writes shell lines that tell tests, demos and benchmarks where things are. The names are a contract with them.
func (c *Cluster) Env(out io.Writer) error {
	record, err := c.options.State.Load()
	if err != nil {
		return err
	}
	if !record.Complete {
		return errors.New("the cluster was not started to the end: run up again")
	}
	_, err = io.WriteString(out, renderEnv(c.options.State, registry.NewAddresses(c.plan.HostPort), record))
	return err
}

func renderEnv(dir state.Dir, addresses registry.Addresses, record state.Record) string {
	text := ""
	for _, line := range [][2]string{
		{"E2E_KUBECONFIG", dir.Kubeconfig("admin")},
		{"E2E_REGISTRY", addresses.Open},
		{"E2E_REGISTRY_TOKEN", addresses.Token},
		{"E2E_REGISTRY_BASIC", addresses.Basic},
		{"E2E_REGISTRY_CA", dir.RegistryCA()},
		{"E2E_REGISTRY_USER", registry.Builder},
		{"E2E_REGISTRY_PASSWORD", record.Password},
		{"E2E_REGISTRY_READER", registry.Reader},
		{"E2E_REGISTRY_READER_PASSWORD", record.ReaderPassword},
		{"E2E_BASE_IMAGE", record.BaseImage},
		{"E2E_GO_IMAGE", record.GoImage},
		{"E2E_MULTI_IMAGE", record.MultiImage},
		{"E2E_PROGRAMS", dir.UserPrograms()},
		{"E2E_NODES", fmt.Sprint(record.Nodes)},
	} {
		text += fmt.Sprintf("export %s=%s\n", line[0], quote(line[1]))
	}
	return text
}

// quote makes a value one word of the shell. Most values are one already, and are easier to read bare.
func quote(value string) string {
	bare := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,", r)
	}
	if value != "" && !strings.ContainsFunc(value, bare) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
