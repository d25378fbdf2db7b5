# SPDX-License-Identifier: Apache-2.0
#
# Everything is built and tested as whoever calls make; only what loads probes
# runs as root, through sudo where needed (.ci/as-root). `make` alone lists the
# targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Root's PATH, and sudo's, often leave out the folder that Go installs itself to.
export PATH := $(PATH)$(addprefix :,$(firstword $(wildcard /usr/local/go/bin /usr/lib/go/bin)))
GO := go

# The binaries that ship are static; tests run the same code.
export CGO_ENABLED := 0
# A folder without .git, or a machine without git, builds as "development".
VERSION := $(or $(shell git describe --tags --always --dirty 2>/dev/null),development)
COMMIT := $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)
GO_BUILD = $(GO) build -trimpath -buildvcs=false \
	-ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)'

BIN := $(CURDIR)/bin
AS_ROOT := $(CURDIR)/.ci/as-root
DEPS := $(CURDIR)/.ci/deps
# Where package gateway/peer builds what tests start.
TEST_BUILD := $(CURDIR)/build/test

# Two targets at once would measure each other.
.NOTPARALLEL:

# What `make run` measures with; any flag of `ipcprobe run` may stand here.
RUN_FLAGS ?= --duration 10s
# Where `make install` puts the programs, below DESTDIR. SETCAP=1 also gives
# ipcprobe the capabilities with which users of GROUP run it without sudo.
PREFIX ?= /usr/local
DESTDIR ?=
SETCAP ?=
GROUP ?= $(or $(SUDO_GID),$(shell id -g))
CAPABILITIES = cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,cap_syslog=ep
PROGRAMS = ipcprobe ipcgateway ipc-gateway-v1 ipc-gateway-v2
# How long `make fuzz` stays with each target.
FUZZTIME ?= 5m
# More flags of `make baseline`, for its suites and for its comparison.
BASELINE_FLAGS ?=
COMPARE_FLAGS ?=
# Packages that the test targets and bench take, and flags for their go test.
PKG ?= ./...
TEST_FLAGS ?=
SOAK_FLAGS ?=
KERNEL_FLAGS ?=
BENCH ?= .
# Turns of each client and shape in bench-load, half a second each.
TURNS ?= 15
# Runs of each server in leaks.
RUNS ?= 20
# Loads that interrupt-load interrupts, and the length of soak-load.
ROUNDS ?= 200
# Rounds of bench-overhead, bench-stated-cost and bench-memory, where ROUNDS isn't given to make.
OVERHEAD_ROUNDS = $(if $(filter command line environment,$(origin ROUNDS)),$(ROUNDS))
SOAK ?= 10m
BENCH_FLAGS = -p=1 -run='^$$' -bench='$(BENCH)' -benchmem

C_FILES = $(shell find bpf gateway loader -name '*.[ch]' | sort)
GO_FOLDERS := bpf cmd gateway load loader results
# A package belongs to the kernel tier when its tests import the guard.
GUARD := github.com/ipcprobe/ipcprobe/results/kerneltest
LIST_KERNEL_PACKAGES = $(GO) list -f '{{$$p := .ImportPath}}\
	{{- range .TestImports}}{{if eq . "$(GUARD)"}}{{println $$p}}{{end}}{{end}}\
	{{- range .XTestImports}}{{if eq . "$(GUARD)"}}{{println $$p}}{{end}}{{end}}' $(PKG) | sort -u

.PHONY: help run baseline build install generate test test-pure test-kernel test-kernels bench bench-load bench-redis bench-arrivals \
	bench-search bench-overhead bench-stated-cost bench-memory soak soak-load soak-join interrupt-load fuzz lint fmt deps clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## measure the reference gateway under load and print the report
	@$(AS_ROOT) $(BIN)/ipcprobe run $(RUN_FLAGS)

baseline: build ## measure both builds of the reference gateway and compare them: results/*.md
	@mkdir -p results
	@for build in v1 v2; do \
		$(AS_ROOT) bin/ipcprobe suite --name $$build.0 --build $$build --force $(BASELINE_FLAGS) || [ $$? -ne 2 ] || exit 2; done
	@$(AS_ROOT) bin/ipcprobe compare --force --out results/v2.0_comparison $(COMPARE_FLAGS) \
		--a 'bin/ipcgateway --build v1 --socket {socket}' \
		--b 'bin/ipcgateway --build v2 --socket {socket}' || [ $$? -ne 2 ]

build: ## build ipcprobe, ipcgateway and the reference gateway in bin/
	@$(DEPS) build
	@mkdir -p $(BIN)
	$(GO_BUILD) -o $(BIN)/ipcprobe ./cmd/ipcprobe
	$(GO_BUILD) -o $(BIN)/ipcgateway ./cmd/ipcgateway
	@$(MAKE) -s -C gateway/reference BIN=$(BIN)

# The capabilities let whoever may start the program look into every process, so
# with them it is for one group only. A program that is there gives its up first.
install: build ## install in PREFIX (/usr/local) below DESTDIR; SETCAP=1 GROUP=name to run without sudo
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 0755 $(PROGRAMS:%=$(BIN)/%) "$(DESTDIR)$(PREFIX)/bin"
	@[ -z "$(SETCAP)" ] || [ "$(SETCAP)" = 1 ] || { echo "SETCAP is $(SETCAP), but must be 1, or left out" >&2; exit 2; }
	@[ "$(SETCAP)" != 1 ] || { set -x; \
		chgrp "$(GROUP)" "$(DESTDIR)$(PREFIX)/bin/ipcprobe"; \
		chmod 0750 "$(DESTDIR)$(PREFIX)/bin/ipcprobe"; \
		PATH="$$PATH:/usr/sbin:/sbin" setcap $(CAPABILITIES) "$(DESTDIR)$(PREFIX)/bin/ipcprobe"; }

generate: ## compile the probes again and write their Go bindings (needs clang)
	@$(DEPS) build generate
	$(GO) generate ./bpf/...

# A package of the kernel tier has all its tests run there, the pure ones too.
test: build ## every test: the pure ones, then those that need root
	@kernel=$$($(LIST_KERNEL_PACKAGES)); pure=$$($(GO) list $(PKG) | grep -vxF "$$kernel" || true); \
		[ -z "$$pure" ] || $(MAKE) test-pure PKG="$$(echo $$pure)"
	@$(MAKE) test-kernel

test-pure: ## the tests that need no privilege
	@IPCPROBE_TIER=pure $(GO) test $(TEST_FLAGS) $(PKG)

# One package at a time: two measurements at once would measure each other.
test-kernel: build ## the tests that load probes or hold figures against other tools
	@$(DEPS) test
	@# Peers are built by the user, so that root finds them fresh and writes nothing here.
	@$(MAKE) -s -C gateway/peer DIR=$(TEST_BUILD)/peer
	@$(MAKE) -s -C gateway/reference BIN=$(TEST_BUILD)/reference OBJ=$(TEST_BUILD)/reference/objects
	@touch $(TEST_BUILD)/peer/.lock $(TEST_BUILD)/reference/.lock
	@packages=$$($(LIST_KERNEL_PACKAGES)); \
		[ -n "$$packages" ] || { echo "no tests of the kernel tier in $(PKG)" >&2; exit 1; }; \
		IPCPROBE_TIER= $(CURDIR)/.ci/test-kernel $(TEST_FLAGS) $(KERNEL_FLAGS) $$packages

# KERNELS names some of them, GUEST_TESTS some tests: see .ci/test-kernels.
test-kernels: build ## boot older and newer kernels in qemu, test the probes and measure in each
	@$(DEPS) guest
	@$(CURDIR)/.ci/test-kernels $(KERNELS)

bench: build ## the benchmarks; BENCH=regexp and PKG=./folder narrow it down
	@kernel=$$($(LIST_KERNEL_PACKAGES)); pure=$$($(GO) list $(PKG) | grep -vxF "$$kernel" || true); \
		[ -z "$$pure" ] || IPCPROBE_TIER=pure $(GO) test $(BENCH_FLAGS) $$pure; \
		[ -z "$$kernel" ] || $(GO) test -exec $(AS_ROOT) $(BENCH_FLAGS) $$kernel

bench-load: ## the load generator in turn with a plain C client; SHAPE=16conn/64B/pipeline8 for one shape, TURNS=15
	@$(MAKE) -s -C gateway/peer DIR=$(TEST_BUILD)/peer
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= $(GO) test -p=1 -run='^$$' -timeout=60m \
		-bench='BenchmarkAgainstC/$(SHAPE)' -benchtime=$(TURNS)x ./load

leaks: build ## each kind of leak by each allocator, and RUNS=20 runs of each server that levels off, end to end (hours)
	@$(MAKE) -s -C gateway/peer DIR=$(TEST_BUILD)/peer
	@$(GO) test -count=1 -exec $(AS_ROOT) -timeout=12h -v ./cmd/ipcprobe -every-shape -alarm-runs $(RUNS) \
		-run 'TestALeakIsFoundFromEndToEnd|LevelsIsNotCalledALeak'

soak: build ## watch for twenty minutes, run 200 times, see that nothing grows (SOAK_FLAGS="120 20")
	@$(AS_ROOT) .ci/soak $(SOAK_FLAGS)

# PKG=./folder/... and FUZZ=regexp narrow it down; see .ci/fuzz.
fuzz: ## fuzz each parser in turn, FUZZTIME=5m each, and sum up
	@GO="$(GO)" $(CURDIR)/.ci/fuzz "$(FUZZTIME)" "$(or $(FUZZ),.)"

bench-redis: ## the load generator in turn with redis-benchmark, on one redis-server; TURNS=15
	@$(DEPS) test
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= $(GO) test -p=1 -run='^$$' -timeout=60m \
		-bench='BenchmarkAgainstRedis' -benchtime=$(TURNS)x ./load

bench-arrivals: ## 10,000 to 100,000 arrivals/s as the kernel stamps them, ten seconds each: rate, send lag, distribution
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= $(GO) test -p=1 -run='^$$' -timeout=60m \
		-bench='BenchmarkArrivals/$(SHAPE)' -benchtime=1x ./load

bench-search: build ## three searches on a server of known capacity: what they find, in percent of it
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= $(GO) test -p=1 -run='^$$' -timeout=60m -count=3 \
		-bench='BenchmarkSearch' -benchtime=1x ./cmd/ipcprobe

# What can't be installed says so in its row.
bench-overhead: build ## what being watched costs a server: ipcprobe, bpftrace, perf and strace in turn (ROUNDS=5)
	@$(DEPS) bench || true
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_ROUNDS=$(OVERHEAD_ROUNDS) $(GO) test -p=1 -run='^$$' -timeout=120m \
		-exec $(AS_ROOT) -bench='BenchmarkOverhead$$' -benchtime=1x ./cmd/ipcprobe

# SHAPE=no-load or SHAPE=run for one half.
bench-stated-cost: build ## the cost that reports state against an outside client's view, ten runs of each kind (ROUNDS=10)
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_ROUNDS=$(OVERHEAD_ROUNDS) $(GO) test -p=1 -run='^$$' -timeout=120m \
		-exec $(AS_ROOT) -bench='BenchmarkStatedCost/$(SHAPE)' -benchtime=1x ./cmd/ipcprobe

bench-memory: build ## what looking at memory costs at 2,500 requests/s (20 turns), and heap phases beside their budget (ROUNDS=5)
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= $(GO) test -p=1 -run='^$$' -timeout=30m \
		-exec $(AS_ROOT) -bench='BenchmarkMemoryPart' -benchtime=20x ./cmd/ipcprobe
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_ROUNDS=$(OVERHEAD_ROUNDS) $(GO) test -p=1 -run='^$$' -timeout=120m \
		-exec $(AS_ROOT) -bench='BenchmarkHeapBudget' -benchtime=1x ./cmd/ipcprobe

soak-join: build ## `run` at 100,000 requests/s for SOAK=10m, with what is resident of ipcprobe every ten seconds
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_SOAK=$(SOAK) $(GO) test -p=1 -run='^$$' -timeout=60m \
		-exec $(AS_ROOT) -bench='BenchmarkJoinSoak' -benchtime=1x ./cmd/ipcprobe

bench-compare: build ## compare v1 with v2, and the same by hand with a plain C client and the scheduler's clock; ROUNDS=12
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_ROUNDS=$(or $(filter-out 200,$(ROUNDS)),12) $(GO) test -p=1 -run='^$$' -timeout=60m \
		-bench='BenchmarkCompareByHand' -benchtime=1x ./cmd/ipcprobe

soak-load: build ## 100,000 requests/s for SOAK=10m, with what is resident of the generator every ten seconds
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_SOAK=$(SOAK) $(GO) test -p=1 -run='^$$' -timeout=60m \
		-bench='BenchmarkSoak' -benchtime=1x ./cmd/ipcprobe

interrupt-load: build ## interrupt ROUNDS loads of a server that dies of SIGPIPE; it never does (ROUNDS=200)
	@IPCPROBE_REQUIRE_KERNEL=1 IPCPROBE_TIER= IPCPROBE_ROUNDS=$(ROUNDS) $(GO) test -count=1 -v -timeout=20m \
		-run='TestInterruptedLoadsNeverKillTheServer' ./cmd/ipcprobe

lint: ## gofmt, go vet, staticcheck, clang-format and the rules of the house
	@$(DEPS) build lint
	@unformatted=$$(gofmt -l $(GO_FOLDERS)); \
		[ -z "$$unformatted" ] || { echo "gofmt would change (make fmt): $$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	GOARCH=arm64 $(GO) build -o /dev/null ./cmd/ipcprobe
	GOOS=darwin $(GO) vet ./results/... ./gateway/wire
	$(GO) tool staticcheck ./...
	clang-format --dry-run -Werror $(C_FILES)
	$(GO) test ./cmd

fmt: ## format the Go and the C
	@$(DEPS) lint
	gofmt -w $(GO_FOLDERS)
	clang-format -i $(C_FILES)

deps: ## install what the targets here need and this machine lacks
	@$(DEPS) build generate lint test

clean: ## remove what build made; measurements in results/ stay
	rm -rf bin build
