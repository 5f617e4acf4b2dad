package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Metrics are scraped from outside of the Pod; a RUN step finds nothing else at their port, nor at another one, and a
// Pod with them ends with its daemon.
func TestMetrics(t *testing.T) {
	u := newUser(t)
	u.builder("--metrics")
	probe := `for path in /metrics /debug/pprof/ /debug/pprof/heap /debug/vars /debug/requests /metrics/../debug/vars; do ` +
		`echo "$path gives $(printf 'GET %s HTTP/1.0\r\n\r\n' $path | nc -w 10 127.0.0.1 9464 | head -n 1)"; done; ` +
		`for port in $(netstat -ltn | awk '/^tcp/ {n = split($4, a, ":"); print a[n]}' | sort -u | grep -v '^9464$'); do ` +
		`echo "port $port gives $(printf 'GET /debug/vars HTTP/1.0\r\n\r\n' | nc -w 10 127.0.0.1 $port | head -n 1)."; done; ls /run/kubectl-buildkit || echo no socket`
	built := u.buildkit("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN "+probe)).ok()
	built.says("/metrics gives HTTP/1.0 200", "/debug/pprof/ gives HTTP/1.0 404", "/debug/pprof/heap gives HTTP/1.0 404", "/debug/vars gives HTTP/1.0 404",
		"/debug/requests gives HTTP/1.0 404", "/metrics/../debug/vars gives HTTP/1.0 404", "port 1234 gives .", "no socket")

	scraped := u.kubectl("get", "--raw", "/api/v1/namespaces/"+u.namespace+"/pods/buildkitd:9464/proxy/metrics").ok().stdout
	sample := regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*",?)*\})? (NaN|[+-]?Inf|[-+0-9.eE]+)$`)
	comment := regexp.MustCompile(`^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .*$`)
	for line := range strings.Lines(scraped) {
		if line = strings.TrimSuffix(line, "\n"); !sample.MatchString(line) && !comment.MatchString(line) {
			t.Errorf("not in the format of Prometheus: %q", line)
		}
	}
	if !regexp.MustCompile(`(?m)^buildkit_builds_total\{.*status="success"\} 1$`).MatchString(scraped) || !strings.Contains(scraped, "\ngo_goroutines ") {
		t.Errorf("got\n%s", scraped)
	}
	if marks := u.kubectl("get", "pod", "buildkitd", "-o", "jsonpath={.metadata.annotations.prometheus\\.io/scrape}{.metadata.annotations.prometheus\\.io/port}").ok().stdout; marks != "true9464" {
		t.Errorf("marked %q", marks)
	}
	began := time.Now()
	u.kubectl("delete", "pod", "buildkitd").ok()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("an idle Pod took %s to end", took)
	}
}
