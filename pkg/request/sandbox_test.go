package request

import (
	"slices"
	"strings"
	"testing"
)

func TestSandboxAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		want   map[string]string
	}{
		"hosts": {func(o *Options) { o.AddHosts = []string{"a=1.2.3.4", "b:::1", "c=[::1]", "d=1.1.1.1,2.2.2.2"} }, map[string]string{
			"add-hosts": "a=1.2.3.4,b=::1,c=::1,d=1.1.1.1,d=2.2.2.2",
		}},
		"no network":      {func(o *Options) { o.Network = "none" }, map[string]string{"force-network-mode": "none"}},
		"default network": {func(o *Options) { o.Network = "default" }, map[string]string{"force-network-mode": ""}},
		"cgroup":          {func(o *Options) { o.CgroupParent = "p" }, map[string]string{"cgroup-parent": "p"}},
		"shm":             {func(o *Options) { o.ShmSize = "1.5k" }, map[string]string{"shm-size": "1536"}},
		"no shm":          {func(o *Options) { o.ShmSize = "0" }, map[string]string{"shm-size": ""}},
		"ulimits": {func(o *Options) { o.Ulimits = []string{"nofile=1", "nofile=10:20", "core=-1:-1", "cpu=5"} }, map[string]string{
			"ulimit": "core=-1:-1,cpu=5:5,nofile=10:20",
		}},
		"resources": {
			func(o *Options) {
				o.Resources = []string{"memory=2g", "memory-swap=-1", "cpu-quota=50000", "cpu-period = 1", "cpu-shares=3", "cpuset-cpus=0-1", "cpuset-mems=0"}
			},
			map[string]string{
				"memory": "2147483648", "memswap": "-1", "cpuquota": "50000", "cpuperiod": "1", "cpushares": "3", "cpusetcpus": "0-1", "cpusetmems": "0",
			},
		},
		"old resources":   {func(o *Options) { o.MoreResources = []string{"memory=1k"} }, map[string]string{"memory": "1024"}},
		"no-cache-filter": {func(o *Options) { o.NoCacheFilter = []string{"a", "b"} }, map[string]string{"no-cache": "a,b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := attrs(t, with(test.change), workspace(t, nil))
			for key, want := range test.want {
				if got[key] != want {
					t.Errorf("%s is %q, want %q", key, got[key], want)
				}
			}
		})
	}
}

func TestEntitlements(t *testing.T) {
	r, err := New(t.Context(), with(func(o *Options) {
		o.Network = "host"
		o.Allow = []string{"network.host", "security.insecure", "device=nvidia.com/gpu=all", "", localDelete}
		o.Outputs = []string{"type=local,dest=../x,mode=delete"}
	}), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"network.host", "security.insecure", "device=nvidia.com/gpu=all"}
	if got := r.Attempt().Options.AllowedEntitlements; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSandboxErrors(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		flag   string
		want   string
	}{
		"host without address": {func(o *Options) { o.AddHosts = []string{"a"} }, "--add-host", "not a name and an address"},
		"host without name":    {func(o *Options) { o.AddHosts = []string{"=1.1.1.1"} }, "--add-host", "not a name and an address"},
		"host by name":         {func(o *Options) { o.AddHosts = []string{"a=b"} }, "--add-host", `"b" is not a valid IP address`},
		"host gateway":         {func(o *Options) { o.AddHosts = []string{"a=host-gateway"} }, "--add-host", "docker engine"},
		"network":              {func(o *Options) { o.Network = "mine" }, "--network", "no such network"},
		"shm":                  {func(o *Options) { o.ShmSize = "much" }, "--shm-size", "is not a valid size"},
		"negative shm":         {func(o *Options) { o.ShmSize = "-1" }, "--shm-size", "is not a valid size"},
		"ulimit form":          {func(o *Options) { o.Ulimits = []string{"nofile"} }, "--ulimit", "NAME=SOFT"},
		"ulimit name":          {func(o *Options) { o.Ulimits = []string{"files=1"} }, "--ulimit", `unknown limit "files"`},
		"ulimit text":          {func(o *Options) { o.Ulimits = []string{"nofile=x"} }, "--ulimit", "not a number"},
		"ulimit hard text":     {func(o *Options) { o.Ulimits = []string{"nofile=1:x"} }, "--ulimit", "not a number"},
		"ulimit order":         {func(o *Options) { o.Ulimits = []string{"nofile=2:1"} }, "--ulimit", "above the hard limit"},
		"ulimit unlimited":     {func(o *Options) { o.Ulimits = []string{"nofile=-1:1"} }, "--ulimit", "above the hard limit"},
		"resource form":        {func(o *Options) { o.Resources = []string{"memory"} }, "--resource", "not key=value"},
		"resource name":        {func(o *Options) { o.Resources = []string{"mem=1"} }, "--resource", `unknown resource "mem"`},
		"resource size":        {func(o *Options) { o.Resources = []string{"memory=1x"} }, "--resource", "is not a valid size"},
		"resource number":      {func(o *Options) { o.Resources = []string{"cpu-quota=half"} }, "--resource", "not a positive number"},
		"entitlement":          {func(o *Options) { o.Allow = []string{"everything"} }, "--allow", "everything"},
		"local delete":         {func(o *Options) { o.Allow = []string{localDelete + "=x"} }, "--allow", "takes no value"},
		"no cache twice":       {func(o *Options) { o.NoCache, o.NoCacheFilter = true, []string{"a"} }, "--no-cache-filter", "leave one"},
		"rm":                   {func(o *Options) { o.KeepContainers = true }, "--rm", "no intermediate containers"},
		"squash":               {func(o *Options) { o.Squash = true }, "--squash", "last stage"},
		"isolation":            {func(o *Options) { o.Isolation = "hyperv" }, "--isolation", "one kind"},
		"security options":     {func(o *Options) { o.SecurityOptions = []string{"x"} }, "--security-opt", "security.insecure"},
	} {
		t.Run(name, func(t *testing.T) { wantUsage(t, with(test.change), workspace(t, nil), test.flag, test.want) })
	}
}

// wantUsage fails unless the options are refused for the flag, with the part in
// the message.
func wantUsage(t *testing.T, opts Options, env Environment, flag, part string) {
	t.Helper()
	_, err := New(t.Context(), opts, env)
	checkFuzzed(t, err)
	if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), flag) {
		t.Errorf("got %v, want %s and %q", err, flag, part)
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "32": 32, "32b": 32, "32B": 32, "32k": 32768, "32KB": 32768, "32KiB": 32768, "1.5m": 3 << 19, "2 g": 2 << 30, "1T": 1 << 40, "1p": 1 << 50,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "m", "-1", "1e3", "0x10", "1kk", "nan", "9999999p", "1_0"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, seed := range []string{"a=1.2.3.4", "a:::1", "a=[::1]", "a=", ":", "a=1.1.1.1,", "a=host-gateway"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		hosts, err := parseHost(value)
		checkFuzzed(t, err)
		if err == nil && len(hosts) == 0 {
			t.Fatalf("%q has no hosts", value)
		}
	})
}

func FuzzLimits(f *testing.F) {
	for _, seed := range []string{"nofile=1:2", "memory=1g", "cpu-quota=1", "=", "nofile=", "memory-swap=-1", "cpuset-cpus=", "memory=.g"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, _, err := parseUlimit(value)
		checkFuzzed(t, err)
		_, _, err = parseResource(value)
		checkFuzzed(t, err)
		if size, err := ParseBytes(value); err == nil && size < 0 {
			t.Fatalf("%q is %d bytes", value, size)
		}
	})
}
