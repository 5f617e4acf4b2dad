// Package imageindex makes one image index of what several daemons have built for a platform each:
// with the bytes that one daemon would have written for all platforms.
//
// What a daemon reports is checked: bytes have the digest that was reported, and an image has a
// platform that its daemon was asked for. The package must not know members, registries or
// Kubernetes.
package imageindex
