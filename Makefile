# Every target works in an empty clone with nothing but Go and make.
SHOP  := fixtures/supermarket
TOOL  := go tool -modfile=$(CURDIR)/internal/tools/go.mod
FUZZ  ?= 10s
LONG  ?=
DEMO  ?= scenarios/library/zone-outage.yaml

.DEFAULT_GOAL := help
.PHONY: help build test lint race fuzz bench bench-peers peers-capture peers-shop demo e2e track-record golden clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

build: ## build bin/gameday and the supermarket that it is shipped with
	go build -o bin/gameday ./cmd/gameday
	cd $(SHOP) && go build -o bin/supermarket ./cmd/supermarket && go build -o bin/sessions ./cmd/sessions

test: build ## run all tests, one whole game day and the race detector included
	sh internal/tools/test.sh

lint: ## vet, format, staticcheck, dead code, outdated idioms
	sh internal/tools/lint.sh '$(TOOL)'

race: build ## run the tests of both modules under the race detector
	go test -race ./...
	cd $(SHOP) && go test -race ./...

fuzz: ## fuzz every parser for FUZZ (10s) each
	sh internal/tools/fuzz.sh $(FUZZ)

bench: build ## run the benchmarks of the hot paths, and start 60 instances
	go test -run '^$$' -bench . -benchmem ./...
	sh internal/tools/start.sh

bench-peers: build ## measure gameday beside its peers, as root; writes docs/performance.md; with LONG=-long for half an hour
	sh internal/tools/peers/install.sh bin/peers
	go run ./internal/peers -bin bin/peers -write docs/performance.md $(LONG)

peers-capture: ## capture hard traffic with gor v1.3.2 beside us, in network namespaces; shows both scores
	sh internal/tools/peers/capture.sh

peers-shop: build ## exchange recordings of the running supermarket with gor v1.3.2, both ways, as root
	sh internal/tools/peers/supermarket.sh

demo: build ## run a whole game day and print where its report is
	bin/gameday run $(DEMO)

e2e: build ## run every library scenario once
	sh internal/tools/e2e.sh

track-record: build ## prove the scenarios by planting their bugs; writes docs/track-record.md
	cd $(SHOP) && go build -tags mutants -o bin/supermarket-mutants ./cmd/supermarket
	go run ./internal/trackrecord

golden: ## write the golden files anew
	go test ./... -run Golden -update

clean: ## remove what was built and what runs left
	rm -rf bin $(SHOP)/bin runs out
