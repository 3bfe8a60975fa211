# A thin face on CMake: `make help` lists what there is. build/ is the release build; build/asan, build/tsan
# and build/fuzz are what `make test` adds to it.
.DEFAULT_GOAL := build
BUILD ?= build
ARGS ?=
CMAKE_FLAGS ?=
# WEB=0 builds the server without the page, and so without Node.
WEB ?= 1
web_flag = -DWEB=$(if $(filter 0 no off OFF,$(WEB)),OFF,ON)
web_changed = $(shell grep -qs "^WEB:BOOL=$(subst -DWEB=,,$(web_flag))" $(BUILD)/CMakeCache.txt || echo yes)

.PHONY: build
build: $(BUILD)/build.ninja ## build build/profefe (release); WEB=0 leaves the page out
	@cmake --build $(BUILD) --target profefe

# Ninja runs CMake again by itself when a CMakeLists.txt or the list of sources has changed.
$(BUILD)/build.ninja: $(if $(CMAKE_FLAGS)$(web_changed),FORCE)
	@cmake -S . -B $(BUILD) -G Ninja -DTESTS=OFF $(web_flag) $(CMAKE_FLAGS) >/dev/null

.PHONY: FORCE
FORCE:

.PHONY: run
run: ## set up, build, serve on :10100 from ./profefe-data; ARGS="-addr=127.0.0.1:18080" passes flags on
	@scripts/setup run
	@$(if $(filter -DWEB=ON,$(web_flag)),scripts/setup web)
	@$(MAKE) --no-print-directory build
	@exec $(BUILD)/profefe $(ARGS)

.PHONY: test
test: ## set up, build, run every test, also under sanitizers; ARGS="-R unit/" passes flags on to ctest
	@scripts/setup test
	@scripts/test $(ARGS)

.PHONY: fuzz
fuzz: ## set up, build, fuzz each target for FUZZ_SECONDS (300), from its seeds on; ARGS="-R view" picks targets
	@scripts/setup fuzz
	@scripts/test fuzz $(ARGS)

.PHONY: demo
demo: ## set up, build, serve a demonstration: a small service in two versions, an hour of its profiles
	@scripts/setup demo
	@$(MAKE) --no-print-directory build
	@exec scripts/demo $(ARGS)

.PHONY: bench
bench: ## set up, build, measure our server for about two minutes; ARGS passes flags on to profefe-bench
	@scripts/setup bench
	@$(if $(filter -DWEB=ON,$(web_flag)),scripts/setup web)
	@$(MAKE) --no-print-directory build
	@cmake --build $(BUILD) --target profefe-bench
	@scripts/bench $(ARGS)

.PHONY: interop
interop: ## set up, build, run other people's conformance tests: tests/interop/README.md (needs the Go module proxy)
	@scripts/setup interop
	@cmake -S . -B $(BUILD)/interop -G Ninja -DTESTS=ON -DWEB=OFF $(CMAKE_FLAGS) >/dev/null
	@cmake --build $(BUILD)/interop --target http_echo
	@tests/interop/run $(BUILD)/interop

.PHONY: lint
lint: $(BUILD)/build.ninja ## check format and style of everything (scripts/setup lint installs the tools)
	@scripts/lint $(BUILD)

.PHONY: fmt
fmt: ## format the C sources
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

.PHONY: clean
clean: ## remove everything built; ./profefe-data stays
	@rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12
