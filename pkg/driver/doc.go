// Package driver makes a builder usable: it finds the member to use, opens a tunnel to its daemon, keeps the connection
// alive through losses, and runs builds on it. It is the only package that imports both halves, the one that knows
// Kubernetes and the one that knows BuildKit.
//
// A program other than the plugin uses it as the example does: [New], then [Driver.Install], [Driver.Connect],
// [Driver.Build] or [Driver.Relay]. The context of a build is compressed on slow connections only in a process whose main
// has called upload.RegisterCompressor.
//
// It must not know commands: what a person should do about an error says pkg/explain. Nothing is printed either, but by
// the display of a build; what happens meanwhile is passed to the caller as a [Notice].
package driver
