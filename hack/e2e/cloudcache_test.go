package e2e_test

import (
	"net/http"
	"strings"
	"testing"
)

// A cache in a cloud's store is written by one builder and read by the next, which has nothing of its own. The keys are
// this machine's: they come from where the tools of that cloud keep them.
func TestCacheInAClouds(t *testing.T) {
	u := newUser(t)
	u.env["AWS_ACCESS_KEY_ID"], u.env["AWS_SECRET_ACCESS_KEY"] = "AKIDEXAMPLE", "wJalrXUtnFEMI"
	amazon := newCloud(t, "Credential=AKIDEXAMPLE/", s3)
	microsoft := newCloud(t, "SharedKey storeaccount:", azure)
	token := actionsToken()
	u.env["ACTIONS_RUNTIME_TOKEN"] = token
	github := newCloud(t, "", func(c *cloud, w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, actionsAPI) && r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		actions(c, w, r)
	})
	u.env["ACTIONS_CACHE_URL"] = "http://" + github.host + "/"
	caches := map[string]string{
		"s3":     "type=s3,bucket=builds,region=eu-1,use_path_style=true,name=app,endpoint_url=http://" + amazon.host,
		"azblob": "type=azblob,container=builds,name=app,account_name=storeaccount,secret_access_key=c2VjcmV0,account_url=http://" + microsoft.host,
		"gha":    "type=gha,scope=app",
	}
	contexts := map[string]string{}
	u.builder()
	for kind, cache := range caches {
		contexts[kind] = dockerfile(t, "FROM BASE", "RUN echo of "+kind+" > /made", "RUN cat /made")
		u.buildkit("build", "-o", "type=cacheonly", "--cache-to", cache+",mode=max", contexts[kind]).ok()
	}
	for kind, c := range map[string]*cloud{"s3": amazon, "azblob": microsoft, "gha": github} {
		if len(c.holds("blob")) == 0 || len(c.holds("app")) == 0 {
			t.Errorf("%s holds %q, and refused %q", kind, c.holds(""), c.refused)
		}
	}
	u.buildkit("uninstall").ok()
	u.builder()
	for kind, cache := range caches {
		again := u.buildkit("build", "--progress=plain", "-o", "type=cacheonly", "--cache-from", cache, contexts[kind]).ok()
		if strings.Count(again.stderr, " CACHED\n") != 2 {
			t.Errorf("%s: a step ran again\n%s", kind, again.all())
		}
	}
	delete(u.env, "AWS_ACCESS_KEY_ID")
	delete(u.env, "AWS_SECRET_ACCESS_KEY")
	u.buildkit("build", "-o", "type=cacheonly", "--cache-to", caches["s3"]+",access_key_id=STRANGER,secret_access_key=else", contexts["s3"]).exits(1).says("403")
	delete(u.env, "ACTIONS_RUNTIME_TOKEN")
	u.buildkit("build", "-o", "type=cacheonly", "--cache-to", caches["gha"], contexts["gha"]).ok().says("ACTIONS_RUNTIME_TOKEN")
}
