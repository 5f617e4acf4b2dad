// Package view turns builders, caches and builds into what is printed of them: tables and facts for
// people, and the fields of JSON and YAML for programs.
//
// It is given what was found, and asks no cluster and no daemon; of commands and flags it knows the
// one command that installs a builder again.
package view
