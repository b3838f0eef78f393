# libws4d: everything that is done to this tree. `make` alone says what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# What `test` wants stands in the order in which it is needed; cargo and rustc use the cores.
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),target)
LIBRARY := $(TARGET)/release/libws4d.so
SERVER := $(TARGET)/debug/ws4d-test-server
EXAMPLES := $(patsubst c-examples/%.c,build/examples/%,$(wildcard c-examples/*.c))
WARNINGS := -Wall -Wextra -Wpedantic -Werror

.PHONY: help setup build release header examples server demo test clean
.PHONY: bench bench-micro bench-instructions bench-profile check-style check-header test-rust test-fuzzers test-model test-c
.PHONY: test-plugin test-valgrind test-python install uninstall test-install dist deb wheel tool test-tool check-docs
.PHONY: docs new-user
.PHONY: arm64 musl small macos windows
.PHONY: conformance portable test-grammar mutants panics stream fuzz abi deny generated error-texts sanitize faults peers soak lifecycle

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## gets what is missing for the tests, and says what: valgrind, cmake, g++, node by apt-get; proxies, packages into build/
	@scripts/setup.sh

build: ## everything, for debugging
	cargo build --workspace

release: ## the library as it ships, with the name by which programs load it
	scripts/release.sh rustc --package ws4d --lib -- --print native-static-libs=$(abspath $(TARGET)/release/native-static-libs.txt)
	scripts/soname.sh $(TARGET)/release

install: $(if $(wildcard $(LIBRARY)),,release) ## installs it into PREFIX (/usr/local), below DESTDIR; also BINDIR, LIBDIR, INCLUDEDIR, MANDIR, DOCDIR
	@scripts/install.sh $(TARGET)/release

uninstall: ## takes away what `make install` put there, with the same PREFIX and DESTDIR
	@scripts/install.sh --uninstall

header: ## renders include/ws4d.h from the source, and writes what follows from both
	scripts/header.sh
	scripts/errors.sh

generated: header ## all that is written by scripts and committed: the header, docs/errors.md, docs/unsafe.md, THIRD-PARTY.md
	scripts/errors.sh
	scripts/unsafe.py
	scripts/third-party.py

error-texts: ## what errors say, in docs/errors.md, from the tests that provoke them (minutes)
	scripts/error_texts.py

tool: release ## the command-line tool ws4d, in build/tool
	scripts/tool.sh $(TARGET)/release build/tool/ws4d

# Cargo knows best whether its products are fresh: ask it each time.
examples: release ## the C examples, in build/examples
	@$(MAKE) --no-print-directory $(EXAMPLES)

build/examples/%: c-examples/%.c include/ws4d.h $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -O2 -g -std=c99 $(WARNINGS) -Iinclude -o $@ $< $(LIBRARY) -pthread -Wl,-rpath,$(abspath $(TARGET)/release)

server: ## the local test server
	cargo build --package ws4d-test-server

demo: ## builds all and plays the examples against a local server
	@scripts/demo.sh

test: setup check-style check-header check-docs test-rust test-fuzzers test-model test-c test-plugin test-valgrind test-install test-python test-tool ## all that must hold
	@echo "make test: all is well"

check-style: ## cargo fmt, clippy, who may know whom, and the pages on unsafe and on the crates of others
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	scripts/rules.sh
	scripts/unsafe.py --check
	scripts/third-party.py --check

check-header: release ## the committed header, its languages, the exported symbols, the library as a file, and earlier releases' programs
	scripts/header.sh --check
	scripts/errors.sh --check
	scripts/symbols.sh $(LIBRARY)
	scripts/artifact.sh $(LIBRARY)
	scripts/abi.sh --rules $(LIBRARY)
	tests/c/header.sh

docs: ## the guide as a site with search, in build/docs; checks its links and the spelling
	scripts/docs.sh

check-docs: release server ## the code in README and in the guide is compiled and run; links and spelling
	scripts/snippets.py $(TARGET)/release $(SERVER)
	scripts/docs.sh --check

# The tests load the library that they try; cargo does not build it for them.
test-rust: ## cargo's tests
	cargo build --package ws4d
	cargo test --workspace --no-fail-fast

test-fuzzers: ## the fuzzers, built without nightly Rust, on what they begin with
	scripts/fuzz.sh --seeds

test-c: examples server ## the C and C++ tests, the examples, and cmake's way to them
	scripts/c-tests.sh $(TARGET)/release $(SERVER)
	tests/hpp/run.sh $(TARGET)/release $(SERVER)
	python3 scripts/play.py --server $(SERVER) --examples build/examples > build/play.log || { cat build/play.log; exit 1; }
	cmake -S c-examples -B build/cmake -DWS4D_LIBRARY=$(abspath $(LIBRARY)) > build/cmake.log
	cmake --build build/cmake >> build/cmake.log

test-plugin: release server ## the core of the 4D plug-in, in a stand-in for 4D
	plugin-4d/run.sh $(TARGET)/release $(SERVER)

test-valgrind: examples server ## the examples, the C tests and the 4D plug-in under valgrind
	tests/c/examples.sh $(SERVER)
	scripts/c-tests.sh --valgrind $(TARGET)/release $(SERVER)
	plugin-4d/run.sh --valgrind $(TARGET)/release $(SERVER)

test-install: release server ## what make install puts down: used by pkg-config and CMake, shared and static, and uninstalled
	tests/install/run.sh $(TARGET)/release $(SERVER)

test-python: release server ## the library from Python, and the Python package, against the test server and other people's servers
	PATH="$(CURDIR)/build/proxies/bin:$$PATH" WS4D_LIBRARY=$(abspath $(LIBRARY)) WS4D_TEST_SERVER=$(abspath $(SERVER)) \
		build/venv/bin/python -W error -m unittest discover --start-directory tests/python
	build/venv/bin/mypy --config-file bindings/python/pyproject.toml --cache-dir build/mypy --python-version 3.10 bindings/python/ws4d
	cd bindings/python && WS4D_LIBRARY=$(abspath $(LIBRARY)) WS4D_TEST_SERVER=$(abspath $(SERVER)) \
		$(CURDIR)/build/venv/bin/python -m pytest

test-tool: tool server ## the command-line tool: each option, each exit code, terminals, pipes, signals, hostile servers
	WS4D_TOOL=$(abspath build/tool/ws4d) WS4D_TEST_SERVER=$(abspath $(SERVER)) \
		python3 -W error -m unittest discover --start-directory tests/tool

test-model: ## the mailbox, the dispatcher and the handle table under loom
	RUSTFLAGS="--cfg ws4d_loom" CARGO_TARGET_DIR=$(TARGET)/loom cargo test --package ws4d-client --lib --release model

portable: ## cargo's tests with the code for macOS and the BSDs in place of Linux's own (not a part of test)
	RUSTFLAGS="--cfg ws4d_portable" CARGO_TARGET_DIR=$(TARGET)/portable cargo build --package ws4d
	RUSTFLAGS="--cfg ws4d_portable" CARGO_TARGET_DIR=$(TARGET)/portable cargo test --workspace --no-fail-fast

test-grammar: ## random sequences against the grammar of callbacks, as in test-rust, and what they met
	cargo build --package ws4d
	cargo test --test grammar_model -- --nocapture

stream: ## one message of 1 GiB each way, in a process whose memory stays small (test-rust does the same with 64 MiB)
	cargo build --package ws4d
	WS4D_STREAM_MIB=1024 cargo test --test memory never_in_memory -- --nocapture

mutants: ## breaks the library on purpose, seven times, and sees the tests go red (not a part of test)
	scripts/mutants.sh

panics: ## a panic at each marked point inside the library, one after the other, under the random sequences, for SECONDS (240); not a part of test
	RUSTFLAGS="--cfg ws4d_panics" CARGO_TARGET_DIR=$(TARGET)/panics cargo build --package ws4d
	RUSTFLAGS="--cfg ws4d_panics" CARGO_TARGET_DIR=$(TARGET)/panics WS4D_PANICS_SECONDS=$(SECONDS) \
		cargo test --test grammar_model after_a_panic -- --nocapture

abi: release ## whether programs built with an earlier release's header run with this library (abidiff); docs/abi.md (not a part of test)
	scripts/abi.sh $(LIBRARY)
	scripts/abi.sh --planted

sanitize: server ## C tests under ThreadSanitizer and AddressSanitizer, std instrumented too (SANITIZERS="thread"); not a part of test
	scripts/sanitize.sh $(SERVER) $(SANITIZERS)

peers: setup tool server ## other people's servers, proxies, event loops and languages; says before what it gets and installs (not a part of test)
	tests/peers/run.sh $(TARGET)/release
	tests/peers/tool.sh $(TARGET)/release build/tool/ws4d
	scripts/peers.sh $(TARGET)/release $(SERVER)
	examples-ffi/run.sh $(TARGET)/release $(SERVER)

deny: ## licences and sources of the crates of others, by deny.toml (cargo-deny; not a part of test)
	scripts/deny.sh

faults: ## each fault of the network at each step, and each call of the system that fails (test-rust has a sample of these)
	cargo build --package ws4d
	WS4D_FAULTS_ALL=1 cargo test --test faults -- --nocapture

soak: ## hundreds of sockets do everything at random for MINUTES (10), judged by a model (test-rust does it for a moment)
	cargo build --package ws4d
	WS4D_SOAK_MINUTES=$(or $(MINUTES),10) cargo test --test soak -- --nocapture

lifecycle: release server ## TIMES (10000) loads and sockets at once, ten times as many lives, forks in traffic: nothing grows (test-c does few)
	WS4D_LIFECYCLE=$(or $(TIMES),10000) scripts/c-tests.sh $(TARGET)/release $(SERVER) dlclose lifecycle

conformance: setup release server ## the Autobahn test suite, in three ways; writes docs/conformance.md (CASES="3.* 5.15": these; PART_SIZE=1: in parts)
	scripts/conformance.sh $(TARGET)/release $(SERVER)

fuzz: ## every fuzzer for SECONDS each (60; TARGETS="decoder json": these alone); needs nightly Rust
	scripts/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

dist: server ## archives (.tar.gz, .zip) for Linux x86-64 with glibc 2.17 or newer, in build/dist: built by zig from PyPI, tried where it is unpacked
	scripts/dist.sh $(SERVER)

wheel: ## the Python package with the library of `make dist` in it, for Linux x86-64 with glibc 2.17 or newer, in build/dist
	scripts/dist.sh --build
	bindings/python/backend/ws4d_build.py $(TARGET)/x86_64-unknown-linux-gnu/release/libws4d.so build/dist

deb: ## Debian packages of the same build, in build/dist: libws4d0, libws4d-dev, ws4d-tools; needs debhelper and lintian
	scripts/deb.sh

new-user: server dist deb wheel ## ways from nothing to a first message, timed, each in a minimal Debian (debootstrap, as root); writes docs/install.md
	scripts/new-user.sh $(SERVER)

arm64: server ## the library for Linux on 64-bit Arm, tried under qemu; says before what it installs (not a part of test)
	scripts/arm64.sh $(SERVER)

musl: server ## the static library for musl, and programs that are linked with it and nothing else, tried (not a part of test)
	scripts/musl.sh $(SERVER)

windows: ## ws4d.dll for 64-bit Windows, tried under wine; says before what it installs (not a part of test)
	scripts/windows.sh

small: server ## the library for small hosts, without compression and with ring for TLS; says its size, and tries it (not a part of test)
	@scripts/small.sh $(SERVER)

macos: ## the library for macOS, both processors in one file, built and linked, not run (not a part of test)
	scripts/macos.sh

bench: release ## how fast it is, beside other clients: writes docs/benchmarks.md (QUICK=1; CASES="echo-32 send*", CLIENTS=…)
	scripts/release.sh build --package ws4d-benches
	@benches/setup.sh $(TARGET)/release $(TARGET)/release/ws4d-benches
	$(TARGET)/release/ws4d-benches

bench-micro: ## the parts of a message's way by themselves: mask, UTF-8, frames, mailbox, handles
	cargo bench --package ws4d-benches

bench-instructions: release ## instructions a message, counted by callgrind: holds on a busy machine, too
	scripts/release.sh build --package ws4d-benches
	@benches/setup.sh --ours $(TARGET)/release $(TARGET)/release/ws4d-benches
	$(TARGET)/release/ws4d-benches instructions

bench-profile: release ## where the time of each case goes, sampled by perf: writes docs/profile.md
	scripts/release.sh build --package ws4d-benches
	@benches/setup.sh --ours $(TARGET)/release $(TARGET)/release/ws4d-benches
	$(TARGET)/release/ws4d-benches profile

clean: ## removes what was built
	cargo clean
	rm -rf build
