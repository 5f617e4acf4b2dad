// Package export has the destinations of a build's result: a file, a directory, an
// OCI layout in a directory, standard output or a docker engine.
//
// It must not know flags or Kubernetes.
package export
