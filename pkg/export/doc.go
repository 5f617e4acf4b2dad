// Package export holds what the result of a build is written to: a file, a
// directory, a layout of images in a directory, standard output or a docker
// engine.
//
// It must not know flags or Kubernetes.
package export
