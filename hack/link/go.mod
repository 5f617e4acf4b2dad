module github.com/kubectl-buildkit/kubectl-buildkit/hack/link

go 1.26.8
