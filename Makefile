# Sextant. `make` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
export CGO_ENABLED := 1
GO ?= go
TEST ?= .
FUZZTIME ?= 30s
COUNT ?= 1
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The packages where goroutines meet: they run under the race detector.
RACE := ./authority/... ./commitlog/... ./loader/... ./intake/... ./store/... ./node/... ./server/... ./query/... ./source/... ./subscription/...

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## bin/sextant
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/sextant ./cmd/sextant

.PHONY: demo
demo: build ## a tenant of 500 people with 30 days of logs, and a live feed
	bin/sextant demo

.PHONY: test
test: ## all that CI asks: format, vet, lint, unit, race, scripts, end to end
	bash .ci/test

.PHONY: check
check: ## format, vet, lint
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt these:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: unit
unit: ## tests without the race detector (TEST=name picks some)
	$(GO) test -count=$(COUNT) -run '$(TEST)' ./... ./.ci/report

.PHONY: race
race: ## tests of what is concurrent, with the race detector
	$(GO) test -race -short -count=$(COUNT) -run '$(TEST)' $(RACE)

.PHONY: fuzz
fuzz: ## every fuzz target for 30 s, those of a query's whole path for FUZZTIME (30s)
	bash .ci/fuzz 30s $(FUZZTIME)

.PHONY: clients
clients: build ## Microsoft's own client libraries against bin/sextant (TEST=name picks some)
	cd e2e/clients && SEXTANT_BIN=$(CURDIR)/bin/sextant $(GO) test -count=$(COUNT) -run '$(TEST)' .

.PHONY: bench
bench: build ## the figures of docs/benchmarks.md, on this machine (idle, some 20 minutes)
	bash .ci/bench

.PHONY: generate
generate: ## code and pages made from tables
	$(GO) generate ./...

.PHONY: update
update: ## accepts golden output; read the diff
	$(GO) test $$(git ls-files '*_test.go' | xargs grep -l 'flag.Bool("update"' | xargs -n1 dirname | sort -u | sed 's#^#./#') -update

.PHONY: race-packages
race-packages:
	@for p in $(RACE); do [ -d $${p%/...} ] && echo $$p; done
