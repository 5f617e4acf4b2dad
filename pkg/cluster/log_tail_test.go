package cluster

import (
	"strings"
	"testing"
)

func TestTelling(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an error and its stack": {
			"time=1 level=info msg=starting\nbuildkitd: no such snapshotter\nmain.main.func1\n\t/src/main.go:1\nruntime.main\n\t/src/proc.go:2\n",
			"time=1 level=info msg=starting|buildkitd: no such snapshotter",
		},
		"a panic": {
			"panic: boom [recovered]\n\tpanic: again\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x46]\n\n" +
				"goroutine 7 [running]:\nmain.work(...)\n\t/src/main.go:9\ncreated by main.main in goroutine 1\n\t/src/main.go:5 +0x1d\n",
			"panic: boom [recovered]|\tpanic: again|[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x46]",
		},
		"a signal": {
			"msg=solving\nSIGABRT: abort\nPC=0x47c m=0 sigcode=0\n\ngoroutine 0 gp=0x1 m=0 mp=0x1 [idle]:\nruntime.futex()\n\t/go/sys.s:5\n" +
				"...additional frames elided...\n\ngoroutine 1 gp=0xc m=nil [chan receive, 2 minutes]:\nmain.main()\n\t/src/main.go:5 +0x1d\n\n" +
				"rax    0xca\nr10    0x0\nrflags 0x286\ngs     0x0\n",
			"msg=solving|SIGABRT: abort",
		},
		"the end of a dump only": {"\t/go/sys.s:5\n\ngoroutine 1 gp=0xc m=nil [select]:\nmain.main()\n\t/src/main.go:5\nrip    0x1\n", ""},
		"nothing":                {"", ""},
	} {
		if got := strings.Join(telling(c.text), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := telling(strings.Repeat("line\n", 50)); len(got) != lastLogLines {
		t.Errorf("%d lines", len(got))
	}
}
