package registryauth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The scheme: credentials go without TLS only where that is allowed.
func TestPlainHTTP(t *testing.T) {
	server, got := victim(t)
	own := strings.TrimPrefix(server.URL, "http://")
	for _, plain := range []func(string) bool{nil, sameName("elsewhere")} {
		client := newClient(rules{transport: transport(nil), limit: time.Minute, plain: plain})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("u", secret)
		var refused *PlainError
		if response, err := client.Do(request); !errors.As(err, &refused) {
			t.Errorf("got %v, %v", response, err)
		}
		if response, err := client.PostForm(server.URL, url.Values{"password": {secret}}); !errors.As(err, &refused) {
			t.Errorf("got %v, %v", response, err)
		}
		neverReceives(t, got)
	}
	client := newClient(rules{transport: transport(nil), limit: time.Minute, plain: sameName(own)})
	response, err := client.PostForm(server.URL, url.Values{"password": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if len(got) != 1 {
		t.Error("an insecure registry gets nothing")
	}
}

// A token server that never ends its answer, or never begins it.
func TestEndlessAndSilentTokenServers(t *testing.T) {
	stop := make(chan struct{})
	var written int
	endless := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			bearerOf(w, self+"/token")
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"`)
		chunk := []byte(strings.Repeat("A", 1<<20))
		for range 300 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			written++
		}
	})
	silent := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			bearerOf(w, self+"/token")
			return
		}
		<-stop
	})
	defer close(stop)
	for name, s := range map[string]*httptest.Server{"endless": endless, "silent": silent} {
		host := strings.TrimPrefix(s.URL, "https://")
		p := knows(t, host)
		p.limit = 300 * time.Millisecond
		if name == "endless" {
			p.limit = requestLimit
		}
		if err := p.Trust(pemOf(s)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		token, err := fetchAt(t.Context(), p, host, s.URL+"/token")
		if err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%s: got %d bytes, %v after %v", name, len(token), err, time.Since(began))
		}
	}
	endless.Close()
	if written > 50 {
		t.Errorf("%d MiB were taken", written)
	}
	if requestLimit > 20*time.Second || fetchLimit >= time.Minute || fetchLimit <= requestLimit+challengeLimit {
		t.Error("the daemon waits a minute for a token")
	}
}

// What a server says is data: it neither moves the cursor nor shows the password.
func TestAnswersAreText(t *testing.T) {
	for _, body := range []string{
		"\x1b]0;owned\x07\x1b[2J fake prompt$ ", `{"errors":[{"code":"X","message":"\u001b[2J\r\nnext: rm"}]}`, `{"details":"` + secret + `\u009b2J"}`,
	} {
		s := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/token" {
				bearerOf(w, self+"/token")
				return
			}
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, body)
		})
		host := strings.TrimPrefix(s.URL, "https://")
		p := knows(t, host)
		if err := p.Trust(pemOf(s)); err != nil {
			t.Fatal(err)
		}
		_, err := fetchAt(t.Context(), p, host, s.URL+"/token")
		if err == nil || !strings.Contains(err.Error(), "418") || strings.ContainsAny(err.Error(), "\x1b\x07\r\n\u009b") || strings.Contains(err.Error(), secret) {
			t.Errorf("got %q", err)
		}
	}
}
