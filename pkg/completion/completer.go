// Package completion finds what a half-typed word of a command line may become: words that are
// known beforehand, and names that the cluster, a builder's daemon or the kubeconfig has.
//
// It is silent about errors: what it cannot find out it leaves out. What a shell is told is for
// pkg/cmd.
package completion

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// timeout bounds what a completion may ask of a cluster: the user has pressed TAB and waits.
const timeout = time.Second

// Query is what a Completer is asked.
type Query struct {
	*driver.Driver
	// Kubeconfig reads the user's.
	Kubeconfig func() (api.Config, error)
	// Builder is the one that the command line names, as far as it is typed; empty if it names
	// none.
	Builder string
	// Typed is the half word.
	Typed string
}

// Completer returns what a word may become, each with its description after a tab, if it has one.
// Words that do not begin as the half word does may be among them. A nil Completer leaves the word
// to the shell, which completes file names.
type Completer func(ctx context.Context, q Query) []string

// Words returns what the half word may become, a line each, and whether any of them goes on, so
// that no space follows.
func (c Completer) Words(ctx context.Context, q Query) (words []string, more bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, word := range c(ctx, q) {
		if !strings.HasPrefix(word, q.Typed) {
			continue
		}
		value, description, described := strings.Cut(word, "\t")
		if value != escape.Line(value) {
			continue // a shell would insert another word, or two
		}
		more = more || strings.HasSuffix(value, "=") || strings.HasSuffix(value, "/")
		if described {
			value += "\t" + escape.Line(description)
		}
		words = append(words, value)
	}
	return words, more
}

// withoutTabs are the names, of which a tab would separate a description.
func withoutTabs(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "\t") })
}

// oneOf completes with words that are known beforehand.
func oneOf(words ...string) Completer {
	return func(context.Context, Query) []string { return words }
}

// someOf completes the last word of a list with commas.
func someOf(complete Completer) Completer {
	return func(ctx context.Context, q Query) []string {
		before := q.Typed[:strings.LastIndex(q.Typed, ",")+1]
		q.Typed = q.Typed[len(before):]
		words := complete(ctx, q)
		for i, word := range words {
			words[i] = before + word
		}
		return words
	}
}
