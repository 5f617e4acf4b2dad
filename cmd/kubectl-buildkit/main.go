// Command kubectl-buildkit is the kubectl plugin `kubectl buildkit`: it builds container images on
// a Kubernetes cluster. Everything it does is in pkg/cmd; here are only what a process has:
// arguments, streams, signals, exit code.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/sirupsen/logrus"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // users log in to their clusters in every way kubectl knows
	"k8s.io/klog/v2"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cmd"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

func main() {
	collectLate()
	// What goes wrong is said by pkg/cmd, once and in words; the libraries' own log lines would
	// stand between, and break the display.
	klog.SetLogger(logr.Discard()) // klog's own output still writes its errors to standard error
	log.SetOutput(io.Discard)
	logrus.SetOutput(io.Discard)
	upload.RegisterCompressor()
	// The first signal asks for an orderly end; after it the default action is back, so a second
	// one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	context.AfterFunc(ctx, stop)
	ctx, end := context.WithCancelCause(ctx)
	exitCode := endWithOutput(func() { end(syscall.EPIPE) }, os.Stdout, os.Stderr)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(exitCode(cmd.Run(ctx, os.Args[1:], streams, os.LookupEnv)))
}

// collectLate lets a short command end before the garbage collector has had to work: over cached
// builds that is a tenth of their time. A command that has been collected once is not short, and
// goes on with the default, in half the memory. GOGC has the last word.
func collectLate() {
	if _, set := os.LookupEnv("GOGC"); !set {
		usual := debug.SetGCPercent(400)
		runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
	}
}

// endings are the signals that ask for an end. A terminal that closes is one, unless nohup has this
// program outlive it. SIGQUIT is not: it prints where every goroutine is, which is what is wanted
// of a program that hangs.
func endings() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
