package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

func numbers(name string) Numbers {
	builds := []stats.Build{
		{Ref: "a", Member: name, User: name, Context: name, State: stats.Succeeded, Duration: 90 * time.Second, Steps: 4, Cached: 3, Ran: []stats.Step{{Name: name, Duration: time.Minute}}},
		{Ref: "b", Member: "team-1", State: stats.Failed, Duration: 10 * time.Second, Queued: true, Wait: 20 * time.Second, Steps: 4},
	}
	return Numbers{
		Title: name, Facts: []Fact{{Name: name, Value: name}}, By: stats.ByMember, Summary: stats.Sum(builds, stats.ByMember), Notes: []string{name},
	}
}

func numbersPageOf(t *testing.T, n Numbers) string {
	t.Helper()
	var page bytes.Buffer
	if err := WriteNumbers(&page, n); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestNumbersPage(t *testing.T) {
	page := numbersPageOf(t, numbers("team-0"))
	for _, want := range []string{
		"<title>team-0</title>", "1 succeeded, 1 failed, 0 canceled", "37.5%", "3 of 8 steps", "1m30s", "By member", `<th scope="row">team-1</th>`,
		"20.0s", "Slowest steps", "1m0s", "Not counted", `width="37.5"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if empty := numbersPageOf(t, Numbers{Title: "none"}); strings.Contains(empty, "NaN") || strings.Contains(empty, "Not counted") {
		t.Errorf("of no builds: %s", empty)
	}
}

// Whatever steps, users and contexts are called: the page has no element and no attribute of
// theirs, no script at all, and loads nothing.
func TestNumbersPageOfHostileNames(t *testing.T) {
	const evil = "</style></script><script>alert(1)</script><img src=//x onerror=alert(1)>\"'`{{.}}\x1b]0;t\x07\u202e https://u:hunter2@host/\xff"
	page, plain := numbersPageOf(t, numbers(evil)), numbersPageOf(t, numbers("plain"))
	for _, bad := range []string{"<script", "<img", "\x1b", "\u202e", "hunter2", "\x07", "\xff", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	if got, want := tags.FindAllString(page, -1), tags.FindAllString(plain, -1); strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("the names are elements: %q", got)
	}
	policy := regexp.MustCompile(`content="(default-src[^"]*)"`).FindStringSubmatch(page)
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if policy == nil || style == nil {
		t.Fatal("the page has no policy or no style")
	}
	want := "default-src &#39;none&#39;; style-src &#39;" + strings.ReplaceAll(hashOf(style[1]), "+", "&#43;") + "&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"
	if policy[1] != want {
		t.Errorf("got %s, want %s", policy[1], want)
	}
}
