package escape_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain äöü 漢字 👩‍👩‍👧":            "plain äöü 漢字 👩‍👩‍👧",
		"a\nb\r\nc\td":                  `a\nb\r\nc\td`,
		"\x1b]0;owned\x07\x1b[2K":       `\x1b]0;owned\x07\x1b[2K`,
		"del\x7f c1\u009b0m \u0085":     `del\u007f c1\u009b0m \u0085`,
		"caf\xe9 \x9b31m \xff":          `caf\xe9 \x9b31m \xff`,
		"cut \xe2\x82":                  `cut \xe2\x82`,
		"a\u202eb\u2066c\u2028d\u2029e": `a\u202eb\u2066c\u2028d\u2029e`,
		"nul\x00\v\f\b":                 `nul\x00\x0b\x0c\x08`,
		"�":                             "�",
	} {
		if got := escape.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTextKeepsLines(t *testing.T) {
	if got := escape.Text("a\r\n\tb\rc\x1b[1A"); got != "a\n\tb\\rc\\x1b[1A" {
		t.Errorf("got %q", got)
	}
	if got := escape.Indented("a\nnext:  rm\n", "   "); got != "a\n   next:  rm" {
		t.Errorf("got %q", got)
	}
}

func TestPrintedArgumentsStayInTheirLine(t *testing.T) {
	type name string
	evil := "x\nerror: forged\x1b[2J"
	for format, arg := range map[string]any{"%s": evil, "%v": errors.New(evil), "%-3s": name(evil), "%+v": []string{evil}, "[%s]": []byte(evil)} {
		got := escape.Sprintf(format+"\n", arg)
		if strings.Count(got, "\n") != 1 || strings.ContainsRune(got, '\x1b') || !strings.Contains(got, `x\nerror: forged\x1b[2J`) {
			t.Errorf("%s: got %q", format, got)
		}
	}
	if got := escape.Sprintf("%q %5d|%-4s|%v %t", "a\n\u202e", 7, "b", 1.5, true); got != `"a\n\u202e"     7|b   |1.5 true` {
		t.Errorf("got %q", got)
	}
	var out strings.Builder
	if _, err := escape.Fprintln(&out, "a", evil); err != nil || out.String() != `a x\nerror: forged\x1b[2J`+"\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// Whatever the pieces, the result is that of the whole.
func TestWriterInPieces(t *testing.T) {
	const text = "ä漢👩 a\r\nb\rc \x1b]0;t\x07 \u009b2J \u202e \xe9\xff \xe2\x82\r"
	want := escape.Text(text)
	for size := 1; size < len(text); size++ {
		var out strings.Builder
		w := escape.NewWriter(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); err != nil || written != n {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil || out.String() != want {
			t.Errorf("pieces of %d: got %q, want %q, %v", size, out.String(), want, err)
		}
	}
}

func TestLog(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\r\n10%\r20%\n":                    "plain\ttext\r\n10%\r20%\n",
		"\x1b[31mred\x1b[0m\n":                         "\x1b[31mred\x1b[0m\n",
		"\x1b[1;31mred\x1b[m\n":                        "\x1b[1;31mred\x1b[0m\n",
		"\x1b[38;5;9mx\x1b[48:2::1:2:3my\n":            "\x1b[38;5;9mx\x1b[48:2::1:2:3my\x1b[0m\n",
		"\x1b[8mhidden\nstill\n":                       "\x1b[8mhidden\x1b[0m\n\x1b[8mstill\x1b[0m\n",
		"\u009b31mred\u009b0m":                         "\x1b[31mred\x1b[0m",
		"\x9b31mred\x9b0m":                             "\x1b[31mred\x1b[0m",
		"a\x1b[2J\x1b[1;1Hb\x1b[?25lc\x1b[>0m\x1b[0 q": "abc",
		"a\x1b]0;owned\x07b\x1b]52;c;xx\x1b\\c":        "abc",
		"a\u009d0;owned\u009cb\x9d0;owned\x07c":        "abc",
		"a\x1bPdcs\x1b\\b\x1b_apc\x1b\\c\x1b^pm\x1b\\d\x1bXsos\x1b\\e\x1bktitle\x1b\\f": "abcdef",
		"a\u0090dcs\u009cb\u009fapc\u009cc\u009epm\u009cd\u0098sos\u009ce":              "abcde",
		"a\x1b]0;never ended\nb\x07":            "a\nb",
		"a\x1b]0;x\x1b[31mred":                  "a\x1b[31mred\x1b[0m",
		"a\x1b(Bb\x1bcc\x1b7d\x1b%Ge":           "abcde",
		"a\bb\x07\x0e\x0f\x00\x7fc\u0084\u0085": "abc",
		"caf\xe9 \u202eabc\u2028":               `caf\xe9 \u202eabc\u2028`,
		"clone https://u:t@host/x failed\n":     "clone https://***@host/x failed\n",
		"\x1b[31":                               "",
		"\x1b[31\nm":                            "\nm",
	} {
		for size := 1; size <= len(in); size++ {
			log := escape.Log{Colors: true}
			var out strings.Builder
			for rest := []byte(in); len(rest) > 0; {
				n := min(size, len(rest))
				out.Write(log.Filter(rest[:n]))
				rest = rest[n:]
			}
			got, want := out.String(), want
			if size < len(in) { // each piece has its colors to itself
				if strings.Contains(in, "://") {
					continue
				}
				got, want = joined(got), joined(want)
			}
			if got != want {
				t.Errorf("%q in pieces of %d: got %q, want %q", in, size, got, want)
			}
		}
	}
}

// joined leaves out colors.
func joined(text string) string {
	return string((&escape.Log{}).Filter([]byte(text)))
}

func TestLogWithoutColors(t *testing.T) {
	if got := joined("\x1b[31mred\x1b[0m \u009b1mbold"); got != "red bold" {
		t.Errorf("got %q", got)
	}
}

// A page of colors is bounded, and what follows it is in the default ones.
func TestLogEndsInDefaultColors(t *testing.T) {
	log := escape.Log{Colors: true}
	out := string(log.Filter([]byte(strings.Repeat("\x1b[38;5;1;48;5;2m", 1000) + "x")))
	if len(out) > 1<<10 || !strings.HasSuffix(out, "x\x1b[0m") {
		t.Errorf("%d bytes, end %q", len(out), out[max(0, len(out)-20):])
	}
	if long := log.Filter([]byte("\x1b[" + strings.Repeat("1;", 1000) + "m")); len(long) != 0 {
		t.Errorf("got %q", long)
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\x1b]0;x\x07\u009b2J\xe9\r\n\u202e"), 3)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		log := escape.Log{Colors: true}
		for size = max(1, size%16); len(in) > 0; in = in[min(size, len(in)):] {
			out := string(log.Filter(in[:min(size, len(in))]))
			if !utf8.ValidString(out) {
				t.Fatalf("%q is not UTF-8", out)
			}
			if rest := joined(out); escape.Text(rest) != strings.ReplaceAll(rest, "\r\n", "\n") && !strings.ContainsRune(rest, '\r') {
				t.Fatalf("%q controls a terminal", out)
			}
		}
	})
}

func TestMaskCredentials(t *testing.T) {
	for in, want := range map[string]string{
		"https://user:tok3n@git.example.com/a.git#main":             "https://***@git.example.com/a.git#main",
		"https://tok3n@github.com/a.git":                            "https://***@github.com/a.git",
		"git+https://u:p@h/a and HTTP://u:p@h/b":                    "git+https://***@h/a and HTTP://***@h/b",
		"ssh://git@github.com/a, ssh://git:pw@h/a":                  "ssh://git@github.com/a, ssh://***@h/a",
		"HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT":                "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
		"https://u:p@ss@host/":                                      "https://***@host/",
		"https://us%40er:to%3Aken@host/":                            "https://***@host/",
		"https%3A%2F%2Fuser%3Atok%40host%2Fa":                       "https%3A%2F%2F***%40host%2Fa",
		"pkg?vcs=https%3a%2f%2fu:t@host%2fa&x=1@2":                  "pkg?vcs=https%3a%2f%2f***@host%2fa&x=1@2",
		`{"uri":"https:\/\/u:t@host\/a"}`:                           `{"uri":"https:\/\/***@host\/a"}`,
		`{"uri":"https://u:t\u0026\u003C@host/a"}`:                  `{"uri":"https://***@host/a"}`,
		"a.example.com/app:1@sha256:abc git@github.com:a/b.git":     "a.example.com/app:1@sha256:abc git@github.com:a/b.git",
		"https://host/path@v1 https://host:8080/x?u=a@b":            "https://host/path@v1 https://host:8080/x?u=a@b",
		"docker-image://host/app:1@sha256:abc":                      "docker-image://host/app:1@sha256:abc",
		"docker-image://app:1@sha256:abc oci-layout://dir@sha256:a": "docker-image://app:1@sha256:abc oci-layout://dir@sha256:a",
		"docker-image://app:v1@sha256:abc docker-image://h/a:v/1@x": "docker-image://app:v1@sha256:abc docker-image://h/a:v/1@x",
		"oci-layout://C:/dir@sha256:abc http://[::1]:80/a@b":        "oci-layout://C:/dir@sha256:abc http://[::1]:80/a@b",
		// passwords that make the URL invalid
		"http://u:to/ken@h/a, http://u:to?ken@h, http://u:9to#ken@h": "http://***@h/a, http://***@h, http://***@h",
		`parse "http://u:to/ken@h:1": invalid port ":to" after host`: `parse "http://***@h:1": invalid port *** after host`,
		"HTTPS_PROXY=u:tok3n@proxy:3128 http_proxy=u@proxy":          "HTTPS_PROXY=***@proxy:3128 http_proxy=***@proxy",
		"NO_PROXY=a@b HTTPS_PROXY=http://u:p@h:1":                    "NO_PROXY=***@b HTTPS_PROXY=http://***@h:1",
		// queries
		"https://h/a?access_token=abc&ref=main#x https://h/?q=token":  "https://h/a?access_token=***&ref=main#x https://h/?q=token",
		`{"u":"https://h/?a=1\u0026X-Amz-Signature=abc\u0026b=2"}`:    `{"u":"https://h/?a=1\u0026X-Amz-Signature=***\u0026b=2"}`,
		"https://h/a?sig=abc%2B&Password=x&private-token=y;api_key=z": "https://h/a?sig=***&Password=***&private-token=***;api_key=***",
		"what token=1? https://h/a?path=b&author=c":                   "what token=1? https://h/a?path=b&author=c",
		// options of caches, and tokens that show what they are
		"type=s3,access_key_id=AK,secret_access_key=abc/+1,region=x":                          "type=s3,access_key_id=***,secret_access_key=***,region=x",
		`{"secret_access_key":"abc"} {\"account_key\": \"abc\"}`:                              `{"secret_access_key":"***"} {\"account_key\": \"***\"}`,
		"type=gha,url=x,token=abc,scope=y token=1":                                            "type=gha,url=x,token=***,scope=y token=1",
		"with ghp_" + strings.Repeat("a", 36) + " and glpat-" + strings.Repeat("b", 20) + ".": "with *** and ***.",
		"the lights_on ghp_short npm_install":                                                 "the lights_on ghp_short npm_install",
	} {
		if got := escape.MaskCredentials(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestBounded(t *testing.T) {
	for text, want := range map[string]string{
		"short":                 "short",
		strings.Repeat("x", 10): "xxxxxxxxxx",
		"ééééé" + strings.Repeat("x", 20) + "end": "éé … (23 bytes left out) … xxend",
	} {
		if got := escape.Bounded(text, 10); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
