// Package request turns the flags of a build, as typed, into what BuildKit's
// client is asked to solve. Everything is parsed and checked by New, before any
// network is used: a Request that exists can be sent.
//
// A file per family of flags; New asks them one after the other. The package
// must not know how a build is run or shown, nor that a cluster exists.
package request
