// Package explain turns errors into what a person needs: what is wrong, a next step that can be
// pasted, and an exit code. It is the only package that knows the commands of this program beside
// their texts; it prints nothing, makes no request, and knows no command line.
package explain
