// Package upload sends what a build reads from this machine: directories, and an
// archive on standard input. It decides for every message whether compression
// makes the upload faster, from measurements of the connection and the data, and
// counts the bytes that are sent.
//
// The compression is gRPC's own, negotiated in the headers of each call, so that
// every daemon supports it; one that does not offer it gets uncompressed messages.
//
// It must not know flags, how a build is run, or that a cluster exists.
package upload
