// Command cluster runs a real Kubernetes on one machine for the tests of kubectl-buildkit: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/program"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/token"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/volume"
)

const usage = `usage: go run . VERB

  up [--nodes N]      start the cluster, or report that it runs
  down                remove everything of it but the cache of programs
  status              list what runs and where its logs are; fails when something is unhealthy
  kill NAME...        end components as a crash would, by the names that status shows
  restart NAME...     start killed components again
  env                 print the addresses and passwords as shell lines
  programs [NAME...]  build programs into the cache and print their paths; without a name, list the names
`

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err != nil && interrupted:
		fmt.Fprintln(os.Stderr, "interrupted: what an unfinished `up` started is removed by `down`, or by the next `up`")
		os.Exit(130)
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, getenv func(string) string, stdout, stderr io.Writer) error {
	if len(arguments) == 0 {
		return errUsage
	}
	verb, arguments := arguments[0], arguments[1:]
	switch { // verbs that up starts, not people
	case verb == "token-server" && len(arguments) == 1:
		return token.Serve(ctx, arguments[0])
	case verb == "volume-provisioner" && len(arguments) == 1:
		return volume.Serve(ctx, arguments[0], stderr)
	}
	options, err := cluster.NewOptions(getenv)
	if err != nil {
		return err
	}
	if verb == "up" {
		flags := flag.NewFlagSet("up", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.IntVar(&options.Nodes, "nodes", 1, "how many nodes")
		if flags.Parse(arguments) != nil || flags.NArg() > 0 {
			return errUsage
		}
	}
	c, err := cluster.New(options, stderr)
	if err != nil {
		return err
	}
	switch verb {
	case "up":
		return c.Up(ctx)
	case "down":
		return c.Down(ctx)
	case "status":
		return c.Status(ctx, stdout)
	case "kill":
		return c.Kill(ctx, arguments)
	case "restart":
		return c.Restart(arguments)
	case "env":
		return c.Env(stdout)
	case "programs":
		return programs(ctx, c, arguments, stdout)
	}
	return errUsage
}

func programs(ctx context.Context, c *cluster.Cluster, names []string, stdout io.Writer) error {
	lines := program.Names()
	if len(names) > 0 {
		paths, err := c.Programs(ctx, names)
		if err != nil {
			return err
		}
		lines = paths
	}
	_, err := fmt.Fprintln(stdout, strings.Join(lines, "\n"))
	return err
}
