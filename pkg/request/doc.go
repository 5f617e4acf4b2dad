// Package request converts the flags of a build, as typed, to the options of a solve by BuildKit's
// client: each family of flags has a file, such as --output, --secret and --call. New parses and
// checks everything before any connection: a Request that it returned can be sent.
//
// The package must not know how a build is run or shown, nor that a cluster exists.
package request
