module github.com/kubectl-buildkit/kubectl-buildkit/hack/bench

go 1.26.8

require (
	github.com/kubectl-buildkit/kubectl-buildkit/hack/link v0.0.0
	github.com/moby/buildkit v0.34.2
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/planetscale/vtprotobuf v0.6.1-0.20240319094008-0393e58bdf10 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c // indirect
)

replace github.com/kubectl-buildkit/kubectl-buildkit/hack/link => ../link
