package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// specFlags are the flags that say what a builder should be, as typed.
type specFlags struct {
	name           string
	image          string
	configFile     string
	mode           string
	rootless       bool
	stepNetwork    string
	platforms      []string
	emulate        []string
	emulateImage   string
	mirrors        []string
	insecure       []string
	registryCA     string
	requests       []string
	limits         []string
	nodeSelector   []string
	tolerations    []string
	priorityClass  string
	affinityFile   string
	spread         []string
	runtimeClass   string
	scheduler      string
	budget         string
	patchFile      string
	pullSecrets    []string
	serviceAccount string
	labels         []string
	annotations    []string
	env            []string
	replicas       int32
	maxBuilds      int32
	storage        string
	storageClass   string
	metrics        bool
	gracePeriod    time.Duration

	// unset are the settings to take back, each NAME or NAME=VALUE; reset takes all back.
	unset []string
	reset bool
	// flags say which of them were given.
	flags *pflag.FlagSet
}

func (s *specFlags) register(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringVar(&s.image, "image", "", fmt.Sprintf("The daemon's image (default %s, with -rootless when rootless)", builder.DefaultImage(false)))
	flags.StringVar(&s.configFile, "config", "", "A buildkitd.toml for the daemon")
	flags.StringVar(&s.mode, "mode", builder.ModePrivileged, "How the daemon runs, one of: auto, "+strings.Join(builder.Modes(), ", ")+"; auto takes the least privileges that work")
	flags.BoolVar(&s.rootless, "rootless", false, "Short for --mode rootless: run the daemon as user 1000, without privileges")
	flags.StringVar(&s.stepNetwork, "step-network", builder.StepNetworkHost, "Network of RUN steps: host is the Pod's, bridge is one for each step")
	flags.Var((*list)(&s.platforms), "platform", "Build for these on nodes of their architectures, e.g. linux/amd64,linux/arm64 (repeatable)")
	flags.Var((*list)(&s.emulate), "emulate", "Emulate platforms, e.g. --emulate=linux/arm64; without a value, those that no node has (repeatable)")
	flags.Lookup("emulate").NoOptDefVal = builder.EmulateMissing
	flags.StringVar(&s.emulateImage, "emulate-image", "", "The image that registers emulators (default "+builder.DefaultEmulateImage+")")
	flags.Var((*list)(&s.mirrors), "registry-mirror", "Ask a mirror first, e.g. docker.io=mirror.local:5000 (repeatable)")
	flags.Var((*list)(&s.insecure), "insecure-registry", "A registry without verified TLS or with plain HTTP (repeatable)")
	flags.StringVar(&s.registryCA, "registry-ca", "", "PEM file of certificates that daemon and clients trust for registries")
	flags.Var((*list)(&s.requests), "request", "Resources to reserve, e.g. cpu=1,memory=2Gi (repeatable)")
	flags.Var((*list)(&s.limits), "limit", "Resources to allow at most, e.g. cpu=4,memory=8Gi (repeatable)")
	flags.Var((*list)(&s.nodeSelector), "node-selector", "Labels of the nodes to run on, e.g. disk=ssd (repeatable)")
	flags.Var((*list)(&s.tolerations), "toleration", "Taints to tolerate, e.g. dedicated=builds:NoSchedule (repeatable)")
	flags.StringVar(&s.priorityClass, "priority-class", "", "PriorityClass of the Pods")
	flags.StringVar(&s.affinityFile, "affinity", "", "File with the affinity of the Pods, as in a Pod's spec.affinity")
	flags.Var((*list)(&s.spread), "topology-spread", "Spread the members over nodes by a label of theirs, e.g. topology.kubernetes.io/zone=1:DoNotSchedule (repeatable; default kubernetes.io/hostname)")
	flags.StringVar(&s.runtimeClass, "runtime-class", "", "RuntimeClass of the Pods")
	flags.StringVar(&s.scheduler, "scheduler", "", "The scheduler that places the Pods")
	flags.StringVar(&s.budget, "pod-disruption-budget", "", "How many members a drain of nodes may take away at once, e.g. 1 or 25%")
	flags.StringVar(&s.patchFile, "patch", "", "File with strategic merge patches of the builder's objects")
	flags.Var((*list)(&s.pullSecrets), "image-pull-secret", "Secret with which the nodes pull the daemon's image (repeatable)")
	flags.StringVar(&s.serviceAccount, "service-account", "", "ServiceAccount of the Pods; its token is never mounted")
	flags.Var((*list)(&s.labels), "label", "Label for every object, e.g. team=web (repeatable)")
	flags.Var((*list)(&s.annotations), "annotation", "Annotation for every object, e.g. owner=web@example.com (repeatable)")
	flags.Var((*list)(&s.env), "env", "Environment of the daemon, e.g. HTTPS_PROXY=http://proxy:3128 (repeatable)")
	flags.Int32Var(&s.replicas, "replicas", 1, "How many members; more than one make a StatefulSet")
	flags.Int32Var(&s.maxBuilds, "max-builds", 0, "How many builds a member runs at once, while others wait; 0: any number")
	flags.StringVar(&s.storage, "storage", "", "Size of each member's volume for the cache, e.g. 50Gi; makes a StatefulSet")
	flags.StringVar(&s.storageClass, "storage-class", "", "StorageClass of the volumes")
	flags.BoolVar(&s.metrics, "metrics", false, fmt.Sprintf("Serve the daemon's Prometheus metrics on port %d of each Pod", builder.MetricsPort))
	flags.DurationVar(&s.gracePeriod, "grace-period", builder.DefaultGracePeriod, "How long running builds may go on when a Pod is told to stop")
	flags.Var((*list)(&s.unset), "unset", "Take a setting back, e.g. limit, or one value of it, e.g. limit=memory (repeatable)")
	flags.BoolVar(&s.reset, "reset", false, "Take back all settings that this command does not name")
}

// given parses what was typed and reads the files that were named, before any cluster is asked.
// Fields of flags that were not given hold defaults, which mean nothing.
func (s *specFlags) given() (spec builder.Spec, err error) {
	spec = builder.Spec{
		Name: s.name, Image: s.image, ImagePullSecrets: s.pullSecrets, ServiceAccount: s.serviceAccount,
		Replicas: s.replicas, MaxBuilds: s.maxBuilds, StorageClass: s.storageClass, Metrics: s.metrics, GracePeriod: s.gracePeriod,
		PriorityClass: s.priorityClass, RuntimeClass: s.runtimeClass, Scheduler: s.scheduler, DisruptionBudget: s.budget,
		EmulateImage: s.emulateImage, StepNetwork: s.stepNetwork,
	}
	if s.replicas < 1 {
		return spec, &usage.Error{What: "--replicas", Value: fmt.Sprint(s.replicas), Reason: "a builder has at least one member"}
	}
	for _, parse := range []func(*builder.Spec) error{s.modeOf, s.files, s.platformsOf, s.registries, s.placement, s.metadata, s.volume} {
		if err := parse(&spec); err != nil {
			return spec, err
		}
	}
	return spec, s.check(spec)
}

// check finds what is wrong with the flags whatever else the builder is asked to be.
func (s *specFlags) check(spec builder.Spec) error {
	spec.Name, spec.Namespace = cmp.Or(spec.Name, builder.DefaultName), "default"
	if spec.Storage == nil {
		spec.StorageClass = "" // the size may be stored
	}
	if len(spec.Platforms) == 0 {
		spec.Emulate = nil // they may be stored
	}
	if !spec.Stateful() && spec.DisruptionBudget != "" {
		spec.Replicas = 2 // so may be how many there are
	}
	if err := spec.Validate(); err != nil {
		return s.inFile(err)
	}
	if key, known := builder.UnknownDaemonKey(spec.Config); key != "" {
		return &usage.Error{What: "--config", Value: s.configFile, Reason: fmt.Sprintf("invalid key %q: BuildKit would ignore it", key),
			Next: "must be one of: " + strings.Join(known, ", ")}
	}
	for _, text := range s.unset {
		name, _ := taken(text)
		if names := builder.SettingNames(); !slices.Contains(names, name) {
			return &usage.Error{What: "--unset", Value: name, Reason: "invalid setting", Next: "must be one of: " + strings.Join(names, ", ")}
		}
	}
	return nil
}

// edit returns what install makes of the stored Spec: what is to be taken back goes first, then the
// flags that were given are set or added.
func (s *specFlags) edit() (install.Edit, error) {
	given, err := s.given()
	if err != nil {
		return nil, err
	}
	return func(current builder.Spec) (builder.Spec, error) {
		if s.reset {
			current = builder.Spec{Name: current.Name, Namespace: current.Namespace}
		}
		for _, text := range s.unset {
			current = current.Without(taken(text))
		}
		if s.flags.Changed(flagRootless) && !s.rootless {
			current = current.Without(taken(flagRootless))
		}
		wanted := current.With(given, s.changed()...)
		if err := wanted.Validate(); err != nil {
			return wanted, s.inFile(err)
		}
		for _, each := range append(wanted.Further(), wanted) {
			if err := manifest.Check(each); err != nil {
				return wanted, s.inFile(err)
			}
		}
		return wanted, nil
	}, nil
}

func (s *specFlags) platformsOf(spec *builder.Spec) (err error) {
	if spec.Platforms, err = builder.ParsePlatforms("platform", s.platforms...); err != nil {
		return err
	}
	spec.Emulate, err = builder.ParseEmulate(s.emulate...)
	return err
}

func (s *specFlags) registries(spec *builder.Spec) (err error) {
	if spec.Mirrors, err = builder.ParseMirrors(s.mirrors...); err != nil {
		return err
	}
	spec.InsecureRegistries, err = builder.ParseRegistries("insecure registry", s.insecure...)
	return err
}

func (s *specFlags) placement(spec *builder.Spec) (err error) {
	if spec.Requests, err = builder.ParseResources("request", s.requests...); err != nil {
		return err
	}
	if spec.Limits, err = builder.ParseResources("limit", s.limits...); err != nil {
		return err
	}
	if spec.NodeSelector, err = builder.ParsePairs("node selector", s.nodeSelector...); err != nil {
		return err
	}
	if spec.Tolerations, err = builder.ParseTolerations(s.tolerations...); err != nil {
		return err
	}
	spec.TopologySpread, err = builder.ParseTopologySpread(s.spread...)
	return err
}

func (s *specFlags) metadata(spec *builder.Spec) (err error) {
	if spec.Labels, err = builder.ParsePairs("label", s.labels...); err != nil {
		return err
	}
	if spec.Annotations, err = builder.ParseAnnotations(s.annotations...); err != nil {
		return err
	}
	spec.Env, err = builder.ParseEnv(s.env...)
	return err
}

func (s *specFlags) volume(spec *builder.Spec) error {
	if s.storage == "" {
		return nil
	}
	size, err := resource.ParseQuantity(s.storage)
	if err != nil {
		return &usage.Error{What: "--storage", Value: s.storage, Reason: "it is not a size", Next: "write e.g. 50Gi"}
	}
	spec.Storage = &size
	return nil
}

// list is the value of a flag that may be given several times, like pflag's own, which makes a CSV
// writer and its buffer for each such flag of every command: a twentieth of the time that `version`
// takes.
type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

// Type makes the completion offer the flag again ("Array"), and is what help calls the value.
func (l *list) Type() string { return "stringArray" }
