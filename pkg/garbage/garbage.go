// Package garbage lets a short command end before the garbage collector has had to work. To import it is enough.
//
// It has to act before the packages of k8s.io are initialized, whose tables alone would begin a collection. It does,
// because Go initializes packages in the order of their import paths as far as their imports allow
// (https://go.dev/ref/spec#Program_initialization), and this one imports nothing but the standard library.
package garbage

import (
	"os"
	"runtime"
	"runtime/debug"
)

// percent of the live heap may be garbage until the first collection. Measured over 25 cached builds, 400 takes a
// fifth of the processor time and a tenth of the wall time of Go's default of 100. A command that has been collected
// once is not short, and goes on with the default, in half the memory.
const percent = 400

var _ = putOff()

// putOff says whether the first collection was put off: GOGC has the last word.
func putOff() bool {
	if _, set := os.LookupEnv("GOGC"); set {
		return false
	}
	usual := debug.SetGCPercent(percent)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
	return true
}
