// Package stats adds up builds: how many there were and how they ended, how much of them came from
// the cache, how long they took and waited, and which steps took the most time.
//
// It is pure, and must not know where builds are recorded nor how their numbers are shown. It
// bounds what it is passed: a daemon may report any time and any count.
package stats
