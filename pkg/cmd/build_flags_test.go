package cmd

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// buildWith is what the arguments of build become.
func buildWith(t *testing.T, args ...string) *buildOptions {
	t.Helper()
	var got *buildOptions
	parse(t, newBuildCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *buildOptions) error {
		got = o
		return nil
	}), args...)
	return got
}

// byDefault are the options that a command line without flags gives.
func byDefault(change func(*request.Options)) request.Options {
	opts := request.Options{Input: request.Input{Path: "."}, Call: request.Call{Method: "build"}, Sandbox: request.Sandbox{Network: "default"},
		Upload: request.Upload{ContextWarning: "100m"}}
	change(&opts)
	return opts
}

func TestFlagsReachTheRequest(t *testing.T) {
	for args, change := range map[string]func(*request.Options){
		"--add-host a=1.1.1.1,b=2.2.2.2":             func(o *request.Options) { o.AddHosts = []string{"a=1.1.1.1", "b=2.2.2.2"} },
		"--allow network.host":                       func(o *request.Options) { o.Allow = []string{"network.host"} },
		"--annotation index:a=b":                     func(o *request.Options) { o.Annotations = []string{"index:a=b"} },
		"--attest type=sbom":                         func(o *request.Options) { o.Attest = []string{"type=sbom"} },
		"--build-context a=b --build-context c=d":    func(o *request.Options) { o.BuildContexts = []string{"a=b", "c=d"} },
		"--cache-from a --cache-to type=local,src=b": func(o *request.Options) { o.CacheFrom, o.CacheTo = []string{"a"}, []string{"type=local,src=b"} },
		"--call outline,format=json":                 func(o *request.Options) { o.Method = "outline,format=json" },
		"--print targets":                            func(o *request.Options) { o.Method = "targets" },
		"--check":                                    func(o *request.Options) { o.Check = true },
		"--cgroup-parent p":                          func(o *request.Options) { o.CgroupParent = "p" },
		"--load":                                     func(o *request.Options) { o.Load = true },
		"--network none":                             func(o *request.Options) { o.Network = "none" },
		"--no-cache-filter a":                        func(o *request.Options) { o.NoCacheFilter = []string{"a"} },
		"--policy disabled=true":                     func(o *request.Options) { o.Policies = []string{"disabled=true"} },
		"--provenance mode=max --sbom=true":          func(o *request.Options) { o.Provenance, o.SBOM = "mode=max", "true" },
		"--resource memory=1g":                       func(o *request.Options) { o.Resources = []string{"memory=1g"} },
		"-m 1g --cpu-shares 2":                       func(o *request.Options) { o.MoreResources = []string{"memory=1g", "cpu-shares=2"} },
		"--secret id=a,src=b":                        func(o *request.Options) { o.Secret = []string{"id=a,src=b"} },
		"--shm-size 1m --ulimit nofile=1":            func(o *request.Options) { o.ShmSize, o.Ulimits = "1m", []string{"nofile=1"} },
		"--ssh default":                              func(o *request.Options) { o.SSHKeys = []string{"default"} },
		"--rm --force-rm=false":                      func(*request.Options) {},
		"--rm=false":                                 func(o *request.Options) { o.KeepContainers = true },
		"--squash --isolation x":                     func(o *request.Options) { o.Squash, o.Isolation = true, "x" },
		"--compress":                                 func(o *request.Options) { o.Compress = "always" },
		"--compress=never":                           func(o *request.Options) { o.Compress = "never" },
		"--compress never":                           func(o *request.Options) { o.Compress = "never" },
		"--security-opt x":                           func(o *request.Options) { o.SecurityOptions = []string{"x"} },
		"--trace t --ref-file r":                     func(o *request.Options) { o.Trace, o.RefFile = "t", "r" },
		"--proxy-network":                            func(o *request.Options) { o.ProxyNetwork = true },
		"--source-policy-file p":                     func(o *request.Options) { o.SourceFile = "p" },
		"--export-cache a --import-cache b":          func(o *request.Options) { o.ExportCache, o.ImportCache = []string{"a"}, []string{"b"} },
	} {
		t.Run(args, func(t *testing.T) {
			got, want := buildWith(t, append(strings.Fields(args), ".")...).Options, byDefault(change)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestBuildctlFlagsReachTheRequest(t *testing.T) {
	got := buildWith(t, "--frontend", "dockerfile.v0", "--opt", "a=b", "--local", "context=dir", "--oci-layout", "l=d", "-D")
	want := byDefault(func(o *request.Options) {
		o.Path = ""
		o.Frontend = request.Frontend{FrontendName: "dockerfile.v0", Opts: []string{"a=b"}, Locals: []string{"context=dir"}, OCILayouts: []string{"l=d"}}
	})
	if !reflect.DeepEqual(got.Options, want) || !got.debug {
		t.Errorf("got %+v", got)
	}
}

// TestEveryFlagOfDocker proves that a command line of docker buildx build needs no other change
// than its first words.
func TestEveryFlagOfDocker(t *testing.T) {
	c := newBuildCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), nil)
	for name := range strings.FieldsSeq(`add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent
		check debug file iidfile label load metadata-file network no-cache no-cache-filter output platform policy progress provenance pull push
		quiet resource sbom secret shm-size ssh tag target ulimit`) {
		if flag := c.Flags().Lookup(name); flag == nil || flag.Hidden || flag.Usage == "" {
			t.Errorf("--%s is not there", name)
		}
	}
	for name, short := range map[string]string{"debug": "D", "file": "f", "output": "o", "quiet": "q", "tag": "t"} {
		if c.Flags().Lookup(name).Shorthand != short {
			t.Errorf("-%s is not --%s", short, name)
		}
	}
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if strings.HasSuffix(flag.Usage, ".") || len(flag.Usage) > 140 {
			t.Errorf("--%s: %q", flag.Name, flag.Usage)
		}
	})
}

func TestBuildMisuse(t *testing.T) {
	for args, part := range map[string]string{
		"build":                            "needs the build context",
		"build --frontend dockerfile.v0 .": "takes no PATH with --frontend",
		"build one two":                    `got 2 arguments: ["one" "two"]`,
		"build --compress perhaps .":       "--compress is one of auto, always, never",
		"build --rm=perhaps .":             "must be true or false",
		"build --debug=x .":                "must be true or false",
		"build --network mine .":           "no such network",
		"build --local context=. .":        "requires --frontend",
	} {
		_, stderr, code := call(t, strings.Fields(args)...)
		if code != explain.CodeUsage || !strings.Contains(stderr, part) {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}
