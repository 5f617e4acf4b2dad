module github.com/kubectl-buildkit/kubectl-buildkit/hack/e2e

go 1.26.8
