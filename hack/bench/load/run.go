package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// run has every contender build the same, one after another, and reports. The error is that of ours, or of the test itself.
func run(ctx context.Context, o options) error {
	paths := map[string]string{"E2E_REGISTRY": "", "E2E_BASE_IMAGE": "", "BENCH_PLUGIN": ""}
	if o.peers {
		paths["BENCH_BUILDX"] = ""
	}
	for name := range paths {
		if paths[name] = os.Getenv(name); paths[name] == "" {
			return fmt.Errorf("%s is not set: run hack/bench/load/run", name)
		}
	}
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sources, err := o.sources()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(sources) }()
	contexts, err := writeContexts(sources, paths["E2E_BASE_IMAGE"])
	if err != nil {
		return err
	}
	jobs, hits := schedule(o.shape)
	if o.calm {
		hits = nil
	}
	var all []figures
	for _, c := range o.contenders(ctx, paths["BENCH_PLUGIN"], paths["BENCH_BUILDX"]) {
		s := &scene{options: o, contender: c, contexts: contexts, dir: filepath.Join(dir, c.name()), registry: paths["E2E_REGISTRY"]}
		seen, err := s.play(ctx, o.namespaceOf(c.name()), jobs, hits)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		all = append(all, evaluate(c, o.shape, seen))
	}
	printReport(o.out, o, all)
	for _, peer := range all[1:] {
		if err := peer.verdict(); err != nil {
			fmt.Fprintf(o.log, "%s: %v\n", peer.contender, err)
		}
	}
	if o.graph != "" {
		if err := os.WriteFile(o.graph, drawGraph(all), 0o644); err != nil {
			return err
		}
	}
	return all[0].verdict()
}

// sources makes the directory of the projects. Its path is the same for a seed, since it decides which project has which
// member, and so how evenly the popular ones are spread.
func (o options) sources() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("load-seed-%d", o.shape.seed))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w: another run uses it, or was killed: remove it then", err)
	}
	return dir, nil
}

func (o options) namespaceOf(contender string) string { return o.namespace + "-" + contender }

// contenders are those that build; the first is ours.
func (o options) contenders(ctx context.Context, ours, peer string) []contender {
	in := func(name string) team {
		return team{namespace: o.namespaceOf(name), members: o.shape.members}
	}
	all := []contender{plugin{in("ours"), ours, o.limit, hasVolumes(ctx)}}
	if o.peers {
		for _, balance := range []string{"sticky", "random"} {
			all = append(all, buildx{in("buildx-" + balance), peer, balance})
		}
	}
	return all
}

// hasVolumes reports whether the cluster makes volumes for those who ask for no class.
func hasVolumes(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	classes, err := exec.CommandContext(ctx, "kubectl", "get", "storageclasses", "-o",
		`jsonpath={.items[*].metadata.annotations.storageclass\.kubernetes\.io/is-default-class}`).Output()
	return err == nil && strings.Contains(string(classes), "true")
}
