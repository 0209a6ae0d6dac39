# Everything a developer does. `make` alone prints this list; the variables are
# PKG, TIME, SEED, BASE (see the targets).

GO        ?= go
PKG       ?= ./...
TIME      ?= 1m
SEED      ?=
BASE      ?= HEAD
TAGS      := invariants
TOOL      := $(GO) tool -modfile=tools/go.mod
# Two packages at a time: tests of storage are busy with the disk and both cores.
GOTEST    := $(GO) test -p 2 -timeout 10m
STEP      := ./tools/step.sh
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X github.com/pandodb/pando/internal/cli.release=$(VERSION)
GOFILES   := git ls-files -co --exclude-standard '*.go' ':!internal/gen'

export CGO_ENABLED ?= 0

# The browser is left to `make test`, which installs it.
check race: export PANDO_SKIP_BROWSER = 1

# Modules of tests share the binary that `make build` makes.
e2e jaeger: export PANDO_BINARY = $(CURDIR)/bin/pando

.DEFAULT_GOAL := help
.PHONY: help run build test unit e2e jaeger setup quick check race fuzz crash bench gen ui fmt golden layers format vet lint tidy fresh clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, then a server with a day of made-up traffic and the page
	./bin/pando demo

build: ## ./bin/pando, the page inside; needs only Go
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/pando ./cmd/pando

test: setup ## every test: units, crashes, real clients, a real browser (6 min, the first time 8)
	@$(STEP) 'units, crashes, browser' $(MAKE) --no-print-directory unit
	@$(STEP) 'real clients' $(MAKE) --no-print-directory e2e
	@$(STEP) "Jaeger's own code" $(MAKE) --no-print-directory jaeger

unit: ## the tests of the main module, with assertions on
	$(GOTEST) -tags $(TAGS) $(PKG)

e2e: build ## clients of other projects against the binary; a module of its own
	$(GO) -C test/e2e test -count 1 -timeout 10m ./...

jaeger: build ## Jaeger's storage suite, query service and clients against the binary
	$(GO) -C test/jaeger test -count 1 -timeout 10m ./...

setup: ## what tests need beside Go: Chromium, Node, Python, Java, packages of test scripts
	@$(STEP) 'setup' ./tools/setup-tests.sh

quick: layers format ## before a commit: laws, format, vet and tests of what changed since BASE (1 min)
	@packages=$$(./tools/changed.sh $(BASE)); [ -z "$$packages" ] || { \
		$(GO) vet -tags $(TAGS) $$packages && \
		PANDO_SKIP_BROWSER=1 $(GOTEST) -short -tags $(TAGS) $$packages; }

check: layers format vet tidy fresh unit lint ## before a review: everything that judges code

race: ## units under the race detector
	CGO_ENABLED=1 $(GOTEST) -race -short $(PKG)

fuzz: ## every fuzz target for TIME each, of packages in PKG
	@./tools/fuzz.sh $(TIME) $(PKG)

crash: TIME = 5m
crash: ## hundreds of power cuts and kills, retention by the clock; TIME=5m a test, SEED=
	PANDO_SLOW=1 PANDO_CRASH_TIME=$(TIME) $(if $(SEED),PANDO_SEED=$(SEED)) $(GO) test -p 1 -timeout 0 -count 1 -tags $(TAGS) -run 'Crash|Fault|Killed|Retention' $(PKG)

bench: ## six runs of the benchmarks in PKG into bin/bench.txt; compare with benchstat
	@mkdir -p bin
	$(GO) test -run '^$$' -bench . -benchmem -count 6 $(PKG) | tee bin/bench.txt
	@if [ -f bin/bench.old.txt ]; then $(TOOL) benchstat bin/bench.old.txt bin/bench.txt; fi

gen: ## regenerate protobuf code from internal/gen/proto; needs protoc
	./internal/gen/generate.sh
	./tools/fresh.sh -write

ui: ## build the page from web/ into the directory that is embedded; needs Node
	npm --prefix web ci
	npm --prefix web run build

fmt: ## format all Go files
	$(GOFILES) | xargs $(TOOL) gofumpt -w

golden: ## rewrite golden files of PKG after a meant change; review the diff
	@for p in $$($(GO) list $(PKG)); do dir=$$($(GO) list -f '{{.Dir}}' $$p); \
		if grep -qs 'flag.Bool("rewrite"' $$dir/*_test.go; then $(GO) test $$p -rewrite; fi; done

layers: ## the laws of the house: floors, sizes, dependencies, links
	$(GO) test ./internal/tidy

format:
	@./tools/format-check.sh

vet:
	$(GO) vet -tags $(TAGS) ./...

lint:
	$(TOOL) golangci-lint run --build-tags $(TAGS) ./...

tidy:
	$(GO) mod tidy -diff

fresh:
	@./tools/fresh.sh

clean: ## remove what make built
	rm -rf bin
