package cmd

import "strings"

// list is the value of a flag that may be given several times, like pflag's own, which makes a CSV writer and its buffer
// for each such flag of every command: a twentieth of the time that `version` takes.
type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

// Type makes the completion offer the flag again ("Array"), and is what help calls the value.
func (l *list) Type() string { return "stringArray" }
