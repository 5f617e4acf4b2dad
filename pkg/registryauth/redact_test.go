package registryauth

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What is sent may come back in any form: none of them is quoted.
func TestSecretsAreNotRepeated(t *testing.T) {
	const password = `pä"ss <&/+%\word`
	sent := Credentials{Username: "u", Secret: password}
	inJSON, err := json.Marshal(map[string]string{"Secret": password})
	if err != nil {
		t.Fatal(err)
	}
	token := Credentials{RegistryToken: secret}
	for text, from := range map[string]Credentials{
		"it is " + password: sent, string(inJSON): sent, "password=" + url.QueryEscape(password) + "&x": sent, "/" + url.PathEscape(password) + "/": sent,
		"Authorization: Basic " + encoded("u", password): sent, "Bearer " + secret: token,
	} {
		if got := from.quoted(text); got != "" {
			t.Errorf("quoted is %q", got)
		}
	}
	for _, text := range []string{"denied", strings.Repeat("x", maxQuote-1)} {
		if got := sent.quoted(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := (Credentials{}).quoted("denied"); got != "denied" {
		t.Errorf("without credentials: %q", got)
	}
}

// A registry may return the token that it was sent, and name a token server of any length.
func TestAnswersDoNotRepeatTheToken(t *testing.T) {
	body := []byte(`{"errors":[{"message":"you sent Bearer a-token"}]}`)
	if got := (&reply{code: http.StatusForbidden, body: body, sent: "Bearer a-token"}).message(Credentials{}); got != "403 Forbidden" {
		t.Errorf("it says %q", got)
	}
	if got := (&reply{code: http.StatusForbidden, body: body, sent: "Bearer other"}).message(Credentials{}); !strings.Contains(got, "you sent") {
		t.Errorf("it says %q", got)
	}
	if got := shownRealm("https://" + strings.Repeat("a", 1<<16) + "/token"); len(got) > 2*maxQuote {
		t.Errorf("a token server is named with %d bytes", len(got))
	}
}

// The words of a registry's status line and of its body, which have the password in them.
func TestAnswersDoNotRepeatThePassword(t *testing.T) {
	for _, path := range []string{"/v2/", "/token"} {
		s := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" && r.Method == http.MethodGet {
				if path == "/v2/" {
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				bearerOf(w, self+"/token?key="+secret)
				return
			}
			hijacker, ok := w.(http.Hijacker)
			if !ok {
				t.Fatal("no hijacker")
			}
			conn, _, err := hijacker.Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			body := `{"errors":[{"code":"UNAUTHORIZED","message":"you sent Basic ` + encoded("u", secret) + `"}]}`
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 401 %s\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", secret, len(body), body)
			_ = conn.Close()
		})
		host := strings.TrimPrefix(s.URL, "https://")
		p := knows(t, host)
		if err := p.Trust(pemOf(s)); err != nil {
			t.Fatal(err)
		}
		_, preflight := p.Preflight(t.Context(), []string{host + "/a/b:1"})
		_, login := Login(t.Context(), Options{Directory: t.TempDir(), LookupEnv: noEnv}, Account{Host: host, Username: "u", Password: secret, CA: pemOf(s)})
		_, reach := p.Reach(t.Context(), host)
		_, fetch := fetchAt(t.Context(), p, host, s.URL+"/token?key="+secret)
		for name, err := range map[string]error{"preflight": preflight, "login": login, "reach": reach, "fetch": fetch} {
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), encoded("u", secret))) {
				t.Errorf("%s %s: %v", path, name, err)
			}
		}
		if preflight == nil || login == nil || reach == nil {
			t.Errorf("%s: not refused: %v, %v, %v", path, preflight, login, reach)
		}
	}
}

// A token with a line break, or none at all, in the answer to a POST and to a GET.
func TestTokensAreTokens(t *testing.T) {
	for _, token := range []string{`a\nb`, `a\r\nX-Other: b`, ` a`, `ä`, `\u0000`, ``} {
		for _, post := range []bool{true, false} {
			s := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/token":
					bearerOf(w, self+"/token")
				case r.Method == http.MethodPost && !post:
					w.WriteHeader(http.StatusMethodNotAllowed)
				default:
					_, _ = io.WriteString(w, `{"access_token":"`+token+`"}`)
				}
			})
			host := strings.TrimPrefix(s.URL, "https://")
			p := knows(t, host)
			if err := p.Trust(pemOf(s)); err != nil {
				t.Fatal(err)
			}
			if got, err := fetchAt(t.Context(), p, host, s.URL+"/token"); err == nil {
				t.Errorf("%q is %q", token, got)
			}
			if _, err := p.Reach(t.Context(), host); err == nil {
				t.Errorf("%q is used", token)
			}
		}
	}
	broken := mustProvider(t, `{"auths":{"r.io":{"registrytoken":"`+secret+`\n"}}}`)
	if got, unread := broken.keychain.find(t.Context(), purpose{host: "r.io"}); got != (Credentials{}) || unread == nil || strings.Contains(unread.Error(), secret) {
		t.Errorf("got %+v, %v", got, unread)
	}
}

// Errors of net/http name a URL: not its query, which may be a signature.
func TestErrorsHaveNoQuery(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := tlsServer(t, func(_ string, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+closed+"/blob?X-Amz-Signature="+secret, http.StatusTemporaryRedirect)
	})
	host := strings.TrimPrefix(s.URL, "https://")
	p := knows(t, host)
	if err := p.Trust(pemOf(s)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reach(t.Context(), host); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), closed) {
		t.Errorf("got %v", err)
	}
	if _, err := fetchAt(t.Context(), p, "registry.bank.invalid", "https://u:"+secret+"@"+closed+"/t?key="+secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}
