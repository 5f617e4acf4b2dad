package machine

import (
	"reflect"
	"testing"
)

func TestParseMounts(t *testing.T) {
	const text = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup/memory rw shared:9 master:1 - cgroup cgroup rw,memory
31 22 0:4 net:[4026532281] /run/netns/a\040b rw - nsfs nsfs rw
not a mount
`
	want := []mount{{"/", "ext4"}, {"/sys/fs/cgroup/memory", "cgroup"}, {"/run/netns/a b", "nsfs"}}
	if got := parseMounts(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMissingPackages(t *testing.T) {
	required := []requirement{{"here", "/proc/sel?"}, {"gone", "/no/such/file"}}
	if got := missingPackages(required); !reflect.DeepEqual(got, []string{"gone"}) {
		t.Errorf("got %v", got)
	}
}
