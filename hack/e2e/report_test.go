package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A step's name and log as an attacker of the reader's browser would write them.
const hostile = `</script><script>window.stolen=1</script><img src=x onerror="window.stolen=1">`

// trace is the status of a build, as build --trace writes it.
type trace struct {
	lines []string
	start time.Time
}

func (tr *trace) add(t *testing.T, status map[string]any) {
	t.Helper()
	line, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	tr.lines = append(tr.lines, string(line))
}

// step is one that worked from when to when, in milliseconds, and printed a log.
func (tr *trace) step(t *testing.T, index int, name string, from, to int, extra map[string]any) {
	t.Helper()
	at := func(ms int) string {
		return tr.start.Add(time.Duration(ms) * time.Millisecond).Format(time.RFC3339Nano)
	}
	vertex := map[string]any{"digest": fmt.Sprintf("sha256:%064d", index), "name": name, "started": at(from), "completed": at(to)}
	for key, value := range extra {
		vertex[key] = value
	}
	tr.add(t, map[string]any{
		"vertexes": []any{vertex},
		"logs":     []any{map[string]any{"vertex": vertex["digest"], "data": []byte(name + "\n"), "timestamp": at(to)}},
	})
}

// traceOf is a build of this many steps, eight at a time; every third is cached, the last may fail.
func traceOf(t *testing.T, steps int, fails bool) *trace {
	t.Helper()
	tr := &trace{start: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	for i := range steps {
		name, from := fmt.Sprintf("[stage-%d %d/%d] RUN make target-%d --with-a-flag=%s", i%8, i/8+1, steps/8+1, i, strings.Repeat("x", i%90)), i/8*700+i%8*40
		extra, to := map[string]any{}, from+200+i*37%500
		if i >= 8 {
			extra["inputs"] = []string{fmt.Sprintf("sha256:%064d", i-8)}
		}
		if i%3 == 2 {
			extra["cached"], to = true, from
		}
		if i == steps-1 && fails {
			name, extra["error"], extra["cached"] = "RUN "+hostile, hostile, false
		}
		tr.step(t, i, name, from, to, extra)
	}
	return tr
}

// draw makes the page of a trace with the plugin, as a user with a trace from CI does.
func draw(u *user, tr *trace) string {
	u.t.Helper()
	path := filepath.Join(u.home, u.t.Name()[strings.LastIndex(u.t.Name(), "/")+1:])
	write(u.t, path+".jsonl", strings.Join(tr.lines, "\n")+"\n")
	u.buildkit("history", "report", "--trace", path+".jsonl", "-o", path+".html").ok()
	return path + ".html"
}

// TestReportInABrowser shows pages of few and of many steps in a real browser, in light and dark, wide and narrow.
func TestReportInABrowser(t *testing.T) {
	t.Parallel()
	u, b := newUser(t), newBrowser(t)
	for name, c := range map[string]struct {
		steps int
		fails bool
	}{"five": {5, false}, "many": {500, false}, "failed": {20, true}} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			b.t = t
			page := draw(u, traceOf(t, c.steps, c.fails))
			for _, look := range []struct {
				width, height int
				colours       string
			}{{1400, 1000, "light"}, {1400, 1000, "dark"}, {390, 800, "light"}} {
				b.open("file://"+page+"#step-1", look.width, look.height, look.colours)
				b.isWhole(c.steps)
				b.staysInside()
				b.hasColours(look.colours)
			}
			b.finds(c.steps)
			if c.fails {
				b.staysInert()
			}
		})
	}
}

// isWhole demands that the page drew all steps, complained of nothing and loaded nothing.
func (b *browser) isWhole(steps int) {
	b.t.Helper()
	if got := evaluate[int](b, `document.querySelectorAll("details.step").length`); got != steps {
		b.t.Errorf("%d of %d steps are drawn", got, steps)
	}
	if got := evaluate[int](b, `document.querySelectorAll(".bar").length`); got != steps {
		b.t.Errorf("%d of %d steps have a bar", got, steps)
	}
	for name, script := range map[string]string{
		"the critical path": `document.querySelectorAll(".step.way").length`, "cached steps": `document.querySelectorAll(".step.cached").length`,
		"the axis": `document.querySelectorAll(".scale span:not(.now)").length`, "the open step's log": `document.querySelectorAll("#step-1[open] .log").length`,
	} {
		if evaluate[int](b, script) == 0 {
			b.t.Errorf("%s is missing", name)
		}
	}
	if len(b.problems) > 0 {
		b.t.Errorf("the page complained: %q", b.problems)
	}
	if b.requests != 1 { // the page itself
		b.t.Errorf("the page loaded something: %d requests", b.requests)
	}
}

// staysInside demands that nothing sticks out of the window, nor a bar out of its track.
func (b *browser) staysInside() {
	b.t.Helper()
	wide := evaluate[[]int](b, `[document.documentElement.scrollWidth, innerWidth]`)
	if wide[0] > wide[1] {
		b.t.Errorf("the page is %d wide, the window %d", wide[0], wide[1])
	}
	out := evaluate[[]string](b, `[...document.querySelectorAll(".tile, .panel, .waits, .tools, .step > summary, .facts dd")].filter((e) => {
		const box = e.getBoundingClientRect(); return box.width > 0 && (box.left < 0 || box.right > innerWidth + 0.5) }).map((e) => e.className || e.tagName)`)
	if len(out) > 0 {
		b.t.Errorf("outside the window: %q", slices.Compact(out))
	}
}

func (b *browser) hasColours(want string) {
	b.t.Helper()
	ground := evaluate[string](b, `getComputedStyle(document.body).backgroundColor`)
	if dark := ground == "rgb(14, 16, 22)"; dark != (want == "dark") {
		b.t.Errorf("the ground is %s, want %s", ground, want)
	}
}

// finds uses the filters, the search and the zoom.
func (b *browser) finds(steps int) {
	b.t.Helper()
	const shown = `document.querySelectorAll("details.step:not([hidden])").length`
	cached := evaluate[int](b, `document.querySelector("[data-filter=cached]").click(), `+shown)
	if cached == 0 || cached >= steps {
		b.t.Errorf("%d of %d steps are shown as cached", cached, steps)
	}
	script := `document.querySelector("[data-filter=all]").click(); { const s = document.querySelector(".search"); s.value = "target-1 "; s.dispatchEvent(new Event("input")) } ` + shown
	if got := evaluate[int](b, script); got != 1 {
		b.t.Errorf("%d steps are found", got)
	}
	script = `{ const s = document.querySelector(".search"); s.value = ""; s.dispatchEvent(new Event("input")) }
		{ const o = document.querySelector(".overview"), box = o.getBoundingClientRect(); o.setPointerCapture = () => {};
		const at = (kind, part) => o.dispatchEvent(new PointerEvent(kind, { clientX: box.left + box.width * part, pointerId: 1, bubbles: true }));
		at("pointerdown", 0); at("pointermove", 0.1); at("pointerup", 0.1); } ` + shown
	if got := evaluate[int](b, script); got == 0 || got >= steps {
		b.t.Errorf("zoomed, %d of %d steps are shown", got, steps)
	}
	if got := evaluate[int](b, `document.querySelector(".tools .plain").click(), `+shown); got != steps {
		b.t.Errorf("zoomed out, %d of %d steps are shown", got, steps)
	}
}

// staysInert demands that what a step is called and prints is text, wherever it is shown.
func (b *browser) staysInert() {
	b.t.Helper()
	last := `document.querySelector("details.step.failed")`
	evaluate[any](b, last+`.open = true`)
	for limit := time.Now().Add(time.Minute); !evaluate[bool](b, last+`.querySelector(".log") !== null`); { // filled a moment after it opens
		if time.Now().After(limit) {
			b.t.Fatal("the opened step shows no log")
		}
	}
	if got := evaluate[string](b, last+`.querySelector(".log").textContent`); got != "RUN "+hostile+"\n" {
		b.t.Errorf("the log reads %q", got)
	}
	if evaluate[bool](b, `"stolen" in window || document.images.length > 0 || document.scripts.length !== 2`) {
		b.t.Error("a step's name ran as a script, or became an element")
	}
	// The page's policy holds even where an element gets in.
	evaluate[any](b, `{ const s = document.createElement("script"); s.textContent = "window.stolen=1"; document.body.append(s) }`)
	if evaluate[bool](b, `"stolen" in window`) {
		b.t.Error("the policy lets a foreign script run")
	}
}

// TestReportOfARealBuild draws builds that succeed, that find everything in the cache, and that fail.
func TestReportOfARealBuild(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	b := newBrowser(t)
	context := dockerfile(t, "FROM BASE", "RUN echo from-the-first-step && sleep 1", "RUN echo from-the-second-step", "COPY Dockerfile /")
	page := filepath.Join(u.home, "build.html")
	texts := func(state string, wanted ...string) {
		t.Helper()
		b.open("file://"+page, 1400, 1000, "light")
		text := evaluate[string](b, `document.body.innerText`)
		for _, want := range append(wanted, state, "RUN echo from-the-first-step", "buildkitd") {
			if !strings.Contains(text, want) {
				t.Errorf("the page has no %q:\n%s", want, text)
			}
		}
		b.staysInside()
		if len(b.problems) > 0 || b.requests != 1 {
			t.Errorf("%d requests; the page complained: %q", b.requests, b.problems)
		}
	}
	u.buildkit("build", "--report", page, "-o", "type=local,dest="+u.mkdir("out"), context).ok().says("report written to " + page)
	texts("Succeeded", "What the build waited for", "client to builder", "0 cached")
	if evaluate[bool](b, `document.querySelector(".tile:nth-child(5) .value").textContent === "0 B"`) {
		t.Error("the page knows nothing of the bytes that were sent")
	}
	u.buildkit("build", "--report", page, context).ok()
	texts("Succeeded")
	if got := evaluate[int](b, `document.querySelectorAll(".step.cached").length`); got < 2 {
		t.Errorf("%d steps are shown as cached", got)
	}
	bad := dockerfile(t, "FROM BASE", "RUN echo from-the-first-step && sleep 1", "RUN echo about to fail && exit 3")
	u.buildkit("build", "--report", page, bad).exits(1).says("report written to " + page)
	texts("Failed", "exit code 3", "about to fail")
	if got := evaluate[string](b, `document.querySelector(".source .marked").textContent`); got != "3RUN echo about to fail && exit 3" {
		t.Errorf("the line that failed reads %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(u.home, ".*tmp*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if text, err := os.ReadFile(page); err != nil || len(text) < 10_000 {
		t.Errorf("the page has %d bytes, %v", len(text), err)
	}
}

// TestReportOfAnInterruptedBuild proves that the page is there when it is wanted most.
func TestReportOfAnInterruptedBuild(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	page := filepath.Join(u.home, "build.html")
	r := u.begin("build", "--progress", "plain", "--report", page, dockerfile(t, "FROM BASE", "RUN echo it-runs && sleep 300"))
	r.until("it-runs")
	r.interrupt()
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), `"state":"canceled"`) || !strings.Contains(string(text), "it-runs") {
		t.Errorf("the page has %d bytes, %v", len(text), err)
	}
}
