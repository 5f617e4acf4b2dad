// Command load has many clients build on one builder of several members, with members killed and replaced meanwhile, and
// reports what came of it: builds lost, waiting times against an ideal queue, the limit of each member, and how much of
// the cache is found again. With -peers the same load runs on the kubernetes driver of docker buildx as well.
//
// A lost build, and a member that ran more builds than it may, fail it. The ratios are reported, and judged by the reader:
// they depend on how busy the machine is, which is reported too.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := options{log: os.Stderr, out: os.Stdout}
	flag.IntVar(&o.shape.clients, "clients", 50, "clients, each with one build at a time")
	flag.IntVar(&o.shape.members, "members", 4, "members of the builder")
	flag.IntVar(&o.limit, "limit", 4, "builds that a member of ours runs at once, and steps that any member runs at once")
	flag.DurationVar(&o.shape.duration, "duration", 3*time.Minute, "time in which builds arrive; each is built to its end")
	flag.DurationVar(&o.shape.every, "every", 150*time.Second, "from one build of a client to its next, on average")
	flag.Uint64Var(&o.shape.seed, "seed", 1, "the same seed gives the same load")
	flag.IntVar(&o.processes, "processes", 50, "processes of clients at once; what waits for one of them is reported")
	flag.BoolVar(&o.peers, "peers", false, "run the same load on docker buildx, sticky and random, too")
	flag.BoolVar(&o.calm, "calm", false, "kill and replace no member")
	flag.StringVar(&o.graph, "graph", "", "write a graph to this SVG `file`")
	flag.StringVar(&o.namespace, "namespace", fmt.Sprintf("load-%d", os.Getpid()), "`prefix` of the namespaces, which are removed at the end")
	flag.BoolVar(&o.verbose, "v", false, "print every build, and what its members saw of it")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "error: unexpected argument %q: -h lists the flags\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	shape     shape
	limit     int
	processes int
	peers     bool
	calm      bool
	verbose   bool
	graph     string
	namespace string
	log, out  io.Writer
}
