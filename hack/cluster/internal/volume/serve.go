package volume

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
)

const (
	claimsPath  = "/api/v1/persistentvolumeclaims"
	volumesPath = "/api/v1/persistentvolumes"
)

// Serve reads the configuration and makes, grows and deletes volumes until ctx ends. It sends requests only after a change
// of a claim or of a volume; what fails is tried again after a growing pause.
func Serve(ctx context.Context, configFile string, log io.Writer) error {
	data, err := os.ReadFile(configFile)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	var config Config
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("reading configuration %q: %w", configFile, err)
	}
	client, err := controlplane.NewClient(config.Kubeconfig)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := machine.Resume(config.ControlGroup); err != nil {
		return err
	}
	c := &controller{
		Config: config, api: client, log: log, now: time.Now, wake: make(chan struct{}, 1),
		claims: make(map[string]claim), volumes: make(map[string]persistentVolume), due: make(map[string]*attempt),
	}
	go client.Watch(ctx, claimsPath, func(data json.RawMessage, deleted bool) { receive(c, data, deleted, c.claimChanged) })
	go client.Watch(ctx, volumesPath, func(data json.RawMessage, deleted bool) { receive(c, data, deleted, c.volumeChanged) })
	c.work(ctx)
	return nil
}

// controller has the claims and the volumes as they were last seen, and what is to be done about them.
type controller struct {
	Config
	api  api
	log  io.Writer
	now  func() time.Time
	wake chan struct{}

	mutex   sync.Mutex
	claims  map[string]claim            // by NAMESPACE/NAME
	volumes map[string]persistentVolume // by name
	due     map[string]*attempt         // by the claim's key, or by the volume's name
}

// api is what the controller needs of the API server.
type api interface {
	Do(ctx context.Context, method, path, mediaType string, body, into any) error
}

// attempt is when something is to be looked at, and the pause after the next failure.
type attempt struct {
	at    time.Time
	pause time.Duration
}

const (
	leastPause = time.Second
	mostPause  = 30 * time.Second
)

func receive[T any](c *controller, data json.RawMessage, deleted bool, changed func(T, bool)) {
	var object T
	if err := json.Unmarshal(data, &object); err != nil {
		fmt.Fprintln(c.log, "reading an object:", err)
		return
	}
	c.mutex.Lock()
	changed(object, deleted)
	c.mutex.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *controller) claimChanged(seen claim, deleted bool) {
	if deleted {
		delete(c.claims, seen.key())
		delete(c.due, seen.key())
		return
	}
	c.claims[seen.key()] = seen
	c.due[seen.key()] = &attempt{at: c.now(), pause: leastPause}
}

func (c *controller) volumeChanged(seen persistentVolume, deleted bool) {
	if deleted {
		delete(c.volumes, seen.Metadata.Name)
		delete(c.due, seen.Metadata.Name)
		return
	}
	c.volumes[seen.Metadata.Name] = seen
	c.due[seen.Metadata.Name] = &attempt{at: c.now(), pause: leastPause}
	if owner := seen.Spec.ClaimRef; owner != nil { // it may have to catch up with the volume
		if key := owner.Namespace + "/" + owner.Name; c.claims[key].Metadata.Name != "" {
			c.due[key] = &attempt{at: c.now(), pause: leastPause}
		}
	}
}

// work does what is due, one thing after the other.
func (c *controller) work(ctx context.Context) {
	for ctx.Err() == nil {
		key, wait := c.next()
		if wait <= 0 {
			c.attend(ctx, key)
			continue
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-time.After(wait):
		}
	}
}

// next is what is due first, and how long it has time.
func (c *controller) next() (key string, wait time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	wait = time.Hour
	for candidate, attempt := range c.due {
		if left := attempt.at.Sub(c.now()); left < wait {
			key, wait = candidate, left
		}
	}
	return key, wait
}

// attend looks at one claim or volume. A change while it does makes another attempt due.
func (c *controller) attend(ctx context.Context, key string) {
	c.mutex.Lock()
	this := c.due[key]
	delete(c.due, key)
	seen, isClaim := c.claims[key]
	volume, isVolume := c.volumes[key]
	c.mutex.Unlock()
	var err error
	switch {
	case isClaim && this != nil:
		err = c.attendClaim(ctx, seen)
	case isVolume && this != nil:
		err = c.attendVolume(ctx, volume)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	fmt.Fprintf(c.log, "%s %s: %v\n", c.now().Format(time.RFC3339), key, err)
	if isClaim {
		c.tell(ctx, seen, "Warning", "ProvisioningFailed", err.Error())
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.due[key] == nil {
		c.due[key] = &attempt{at: c.now().Add(this.pause), pause: min(2*this.pause, mostPause)}
	}
}
