// Package report writes a report of a build: one HTML page with the steps on a
// timeline, what was cached, which steps the build waited for, what was sent and
// pulled, every step's log, and errors on the Dockerfile's lines.
//
// The page is self-contained: it needs neither network nor other files. The package
// must not know where the status of a build comes from, nor how a build is started.
package report
