// Command cmd puts a bad link before the API server:
//
//	go run ./cmd --round-trip 80ms --rate 50 -- kubectl buildkit build .   one command through it, then what it cost
//	go run ./cmd --round-trip 80ms --rate 50 > slow.yaml                   a kubeconfig, until Ctrl-C
//
// In the second form each line of standard input is an order: hold, release, silence, cut, counts.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		os.Exit(failed.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("link", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig of the cluster; else what kubectl uses")
	roundTrip := flags.Duration("round-trip", 0, "delay of both ways together, e.g. 80ms")
	rate := flags.Float64("rate", 0, "Mbit/s in each direction, 0 is without limit")
	trace := flags.Bool("trace", false, "print everything that passes the client's end")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	cluster, err := link.ReadCluster(ctx, *kubeconfig)
	if err != nil {
		return err
	}
	l, err := link.Listen(cluster.Server, link.Shape{RoundTrip: *roundTrip, Rate: int64(*rate * 1e6)})
	if err != nil {
		return err
	}
	defer l.Close()
	config, err := cluster.Through(l.Address())
	if err != nil {
		return err
	}
	if *trace {
		l.Trace(func(e link.Event) {
			fmt.Fprintf(os.Stderr, "%8.1f ms  connection %d  %-4s %6d B\n", float64(e.At)/float64(time.Millisecond), e.Connection, e.Direction, e.Bytes)
		})
	}
	defer func() { printCounts(l) }()
	if flags.NArg() > 0 {
		return through(ctx, config, flags.Args())
	}
	fmt.Printf("%s", config)
	go obey(l, os.Stdin)
	<-ctx.Done()
	return nil
}

// through runs a command with the kubeconfig. Ctrl-C reaches the command by itself, and the link ends after it.
func through(ctx context.Context, config []byte, words []string) error {
	directory, err := os.MkdirTemp("", "link-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	file := filepath.Join(directory, "kubeconfig")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Cancel = func() error { return nil }
	command.Env = append(os.Environ(), "KUBECONFIG="+file)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}

func obey(l *link.Link, orders io.Reader) {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		switch lines.Text() {
		case "hold":
			l.Hold()
		case "release":
			l.Release()
		case "silence":
			l.Silence()
		case "cut":
			l.Cut()
		case "counts":
			printCounts(l)
		default:
			fmt.Fprintf(os.Stderr, "unknown order %q: hold, release, silence, cut or counts\n", lines.Text())
		}
	}
}

func printCounts(l *link.Link) {
	c := l.Counts()
	fmt.Fprintf(os.Stderr, "link: %d B up, %d B down, %d connections, %d turns\n", c.Up, c.Down, c.Connections, c.Turns)
}
