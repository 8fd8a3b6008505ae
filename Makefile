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

# Twice: at full speed everything, allocation counts included; then with the race detector, which makes
# the embedded SQLite 18 times slower, so -short there (same tests, smaller numbers).
test:
	@test/setup.sh
	go test -timeout 10m ./...
	@if test/setup.sh --can-race; then \
		echo 'go test -race -short -timeout 10m ./...'; \
		CGO_ENABLED=1 go test -race -short -vet=off -timeout 10m ./...; \
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
