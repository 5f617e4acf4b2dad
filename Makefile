# Everything a developer does here has a target. `make` alone lists them.

SHELL := /bin/bash
NODES ?= 1
PLUGIN := bin/kubectl-buildkit
# Modules of this repository: the product, and the workshop's own.
MODULES := . hack/cluster hack/link hack/e2e hack/bench hack/release
GOLANGCI_LINT := go tool -modfile=$(CURDIR)/hack/tools/go.mod golangci-lint
DEADCODE := go tool -modfile=$(CURDIR)/hack/tools/go.mod deadcode

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ The two commands of a fresh machine

.PHONY: demo
demo: ## Cluster (if there is none), builder, image, push, run: the whole story
	hack/demo/run

.PHONY: test
test: unit lint fuzz e2e faults krew ## All tests: unit with -race, lint, fuzz seeds, end to end, faults, the release

##@ Parts

.PHONY: build
build: ## Build the plugin into bin/
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w' -o $(PLUGIN) ./cmd/kubectl-buildkit

.PHONY: unit
unit: ## Unit tests with the race detector
	go test -race ./...
	cd hack/cluster && go test ./...
	cd hack/release && go test ./...
	cd hack/bench && go test ./...
	cd hack/link && go test -race ./...

.PHONY: lint
lint: ## golangci-lint over every module, deadcode, actionlint, govulncheck over the product (pinned in hack/tools)
	@for module in $(MODULES); do \
	  echo "lint $$module"; \
	  (cd $$module && $(GOLANGCI_LINT) run --config $(CURDIR)/.golangci.yml ./...) || exit 1; \
	done
	@found=$$($(DEADCODE) -filter '^github.com/kubectl-buildkit/kubectl-buildkit/(cmd|hack|pkg)/[a-z-]+$$' ./...) || exit 1; \
	if [ -n "$$found" ]; then echo "$$found"; exit 1; fi
	hack/workflows
	hack/vulnerabilities

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME (default: its seeds only)
	hack/fuzz

.PHONY: e2e
e2e: build ## End-to-end tests on the cluster (E2E_KUBECONFIG, else this machine's)
	hack/e2e/run

.PHONY: docs
docs: ## Write the command reference and the packages in docs/architecture.md anew
	go test ./pkg/cmd -run TestCommandReferenceIsUpToDate -update-reference
	go test ./pkg -run TestImportGraphIsUpToDate -update

.PHONY: faults
faults: build ## Each fault once, on a separate cluster that loses its API server, kubelet, …
	hack/e2e/faults

.PHONY: soak
soak: build ## Each fault SOAK_RUNS times (default 20), and a table of the outcomes
	hack/soak

.PHONY: bench
bench: build ## Ratios against docker buildx and buildctl kube-pod (BASE=COMMIT: against that commit)
	hack/bench/run $(if $(BASE),-base $(BASE))

.PHONY: load
load: build ## 50 clients on 4 members, some killed, for 3 minutes (LOAD='-duration 30m -peers': longer, and buildx too)
	hack/bench/load/run $(LOAD)

##@ Releases

.PHONY: release
release: ## What a release consists of, into dist/, and its krew manifest (VERSION=v1.2.3)
	cd hack/release && go run . -version "$(VERSION)" -out "$(CURDIR)/dist"
	cp dist/plugins/buildkit.yaml plugins/buildkit.yaml

.PHONY: package
package: ## The same for this commit into bin/release, checked to be reproducible
	hack/release/check

.PHONY: krew
krew: build package ## What package made, validated, installed by krew and used end to end
	hack/e2e/run -tags krew -run TestTheReleaseThatKrewInstalls

##@ The cluster on this machine

.PHONY: cluster-up cluster-down cluster-status
cluster-up: ## Start the one-machine Kubernetes (NODES=n)
	cd hack/cluster && go run . up --nodes $(NODES)

cluster-down: ## Stop it and remove what it left
	cd hack/cluster && go run . down

cluster-status: ## What runs, where its kubeconfig and logs are
	cd hack/cluster && go run . status
