// Package export holds what the result of a build is written to: a layout of
// images in a directory.
//
// It must not know flags or Kubernetes.
package export
