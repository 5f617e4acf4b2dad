package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless chromium, told what to do over a pipe (DevTools protocol).
type browser struct {
	t        *testing.T
	commands io.Writer
	session  string
	lines    chan message

	last     int
	problems []string // what scripts complained of, and what a page tried to load
	requests int
}

// message is an answer or an event of the browser.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newBrowser starts a browser that ends with the test. hack/cluster installs it; on another machine it may be missing.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	switch {
	case err == nil:
	case theWorld(t).own:
		t.Fatalf("the project's own cluster must install the package chromium: %v", err)
	default:
		t.Skipf("this machine has no browser: %v", err)
	}
	commands, told := pipe(t)
	said, answers := pipe(t)
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	var complaints bytes.Buffer
	cmd.ExtraFiles, cmd.Stderr = []*os.File{commands, answers}, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = commands.Close(), answers.Close()
	b := &browser{t: t, commands: told, lines: make(chan message, 1000)}
	var reading sync.WaitGroup
	reading.Go(func() { b.read(said) })
	t.Cleanup(func() {
		b.tell("Browser.close", nil)
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = told.Close()
		_ = cmd.Wait()
		reading.Wait()
		if t.Failed() {
			t.Logf("the browser's own words:\n%s", complaints.String())
		}
	})
	target := answer[struct{ TargetID string }](b, "Target.createTarget", map[string]any{"url": "about:blank"})
	attached := answer[struct{ SessionID string }](b, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.ask(domain+".enable", nil)
	}
	return b
}

func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return reader, writer
}

// read splits what the browser says at the zero bytes between its messages.
func (b *browser) read(said io.Reader) {
	defer close(b.lines)
	reader := bufio.NewReader(said)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			return
		}
		var told message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &told) == nil {
			b.lines <- told
		}
	}
}

func (b *browser) tell(method string, params any) {
	b.last++
	command := map[string]any{"id": b.last, "method": method}
	if params != nil {
		command["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		command["sessionId"] = b.session
	}
	text, err := json.Marshal(command)
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = b.commands.Write(append(text, 0)) // a browser that is gone does not answer
}

// ask waits for the answer.
func (b *browser) ask(method string, params any) json.RawMessage {
	b.t.Helper()
	b.tell(method, params)
	id := b.last
	return b.wait(method, func(told message) bool { return told.ID == id })
}

func answer[T any](b *browser, method string, params any) T {
	b.t.Helper()
	var value T
	if err := json.Unmarshal(b.ask(method, params), &value); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	return value
}

// wait notes what the page complains of until the browser says what is wanted.
func (b *browser) wait(what string, wanted func(message) bool) json.RawMessage {
	b.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case told, open := <-b.lines:
			if !open {
				b.t.Fatalf("%s: the browser has ended", what)
			}
			b.note(told)
			if !wanted(told) {
				continue
			}
			if told.Error != nil {
				b.t.Fatalf("%s: %s", what, told.Error.Message)
			}
			return told.Result
		case <-timeout:
			b.t.Fatalf("%s: no answer in a minute", what)
		}
	}
}

func (b *browser) note(told message) {
	switch told.Method {
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening":
		b.problems = append(b.problems, told.Method+" "+string(told.Params))
	case "Network.requestWillBeSent":
		b.requests++
	}
}

// open shows the page in a window of this size, in light or dark.
func (b *browser) open(url string, width, height int, colours string) {
	b.t.Helper()
	b.problems, b.requests = nil, 0
	b.ask("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	b.ask("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": colours}}})
	b.ask("Page.navigate", map[string]any{"url": "about:blank"}) // so that an address with # is not taken for a jump
	b.wait("loading", func(told message) bool { return told.Method == "Page.loadEventFired" })
	b.ask("Page.navigate", map[string]any{"url": url})
	b.wait("loading "+url, func(told message) bool { return told.Method == "Page.loadEventFired" })
}

// evaluate returns what a script finds in the page.
func evaluate[T any](b *browser, script string) T {
	b.t.Helper()
	got := answer[struct {
		Result           struct{ Value T }
		ExceptionDetails json.RawMessage
	}](b, "Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true})
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", script, got.ExceptionDetails)
	}
	return got.Result.Value
}
