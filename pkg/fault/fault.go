// Package fault has the classes of errors. Every type of error of pkg has one, so that a caller can
// decide what to do about an error without knowing its type. It knows no exit code; pkg/explain
// does.
package fault

import "errors"

// Class is what kind of remedy an error needs.
type Class string

// The classes. Unknown is that of an error in whose tree no type has a class.
const (
	Unknown     Class = ""
	Usage       Class = "usage"       // the input cannot be used: a flag, an argument, a variable or a file of the user
	Denied      Class = "denied"      // the cluster or a registry does not permit it
	Unavailable Class = "unavailable" // the builder is missing, does not start, cannot be reached or use what it needs, or was lost
	Failed      Class = "failed"      // the work itself failed, e.g. a step of a Dockerfile
	Interrupted Class = "interrupted" // the caller ended it
)

// Classified is an error that has a class. That of an error which only adds to its cause is the
// cause's.
type Classified interface {
	error
	Class() Class
}

// Of returns the class of the first error in err's tree that has one: err itself, else the nearest
// that it wraps.
func Of(err error) Class {
	var classified Classified
	if errors.As(err, &classified) {
		return classified.Class()
	}
	return Unknown
}

// Or returns the class of err, or otherwise if that is Unknown.
func Or(err error, otherwise Class) Class {
	if class := Of(err); class != Unknown {
		return class
	}
	return otherwise
}
