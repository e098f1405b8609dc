# Every command of this repository. `make setup` needs Python 3.11 or later and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up down lint test test-full bench lock

BIN := .venv/bin
CACHE := $(CURDIR)/.venv/.cache
STATE := .hybridml

# Nothing is written outside the environments and the state folder: no bytecode in the tree, no cache in the home folder.
export PYTHONDONTWRITEBYTECODE := 1
export UV_CACHE_DIR ?= $(CACHE)/uv
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PYTHON_DOWNLOADS := never
# pip asks `rustc` for its version, and rustup answers by making a folder in the home folder.
export RUSTUP_HOME := $(CACHE)/rustup
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

# uv compiles bytecode as it installs, inside the environment; the variable above would forbid it.
INSTALL := env -u PYTHONDONTWRITEBYTECODE $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode
HYBRIDML := $(BIN)/hybridml

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: .venv/.installed components/.venv/.installed ## The two environments: .venv (everything) and components/.venv (the plugin's own)

up: setup ## Train the example models and serve them on this machine; ends with a URL and a curl line
	$(BIN)/python examples/train.py
	$(HYBRIDML) up -s local --yes

down: .venv/.installed ## Stop everything that `make up` started and remove what it left in the tree
	$(HYBRIDML) destroy -s local --yes
	@find components policies infra examples -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

lint: .venv/.dev ## Format, lint, strict types, who may import whom, dependencies, documents, locks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry components/hybridml policies/hybridml_policies
	$(BIN)/pytest -q tests/house/test_documents.py tests/house/test_locks.py tests/house/test_packaging.py

test: lint components/.venv/.installed ## Lint, then what CI runs; ends with what was skipped and why
	$(BIN)/pytest -n 2 -m "not slow"

test-full: lint components/.venv/.installed ## Lint, then every test, the slow ones included
	$(BIN)/pytest -n 2

bench: .venv/.dev ## Speed and memory beside their baselines, measured in the same run
	$(BIN)/python -m benchmarks

# --- environments -----------------------------------------------------------------------------------------------------

FIND_PYTHON = for python in "$${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do \
	if [ -n "$$python" ] && "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$python"; exit; fi; done; \
	echo "hybridml needs Python 3.11 or later with its venv module; found none. Install one, or say where it is: make setup PYTHON=/path/to/python3.11" >&2; exit 1

%/.python:
	@python=$$($(FIND_PYTHON)); "$$python" -m venv $*
	@touch $@

.venv/.build: requirements-build.lock | .venv/.python
	@echo "installing the installer"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-build.lock
	@touch $@

.venv/.installed: requirements-all.lock pyproject.toml .venv/.build
	@echo "installing what hybridml needs (.venv)"
	@$(INSTALL) --python $(BIN)/python -r requirements-all.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.installed
	@echo "installing the tools of development (.venv)"
	@$(INSTALL) --python $(BIN)/python -r requirements-dev.lock
	@touch $@

components/.venv/.installed: components/requirements.lock .venv/.build | components/.venv/.python
	@echo "installing the plugin's own environment (components/.venv)"
	@$(INSTALL) --python components/.venv/bin/python -r components/requirements.lock
	@touch $@

.PRECIOUS: %/.python

# --- locks ------------------------------------------------------------------------------------------------------------

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"

lock: .venv/.build ## Resolve every dependency again and write the locks
	$(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.lock $(LOCK_FLAGS)
	$(COMPILE) --group build -c requirements-dev.lock -o requirements-build.lock
	$(COMPILE) pyproject.toml --all-extras -c requirements-dev.lock -o requirements-all.lock
	$(COMPILE) pyproject.toml --extra local -c requirements-dev.lock -o requirements-local.lock
	$(COMPILE) pyproject.toml -c requirements-dev.lock -o requirements.lock
	$(COMPILE) pyproject.toml -c requirements-dev.lock -o components/requirements.lock
	$(COMPILE) policies/requirements.in -o policies/requirements.lock
