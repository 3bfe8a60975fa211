# A thin face on CMake: `make help` lists what there is. build/ is the release build, build/asan and
# build/tsan the same under sanitizers, build/fuzz the fuzz targets.
.DEFAULT_GOAL := build
BUILD ?= build
ARGS ?=
CMAKE_FLAGS ?=

.PHONY: build
build: ## build build/profefe (release)
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) >/dev/null && cmake --build $(BUILD)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: fmt
fmt: ## format the C sources
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i
