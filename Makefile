# make demo    run the whole product on this machine, with example customers
# make build   bin/sallyport
# make test    everything that must hold; installs what the tests need (Debian, as root)
# make lint    formatting, go vet, golangci-lint
# make fuzz    every fuzz target for FUZZTIME each, 30s by default; what fails is kept in testdata/fuzz
# make bench   speed, as ratios against a bare server; takes minutes

GOLANGCI_VERSION := v2.15.0
# A linter refuses code for a newer Go than it was built with, hence the second half of the name.
GOLANGCI_DIR = $(CURDIR)/.cache/golangci-lint-$(GOLANGCI_VERSION)-$(shell go env GOVERSION)

# How long each fuzz target runs in make fuzz. In make test it is two seconds, after all that its corpus holds: it is
# for what a change breaks at once.
FUZZTIME ?= 30s

.PHONY: help demo build test lint fuzz bench

help:
	@sed -n 's/^# make /make /p' Makefile

demo: build
	bin/sallyport demo $(ARGS)

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/sallyport ./cmd/sallyport

# Twice: at full speed everything, allocation counts included; then with the race detector, and -short (same tests, smaller
# numbers). SQLite, which is C turned into Go, is not watched: its races are not ours, and it would be 18 times slower. No
# other package may be left out: of a generic function only one package's copy is linked, and then nobody's is watched.
# What is in test and bench starts the program as it is built for users, which the detector does not see.
# Many tests wait for a disk or another program, so more packages run at once than there are processors.
RACE = -race -gcflags='modernc.org/sqlite/lib=-race=false'

test:
	@test/setup.sh
	go test -p 3 -timeout 10m ./...
	@if test/setup.sh --can-race; then \
		echo "go test -short $(RACE), without test and bench"; \
		CGO_ENABLED=1 go test -p 3 -short $(RACE) -vet=off -timeout 10m $$(go list ./... | grep -v -e '/bench$$' -e /bench/ -e '/test$$' -e /test/); \
	fi
	@test/fuzz.sh 2s

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	@test -x "$(GOLANGCI_DIR)/golangci-lint" || { \
		echo "building golangci-lint $(GOLANGCI_VERSION), once, about two minutes"; \
		GOBIN="$(GOLANGCI_DIR)" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION); }
	"$(GOLANGCI_DIR)/golangci-lint" run

# Go fuzzes one target at a time. The corpus is testdata/fuzz beside each target, and Go's cache of what it found new.
fuzz:
	@test/fuzz.sh $(FUZZTIME)

bench:
	go run ./bench $(ARGS)
