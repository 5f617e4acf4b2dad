// Package result is the result of a finished build: the digest, the line on
// standard output, the metadata file and the image ID file.
//
// It must not know how the build was requested or run.
package result
