// Package result is what a finished build leaves: the digest, the line on
// standard output, the metadata file and the image ID file.
//
// It must not know how the build was asked for or run.
package result
