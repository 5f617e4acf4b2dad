package manifest

import (
	"path"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

const (
	byInstall = "install decides it"
	daemon    = "spec.containers[" + builder.ContainerName + "]"
)

// frozen are the fields of a member that a patch may not change, and why: by them clients find,
// trust and reach it, builds survive its end, or a flag of install says them.
func (p *patches) frozen() map[string]string {
	fields := map[string]string{
		"spec.restartPolicy": byInstall, "spec.automountServiceAccountToken": "a daemon gets no token",
		"spec.serviceAccountName": "--service-account sets it", "spec.serviceAccount": "--service-account sets it",
		"spec.terminationGracePeriodSeconds":                  "--grace-period sets it",
		"spec.nodeSelector[" + corev1.LabelOSStable + "]":     "the daemon runs on Linux nodes",
		"spec.volumes[config]":                                "the daemon reads its configuration there",
		"spec.volumes[tls]":                                   "the daemon reads its certificates there",
		"spec.volumes[registry-ca]":                           "the daemon reads the registries' certificates there",
		daemon + ".name":                                      byInstall,
		daemon + ".command":                                   "the image's entrypoint prepares what the daemon needs",
		daemon + ".image":                                     "--image sets it",
		daemon + ".lifecycle":                                 "running builds are waited for there",
		daemon + ".securityContext.privileged":                "--mode decides it",
		daemon + ".securityContext.runAsUser":                 "--mode decides it",
		daemon + ".securityContext.runAsGroup":                "--mode decides it",
		daemon + ".securityContext.runAsNonRoot":              "--mode decides it",
		"spec.securityContext.runAsUser":                      "--mode decides it",
		"spec.securityContext.runAsNonRoot":                   "--mode decides it",
		daemon + ".volumeMounts[" + cachePrivileged + "]":     byInstall,
		daemon + ".volumeMounts[" + cacheRootless + "]":       byInstall,
		daemon + ".volumeMounts[" + directoryConfig + "]":     byInstall,
		daemon + ".volumeMounts[" + directoryTrust + "]":      byInstall,
		daemon + ".volumeMounts[" + directoryRegistryCA + "]": byInstall,
	}
	if len(p.spec.RegistryCA) > 0 {
		fields[daemon+".env["+builder.EnvCertDirs+"]"] = "--registry-ca sets it"
	}
	if p.spec.Mode == builder.ModeUserNS {
		fields["spec.hostUsers"] = "--mode decides it"
		fields["spec.initContainers["+builder.UserNamespaceContainerName+"]"] = byInstall
	}
	if p.spec.StepNetwork == builder.StepNetworkBridge {
		fields["spec.volumes["+volumeStepNetwork+"]"] = "--step-network sets it"
		fields["spec.initContainers["+builder.StepNetworkContainerName+"]"] = byInstall
	}
	if p.spec.Storage != nil {
		fields["spec.volumes["+builder.VolumeName+"]"] = "--storage sets it"
	}
	return fields
}

// judge says which of the changed fields a patch may not change, or what it may not add.
func (p *patches) judge(before, after Object, changed []string) error {
	kind := kindOf(before)
	for _, field := range changed {
		if reason := p.forbidden(kind, field); reason != "" {
			return faulty(kind, field+": "+reason, "leave it out")
		}
	}
	switch after := after.(type) {
	case *corev1.Pod:
		return p.judgeMember(kind, "", before.(*corev1.Pod).Spec, after.Spec)
	case *appsv1.StatefulSet:
		return p.judgeMember(kind, "spec.template.", before.(*appsv1.StatefulSet).Spec.Template.Spec, after.Spec.Template.Spec)
	case *rbacv1.Role:
		for _, rule := range before.(*rbacv1.Role).Rules {
			if !slices.ContainsFunc(after.Rules, func(other rbacv1.PolicyRule) bool { return reflect.DeepEqual(rule, other) }) {
				return faulty(kind, "rules: those that a build needs are missing", "repeat them in the patch, before your own")
			}
		}
	}
	return nil
}

// forbidden is why a patch may not change that field of that kind; empty if it may.
func (p *patches) forbidden(kind, field string) string {
	if template, ok := strings.CutPrefix(field, "spec.template."); ok && kind == "StatefulSet" {
		return p.forbidden("Pod", template)
	}
	if strings.HasPrefix(field, "metadata.labels") || strings.HasPrefix(field, "metadata.annotations") {
		return p.identifies(field)
	}
	if within := func(top string) bool { return field == top || strings.HasPrefix(field, top+".") }; within("metadata") || within("kind") || within("apiVersion") {
		return byInstall
	}
	switch kind {
	case "Secret":
		return "the certificates and what clients need are install's"
	case "ConfigMap":
		return "--config and the other flags of install set it"
	case "StatefulSet":
		if field != "spec.minReadySeconds" && field != "spec.revisionHistoryLimit" {
			return byInstall
		}
	case "PodDisruptionBudget":
		if strings.HasPrefix(field, "spec.selector") {
			return "it finds the members"
		}
	case "Pod":
		for top, reason := range p.frozen() {
			if field == top || strings.HasPrefix(field, top+".") || strings.HasPrefix(field, top+"[") {
				return reason
			}
		}
	}
	return ""
}

// identifies is why a label or an annotation may not change; empty if it may.
func (p *patches) identifies(field string) string {
	if field == "metadata.labels" || field == "metadata.annotations" {
		return byInstall // of an object that is left without any
	}
	_, key, _ := strings.Cut(strings.TrimSuffix(field, "]"), "[")
	_, ours := builder.ObjectLabels(p.spec.Name)[key]
	if ours || builder.OwnAnnotation(key) {
		return "install finds its objects by it"
	}
	return ""
}

// judgeMember judges what lists of a member hold after a patch.
func (p *patches) judgeMember(kind, at string, before, after corev1.PodSpec) error {
	if len(after.Containers) == 0 || after.Containers[0].Name != builder.ContainerName {
		return faulty(kind, at+"spec.containers: the daemon's is the first", "put other containers after it")
	}
	had, has := before.Containers[0], after.Containers[0]
	if len(has.Args) < len(had.Args) || !slices.Equal(had.Args, has.Args[:len(had.Args)]) {
		return faulty(kind, at+daemon+".args: install decides how the daemon is reached and started", "repeat its arguments, and add others after them")
	}
	for _, argument := range has.Args[len(had.Args):] {
		name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		if strings.HasPrefix(argument, "-") && slices.Contains(strings.Fields("addr config root group debugaddr tlscert tlskey tlscacert rootless oci-worker-rootless"), name) {
			return faulty(kind, at+daemon+".args: --"+name+": install decides how the daemon is reached and started", "leave it out")
		}
	}
	for _, mount := range has.VolumeMounts {
		ours := func(own corev1.VolumeMount) bool { return reflect.DeepEqual(own, mount) }
		hides := func(own corev1.VolumeMount) bool { return covers(path.Clean(mount.MountPath), own.MountPath) }
		if slices.ContainsFunc(had.VolumeMounts, ours) {
			continue
		}
		if slices.ContainsFunc(had.VolumeMounts, hides) || covers(path.Dir(directoryConfig), path.Clean(mount.MountPath)) {
			return faulty(kind, at+daemon+".volumeMounts["+mount.MountPath+"]: the daemon's own files are there", "mount it elsewhere")
		}
	}
	if !p.spec.Rootless() {
		return nil
	}
	own := slices.Concat(before.InitContainers, before.Containers) // emulators are registered with privileges
	for _, container := range slices.Concat(after.InitContainers, after.Containers) {
		if slices.ContainsFunc(own, func(own corev1.Container) bool { return reflect.DeepEqual(own, container) }) {
			continue
		}
		if context := container.SecurityContext; context != nil && context.Privileged != nil && *context.Privileged {
			return faulty(kind, at+"spec.containers["+container.Name+"].securityContext.privileged: the builder runs without privileges",
				"leave it out, or make the builder privileged: --unset mode")
		}
	}
	return nil
}

// covers reports whether a directory holds the other, or is it.
func covers(directory, other string) bool {
	return other == directory || directory == "/" || strings.HasPrefix(other, directory+"/")
}
