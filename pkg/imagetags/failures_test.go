package imagetags

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
)

const newText = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`

func newIndex() *imageindex.Index {
	return &imageindex.Index{Text: []byte(newText), MediaType: "application/vnd.oci.image.index.v1+json", Digest: digest.FromString(newText)}
}

// quick makes the waits short.
func quick() Options {
	return Options{pause: time.Millisecond / 4, request: 2 * time.Second, interrupt: 2 * time.Second}
}

func replies(code int, body string, headers ...string) failure {
	return func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// discarded is where a response goes that the client does not get.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header       { return d.header }
func (discarded) Write(b []byte) (int, error) { return len(b), nil }
func (discarded) WriteHeader(int)             {}

func drops(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
	panic(http.ErrAbortHandler)
}

// loses does what is asked, and the connection ends before the response.
func loses(_ http.ResponseWriter, _ *http.Request, serve func(http.ResponseWriter)) {
	serve(discarded{http.Header{}})
	panic(http.ErrAbortHandler)
}

// errsAfter does what is asked, and responds with an error.
func errsAfter(w http.ResponseWriter, _ *http.Request, serve func(http.ResponseWriter)) {
	serve(discarded{http.Header{}})
	http.Error(w, "", http.StatusBadGateway)
}

// truncates sends half of the response.
func truncates(w http.ResponseWriter, _ *http.Request, serve func(http.ResponseWriter)) {
	serve(discarded{http.Header{}})
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"schema`))
	panic(http.ErrAbortHandler)
}

// misnames does what is asked, and names another digest.
func misnames(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) {
	serve(discarded{http.Header{}})
	w.Header().Set("Docker-Content-Digest", digest.FromString("other").String())
	w.WriteHeader(map[string]int{http.MethodPut: http.StatusCreated, http.MethodGet: http.StatusOK, http.MethodDelete: http.StatusAccepted}[r.Method])
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte("another text"))
	}
}

// faults are what can happen to any request.
func faults() map[string]failure {
	page := []string{"Content-Type", "text/html"}
	return map[string]failure{
		"400": replies(400, `{"errors":[{"code":"TAG_INVALID","message":"immutable"}]}`), "403": replies(403, `{"errors":[{"code":"DENIED"}]}`),
		"401": replies(401, `{"errors":[{"code":"UNAUTHORIZED"}]}`), "404": replies(404, "<html>", page...), "405": replies(405, ""),
		"409": replies(409, `{"errors":[{"message":"tag is immutable"}]}`), "413": replies(413, ""), "500": replies(500, ""), "503": replies(503, "<html>", page...),
		"429": replies(429, "", "Retry-After", "0"), "429 for an hour": replies(429, "", "Retry-After", "3600"),
		"a page": replies(200, "<html>log in</html>", page...), "accepted and not kept": replies(201, ""), "redirect": replies(307, "", "Location", "http://127.0.0.1:1/"),
		"dropped": drops, "lost": loses, "error afterwards": errsAfter, "truncated": truncates, "another digest": misnames,
	}
}

// TestAllTagsOrNone injects 1,000 failures, each of one or two requests of any step, once or for
// all such requests. It fails if a tag is not where Publish says it is.
func TestAllTagsOrNone(t *testing.T) {
	const seeds, fakes = 1000, 8
	ends := make(chan injected)
	for first := range uint64(fakes) {
		f := newFake(t)
		go func() {
			for seed := first; seed < seeds; seed += fakes {
				ends <- inject(t.Context(), f, seed)
			}
		}()
	}
	outcomes := map[string]int{}
	for range seeds {
		end := <-ends
		outcomes[end.outcome]++
		if end.wrong != "" {
			t.Errorf("seed %d, %+v: %s; the error is %v", end.seed, end.rules, end.wrong, end.err)
		}
		if end.outcome == "named" && end.once {
			t.Errorf("seed %d, %+v: one failure is enough to leave a tag: %v", end.seed, end.rules, end.err)
		}
	}
	for _, outcome := range []string{"new", "old", "named"} {
		if outcomes[outcome] < 50 {
			t.Errorf("of 1000 ended %v", outcomes)
		}
	}
}

// injected is one run with failures.
type injected struct {
	seed           uint64
	rules          []rule
	once           bool // there was one failure only, and not of a deletion
	err            error
	outcome, wrong string
}

func inject(ctx context.Context, f *fake, seed uint64) injected {
	names := []string{"team/a:1", "team/a:1.2", "team/a:latest", "b:1", "b:1.2", "b:latest"}
	kinds := faults()
	kindNames := slices.Sorted(maps.Keys(kinds))
	random := rand.New(rand.NewPCG(seed, 16))
	before := map[string]string{}
	for i, name := range names {
		if random.IntN(3) > 0 {
			before[name] = fmt.Sprintf(`{"former":%d}`, i)
		}
	}
	end := injected{seed: seed, rules: []rule{randomRule(random, names, kindNames)}}
	if random.IntN(2) == 0 {
		end.rules = append(end.rules, randomRule(random, names, kindNames))
	}
	f.reset(before, random.IntN(4) > 0, func(request string, n int) failure {
		for _, each := range end.rules {
			if each.hits(request, n) {
				return kinds[each.kind]
			}
		}
		return nil
	})
	end.once = len(end.rules) == 1 && end.rules[0].times == 1 && f.deletes && !strings.HasPrefix(end.rules[0].request, "DELETE")
	_, end.err = Publish(ctx, f.provider, f.references(names), newIndex(), quick())
	end.outcome, end.wrong = judge(f, names, before, end.err)
	return end
}

// rule is a failure: of the requests from the first one on, a number of times.
type rule struct {
	request      string
	first, times int
	kind         string
}

func (r rule) hits(request string, n int) bool {
	return request == r.request && n >= r.first && n < r.first+r.times
}

func randomRule(random *rand.Rand, names, kinds []string) rule {
	name := names[random.IntN(len(names))]
	repository, tag, _ := strings.Cut(name, ":")
	methods := []string{"PUT", "PUT", "PUT", "GET", "GET", "DELETE"}
	r := rule{
		request: methods[random.IntN(len(methods))] + " " + repository + " " + tag, first: 1 + random.IntN(3),
		times: []int{1, 1, 3, 1000}[random.IntN(4)], kind: kinds[random.IntN(len(kinds))],
	}
	switch random.IntN(40) {
	case 0, 1, 2, 3, 4:
		r.request = []string{"PUT", "GET"}[random.IntN(2)] + " " + repository + " digest"
	case 5:
		r.request, r.times = "token", 1 // the token server is asked again after a second
	}
	return r
}

// judge compares the tags with what Publish says about them.
func judge(f *fake, names []string, before map[string]string, err error) (outcome, wrong string) {
	now := f.state()
	if err == nil {
		for _, name := range names {
			if now[name] != newText {
				return "new", name + " was not moved, without an error"
			}
		}
		return "new", ""
	}
	var failed *Error
	if !errors.As(err, &failed) {
		return "", "not an *Error"
	}
	outcome = "old"
	said := map[string]State{}
	for _, each := range failed.Tags {
		said[strings.TrimPrefix(each.Reference, f.host()+"/")] = each.State
		if each.State != Before && !strings.Contains(err.Error(), `"`+each.Reference+`" is `+string(each.State)) {
			return outcome, "the text does not name " + each.Reference
		}
	}
	for _, name := range names {
		is := map[bool]State{true: Before, false: Foreign}[now[name] == before[name]]
		if now[name] == newText {
			is = Moved
		}
		if said[name] != Before {
			outcome = "named"
		}
		if said[name] != is && said[name] != Unknown {
			wrong = fmt.Sprintf("%s is %q, and is said to be %q", name, is, said[name])
		}
	}
	return outcome, wrong
}

func (f *fake) reset(tags map[string]string, deletes bool, injected func(string, int) failure) {
	f.mu.Lock()
	f.tags, f.requests, f.count, f.tokens, f.deletes, f.fail = map[string]string{}, nil, map[string]int{}, 0, deletes, injected
	clear(f.manifests)
	f.mu.Unlock()
	for name, text := range tags {
		f.set(name, text)
	}
}

func (f *fake) references(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, f.host()+"/"+name)
	}
	return list
}
