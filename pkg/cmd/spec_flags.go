package cmd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// specFlags are the flags that say what a builder should be, as typed.
type specFlags struct {
	name           string
	image          string
	configFile     string
	rootless       bool
	mirrors        []string
	insecure       []string
	registryCA     string
	requests       []string
	limits         []string
	nodeSelector   []string
	tolerations    []string
	pullSecrets    []string
	serviceAccount string
	labels         []string
	annotations    []string
	env            []string
	replicas       int32
	storage        string
	storageClass   string
	gracePeriod    time.Duration
}

func (s *specFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.image, "image", "", fmt.Sprintf("The daemon's image (default %s, with -rootless when rootless)", builder.DefaultImage(false)))
	flags.StringVar(&s.configFile, "config", "", "A buildkitd.toml for the daemon")
	flags.BoolVar(&s.rootless, "rootless", false, "Run the daemon as user 1000, without privileges")
	flags.Var((*list)(&s.mirrors), "registry-mirror", "Ask a mirror first, e.g. docker.io=mirror.local:5000 (repeatable)")
	flags.Var((*list)(&s.insecure), "insecure-registry", "A registry without verified TLS or with plain HTTP (repeatable)")
	flags.StringVar(&s.registryCA, "registry-ca", "", "PEM file of certificates that daemon and clients trust for registries")
	flags.Var((*list)(&s.requests), "request", "Resources to reserve, e.g. cpu=1,memory=2Gi")
	flags.Var((*list)(&s.limits), "limit", "Resources to allow at most, e.g. cpu=4,memory=8Gi")
	flags.Var((*list)(&s.nodeSelector), "node-selector", "Labels of the nodes to run on, e.g. disk=ssd")
	flags.Var((*list)(&s.tolerations), "toleration", "Taints to bear, e.g. dedicated=builds:NoSchedule (repeatable)")
	flags.Var((*list)(&s.pullSecrets), "image-pull-secret", "Secret with which the nodes pull the daemon's image (repeatable)")
	flags.StringVar(&s.serviceAccount, "service-account", "", "ServiceAccount of the Pods; its token is never mounted")
	flags.Var((*list)(&s.labels), "label", "Label for every object, e.g. team=web")
	flags.Var((*list)(&s.annotations), "annotation", "Annotation for every object, e.g. owner=web@example.com (repeatable)")
	flags.Var((*list)(&s.env), "env", "Environment of the daemon, e.g. HTTPS_PROXY=http://proxy:3128 (repeatable)")
	flags.Int32Var(&s.replicas, "replicas", 1, "How many members; more than one make a StatefulSet")
	flags.StringVar(&s.storage, "storage", "", "Size of each member's volume for the cache, e.g. 50Gi; makes a StatefulSet")
	flags.StringVar(&s.storageClass, "storage-class", "", "StorageClass of the volumes")
	flags.DurationVar(&s.gracePeriod, "grace-period", builder.DefaultGracePeriod, "How long running builds may go on when a Pod is told to stop")
}

// spec parses what was typed and reads the files that were named. The namespace is still to be set.
func (s *specFlags) spec() (spec builder.Spec, err error) {
	spec = builder.Spec{
		Name: s.name, Image: s.image, Rootless: s.rootless, ImagePullSecrets: s.pullSecrets, ServiceAccount: s.serviceAccount,
		Replicas: s.replicas, StorageClass: s.storageClass, GracePeriod: s.gracePeriod,
	}
	if s.replicas < 1 {
		return spec, &optionError{flag: "--replicas", value: fmt.Sprint(s.replicas), reason: "a builder has at least one member"}
	}
	for _, parse := range []func(*builder.Spec) error{s.files, s.registries, s.placement, s.metadata, s.volume} {
		if err := parse(&spec); err != nil {
			return spec, err
		}
	}
	return spec.WithDefaults(), nil
}

func (s *specFlags) files(spec *builder.Spec) error {
	for _, file := range []struct {
		flag, path string
		into       *[]byte
	}{{"--config", s.configFile, &spec.Config}, {"--registry-ca", s.registryCA, &spec.RegistryCA}} {
		if file.path == "" {
			continue
		}
		raw, err := os.ReadFile(file.path)
		if err != nil {
			return &optionError{flag: file.flag, value: file.path, reason: reasonOf(err)}
		}
		if len(raw) == 0 {
			return &optionError{flag: file.flag, value: file.path, reason: "the file is empty"}
		}
		*file.into = raw
	}
	return nil
}

// inConfigFile says of a fault in buildkitd.toml which file that is.
func (s *specFlags) inConfigFile(err error) error {
	var invalid *builder.InvalidError
	if s.configFile == "" || !errors.As(err, &invalid) || invalid.Field != builder.FieldConfig {
		return err
	}
	return &optionError{flag: "--config", value: s.configFile, reason: strings.TrimPrefix(invalid.Value+": "+invalid.Reason, ": "), next: invalid.Hint}
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
	spec.Tolerations, err = builder.ParseTolerations(s.tolerations...)
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
		return &optionError{flag: "--storage", value: s.storage, reason: "it is not a size", next: "write e.g. 50Gi"}
	}
	spec.Storage = &size
	return nil
}
