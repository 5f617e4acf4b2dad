module github.com/kubectl-buildkit/kubectl-buildkit/hack/e2e

go 1.26.8

require (
	github.com/kubectl-buildkit/kubectl-buildkit/hack/link v0.0.0
	golang.org/x/crypto v0.59.0
)

require golang.org/x/sys v0.50.0 // indirect

replace github.com/kubectl-buildkit/kubectl-buildkit/hack/link => ../link
