// Package history reads what a daemon recorded of its builds, also of those whose
// client is gone: what was asked, how it ended, every step with its log.
//
// It must not know how a daemon is reached, nor how a record is shown.
package history
