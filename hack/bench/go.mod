module github.com/kubectl-buildkit/kubectl-buildkit/hack/bench

go 1.26.8

require github.com/kubectl-buildkit/kubectl-buildkit/hack/link v0.0.0

replace github.com/kubectl-buildkit/kubectl-buildkit/hack/link => ../link
