package volume

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorder is an API server that agrees to everything, and remembers what it was asked for.
type recorder struct{ requests []string }

func (r *recorder) Do(_ context.Context, method, path, _ string, body, _ any) error {
	text, err := json.Marshal(body)
	if !strings.HasSuffix(path, "/events") || strings.Contains(string(text), "Failed") {
		r.requests = append(r.requests, method+" "+path+" "+string(text))
	}
	return err
}

func newController(t *testing.T) (*controller, *recorder) {
	t.Helper()
	api := &recorder{}
	return &controller{
		Config: Config{Dir: t.TempDir(), ControlGroup: "no-such-group"}, api: api, log: io.Discard, now: time.Now, wake: make(chan struct{}, 1),
		claims: make(map[string]claim), volumes: make(map[string]persistentVolume), due: make(map[string]*attempt),
	}, api
}

func see[T any](t *testing.T, c *controller, changed func(T, bool), text string) {
	t.Helper()
	receive(c, json.RawMessage(text), false, changed)
}

// settle does what is due, and nothing that waits for another attempt.
func settle(t *testing.T, c *controller) {
	t.Helper()
	for range 20 {
		key, wait := c.next()
		if wait > 0 {
			return
		}
		c.attend(t.Context(), key)
	}
	t.Fatal("something is due again and again")
}

const waiting = `{"metadata": {"namespace": "n", "name": "NAME", "uid": "UID", "annotations": {"volume.kubernetes.io/selected-node": "node-2"}},
	"spec": {"storageClassName": "CLASS", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "SIZE"}} SOURCE}, "status": {"phase": "Pending"}}`

func claimText(name, class, size, source string) string {
	if source != "" {
		source = `, "dataSource": {"kind": "PersistentVolumeClaim", "name": "` + source + `"}`
	}
	return strings.NewReplacer("NAME", name, "UID", "uid-"+name, "CLASS", class, "SIZE", size, "SOURCE", source).Replace(waiting)
}

const bound = `{"metadata": {"namespace": "n", "name": "a", "uid": "uid-a"}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
	"spec": {"storageClassName": "local", "volumeName": "pvc-uid-a", "resources": {"requests": {"storage": "SIZE"}}}}`

const made = `{"metadata": {"name": "pvc-uid-a", "annotations": {"pv.kubernetes.io/provisioned-by": "volumes.kubectl-buildkit.test"}},
	"spec": {"capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Delete"}, "status": {"phase": "PHASE"}}`

func TestProvision(t *testing.T) {
	c, api := newController(t)
	see(t, c, c.claimChanged, strings.Replace(claimText("early", "local", "1Gi", ""), "selected-node", "else", 1))
	see(t, c, c.claimChanged, claimText("foreign", "other", "1Gi", ""))
	settle(t, c)
	if len(api.requests) > 0 {
		t.Errorf("requests %q", api.requests)
	}
	see(t, c, c.claimChanged, claimText("a", "local-fixed", "1Gi", ""))
	settle(t, c)
	if len(api.requests) != 1 || !strings.Contains(api.requests[0], `"node-2"`) || !strings.Contains(api.requests[0], `"uid":"uid-a"`) {
		t.Errorf("requests %q", api.requests)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "pvc-uid-a")); err != nil {
		t.Error(err)
	}
}

func TestClone(t *testing.T) {
	c, api := newController(t)
	see(t, c, c.volumeChanged, strings.Replace(made, "PHASE", "Bound", 1))
	see(t, c, c.claimChanged, strings.Replace(bound, "SIZE", "1Gi", 1))
	if err := os.MkdirAll(filepath.Join(c.Dir, "pvc-uid-a", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "pvc-uid-a", "deep", "file"), []byte("kept"), 0o640); err != nil {
		t.Fatal(err)
	}
	settle(t, c)
	for name, test := range map[string]struct{ class, size, source, fails string }{
		"good": {"local", "2Gi", "a", ""}, "small": {"local", "500Mi", "a", "at least 1Gi"}, "none": {"local", "1Gi", "b", `\"b\" not found`},
		"fixed": {"local-fixed", "1Gi", "a", "does not support"},
	} {
		api.requests = nil
		see(t, c, c.claimChanged, claimText(name, test.class, test.size, test.source))
		settle(t, c)
		data, err := os.ReadFile(filepath.Join(c.Dir, "pvc-uid-"+name, "deep", "file"))
		failed := len(api.requests) == 1 && strings.Contains(api.requests[0], "ProvisioningFailed") && strings.Contains(api.requests[0], test.fails)
		if test.fails == "" && (err != nil || string(data) != "kept") || test.fails != "" && (err == nil || !failed) {
			t.Errorf("%s: %q, %v, requests %q", name, data, err, api.requests)
		}
		if key, wait := c.next(); test.fails != "" && (key == "" || wait < leastPause/2) {
			t.Errorf("%s: %q is due again in %s", name, key, wait)
		}
		delete(c.due, "n/"+name)
	}
	entries, err := filepath.Glob(filepath.Join(c.Dir, "*.partial"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %q, %v", entries, err)
	}
}

func TestGrow(t *testing.T) {
	c, api := newController(t)
	see(t, c, c.volumeChanged, strings.Replace(made, "PHASE", "Bound", 1))
	see(t, c, c.claimChanged, strings.Replace(bound, "SIZE", "1Gi", 1))
	settle(t, c)
	if len(api.requests) > 0 {
		t.Errorf("requests %q", api.requests)
	}
	see(t, c, c.claimChanged, strings.Replace(bound, "SIZE", "2Gi", 1))
	settle(t, c)
	want := []string{
		`PATCH /api/v1/persistentvolumes/pvc-uid-a {"spec":{"capacity":{"storage":"2Gi"}}}`,
		`PATCH /api/v1/namespaces/n/persistentvolumeclaims/a/status {"status":{"capacity":{"storage":"2Gi"}}}`,
	}
	if !slices.Equal(api.requests, want) {
		t.Errorf("requests %q", api.requests)
	}
}

func TestRelease(t *testing.T) {
	c, api := newController(t)
	if err := os.MkdirAll(filepath.Join(c.Dir, "pvc-uid-a", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	see(t, c, c.volumeChanged, strings.Replace(made, "PHASE", "Released", 1))
	see(t, c, c.volumeChanged, strings.NewReplacer("PHASE", "Released", "volumes.kubectl", "others", "uid-a", "uid-b").Replace(made))
	settle(t, c)
	if want := []string{"DELETE /api/v1/persistentvolumes/pvc-uid-a null"}; !slices.Equal(api.requests, want) {
		t.Errorf("requests %q", api.requests)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "pvc-uid-a")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1Gi": 1 << 30, "1.5Ki": 1536, "2G": 2e9, "7": 7} {
		if got, err := bytesOf(text); err != nil || got != want {
			t.Errorf("%q is %d (%v)", text, got, err)
		}
	}
	if _, err := bytesOf("much"); err == nil {
		t.Error("much is accepted as a size")
	}
}
