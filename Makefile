# `make help` lists the targets. Windows: any make with sh (Git Bash, MSYS2); README.md gives the way without make.
PYTHON ?= python3
VENV ?= .venv
SUITE ?= quick
SEEDS ?=
JOBS ?=
DEVICE ?= cpu
ARGS ?=
PIP_ARGS ?=
PARTS ?=
VARIANT ?= merge_sum
FIG ?=

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install bench report figures test test-all test-nightly test-contract test-cluster check lint data reference docs memo perf clean

# the root must not be on the path: a bare `datasets` is never ours
export PYTHONSAFEPATH = 1
# a local mirror of the public data, where one stands beside the checkout
ifeq ($(origin FUSEBENCH_DATA),undefined)
ifneq ($(wildcard ../shared/data/SOURCES.md),)
export FUSEBENCH_DATA = ../shared/data
endif
endif

BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := "$(BIN)/python" -m fusebench
STAMP := $(VENV)/.installed
JOBS_ARG := $(if $(JOBS),--jobs $(JOBS))

help:  ## list the targets
	@echo "make TARGET [SUITE=quick] [JOBS=2] [DEVICE=cpu] [ARGS='--variants merge_sum'] [PIP_ARGS=...]"
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */  \1|/' | awk -F'|' '{printf "%-13s %s\n", $$1, $$2}'

install: $(STAMP)  ## create .venv and install

$(STAMP): pyproject.toml constraints.txt
	@"$(PYTHON)" .ci/bootstrap.py "$(VENV)" $(PIP_ARGS)
	@touch "$(STAMP)"

bench: $(STAMP)  ## run SUITE, write results/SUITE and reports/SUITE
	@$(RUN) run "$(SUITE)" --device $(DEVICE) $(JOBS_ARG) $(ARGS)

report: $(STAMP)  ## redraw tables, figures and page of SUITE from its records
	@$(RUN) report "$(SUITE)" $(ARGS)

figures: $(STAMP)  ## redraw the figures of SUITE, or FIG alone
	@$(RUN) figures "$(SUITE)" $(FIG) $(ARGS)

test: $(STAMP)  ## the tests that take minutes, not more
	@"$(BIN)/python" -m pytest -q -n auto -m "not slow and not nightly" $(ARGS)

test-all: $(STAMP)  ## the slow tests too: what CI runs
	@"$(BIN)/python" -m pytest -q -n auto -m "not nightly" $(ARGS)

test-nightly: $(STAMP)  ## larger simulations, figures of 24 and 90 variants in every style
	@"$(BIN)/python" -m pytest -q -n auto -m nightly $(ARGS)

test-contract: $(STAMP)  ## the whole contract of every variant and training wrapper
	@"$(BIN)/python" -m pytest -q -n auto tests/test_contract.py tests/test_wrappers.py $(ARGS)

test-cluster: $(STAMP)  ## add Ray, the extra of `run --cluster`, and run nodes of it on this machine
	@"$(BIN)/python" -m pip install -q -c constraints.txt $(PIP_ARGS) ray
	@"$(BIN)/python" -m pytest -q tests/harness/test_cluster_nodes.py $(ARGS)

check: $(STAMP)  ## the contract on one entry: VARIANT=my_merge
	@$(RUN) check "$(VARIANT)" $(ARGS)

lint: $(STAMP)  ## ruff and pyright
	@"$(BIN)/python" -m ruff check . && "$(BIN)/python" -m ruff format --check . && "$(BIN)/python" -m pyright

data: $(STAMP)  ## fetch the public data sets into the cache
	@$(RUN) data fetch $(ARGS)

reference: $(STAMP)  ## make the committed reference run of SUITE afresh (SEEDS=0: of one seed)
	@"$(BIN)/python" -m fusebench.reference "$(SUITE)" $(if $(SEEDS),--seeds $(SEEDS)) $(JOBS_ARG)
	@$(RUN) memo

docs: $(STAMP)  ## write docs/variants.md from the register
	@"$(BIN)/python" -m fusebench.catalogue

memo: $(STAMP)  ## write docs/memo.md and its Japanese twin from the reference run
	@$(RUN) memo $(ARGS)

perf: $(STAMP)  ## measure speed side by side (PARTS="cell suite": some of it), write results/perf
	@"$(BIN)/python" -m fusebench.perf $(PARTS) $(ARGS)

clean:  ## remove what SUITE wrote (results/SUITE, reports/SUITE), after showing it
	@for folder in "results/$(SUITE)" "reports/$(SUITE)"; do \
	  case "$(SUITE)" in *[!A-Za-z0-9_-]*|""|reference|perf|figures|page) echo "SUITE=$(SUITE) is not a run"; exit 2;; esac; \
	  if [ -d "$$folder" ]; then echo "removing $$folder ($$(find "$$folder" -type f | wc -l) files)"; rm -r "$$folder"; fi; \
	done
