// Package imagetags publishes an index that was merged on this machine: it writes the index into
// every repository, and then moves all tags to it, or none.
//
// Registries have no transaction over several tags. What is done instead: no tag is moved before
// every repository has confirmed the index; all tags are moved side by side; and where one cannot
// be moved, the others are put back. What cannot be excluded:
//
//   - For the time of one request a client may see some tags moved and others not.
//   - A tag is compared before it is put back, so that the tag of another client is kept; but
//     another client may move it between the two requests. The protocol has no conditional write.
//   - A tag that did not exist is deleted, which many registries do not support: then it stays, and
//     the error names it.
//   - A registry may carry out a request after its response was given up. Requests are given up
//     late.
//   - What is killed (SIGKILL, a power failure) puts nothing back.
//
// It must not know members or Kubernetes.
package imagetags
