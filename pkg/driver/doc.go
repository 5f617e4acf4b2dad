// Package driver makes a builder usable: it chooses the member to use, opens a tunnel to its
// daemon, runs builds on it, connects again after a loss, and asks all members for their logs and
// their history. It is the only package that imports both halves, the one that knows Kubernetes and
// the one that knows BuildKit.
//
// A program other than the plugin uses it as the example does: [New], then [Driver.Install],
// [Driver.Connect], [Driver.Build] or [Driver.Relay]. The context of a build is compressed on slow
// connections only in a process whose main has called upload.RegisterCompressor.
//
// It must not know commands: what to do about an error is for pkg/explain. Nothing is printed
// either, but by the display of a build; what happens meanwhile is passed to the caller as a
// [Notice].
//
// # Errors
//
// Each type of error has a class; [fault.Of] returns it, also where the error is wrapped. Each
// function documents its types by name. Most functions ask the cluster, and return a "cluster
// error", which is one of
//   - [*KubeconfigError], and [*usage.Error] for the namespace, from the [Access] of the driver;
//   - [*kube.UnauthorizedError], [*kube.CredentialsError], [*kube.ForbiddenError],
//     [*kube.UnreachableError], [*kube.ServerError] and [*kube.NamespaceNotFoundError];
//   - an error of the API server that has no type, wrapped.
//
// Those that use a member return a "connection error" as well, which is one of
//   - [*cluster.NotFoundError], [*cluster.NotReadyError], [*cluster.TerminatingError] and
//     [*cluster.ExpiredError];
//   - [*cluster.UnverifiedError] and [*cluster.UntrustedError], for a Pod that may not be the
//     builder;
//   - [*tunnel.ForbiddenError], [*tunnel.DialError], [*tunnel.LostError],
//     [*tunnel.ConnRefusedError] and [*tunnel.CommandNotFoundError];
//   - [*solve.LostError], which a [*LostError] wraps once the cluster was asked for the cause;
//   - [*MemberError], which wraps any of these for the member that was asked for by name.
//
// After the end of ctx an error may be a [*solve.CanceledError], or wrap [context.Cause] of ctx.
package driver
