module github.com/kubectl-buildkit/kubectl-buildkit/hack/bench

go 1.26.8
