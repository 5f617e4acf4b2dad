// Package upload sends what a build reads from this machine: directories, and an
// archive on standard input. It decides for every message whether compressing it
// pays, from what the link and the data are like, and counts what goes out.
//
// The compression is gRPC's own, agreed on in the headers of each call, so that
// every daemon understands it; one that does not offer it gets plain messages.
//
// It must not know flags, how a build is run, or that a cluster exists.
package upload
