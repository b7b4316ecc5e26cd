# Everything happens in a virtual environment of its own; `make clean` takes it away.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CONFIG ?= .run/config.yaml

.DEFAULT_GOAL := help
.PHONY: help run test quick lint types unit bench amp-leaks pool-sim clients news clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(STAMP)  ## set up, then the daemon with the built-in demo upstream; prints address, key and a curl line
	@test -f $(CONFIG) || $(BIN)/cliproxy init $(CONFIG)
	$(BIN)/cliproxy run --demo --config $(CONFIG)

test: $(STAMP) lint types unit  ## set up, then every check: ruff, mypy --strict, the tests with warnings as errors

lint: $(STAMP)  ## ruff: format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy --strict
	$(BIN)/mypy

unit: $(STAMP)  ## all tests
	$(BIN)/python -m pytest --numprocesses auto

quick: $(STAMP)  ## the tests without processes, sockets and wheels
	$(BIN)/python -m pytest --numprocesses auto -m 'not real and not slow'

bench: $(STAMP)  ## measure against a bare Twisted relay in the same minute; see docs/performance.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	$(BIN)/python -m bench

amp-leaks: $(STAMP)  ## ten thousand requests to Amp's control plane, a third of them broken off: what they leave in the daemon
	$(BIN)/python -m bench.amp

pool-sim: $(STAMP)  ## two simulated days of agents on twenty accounts: caches, quotas and fairness, by strategy
	$(BIN)/python -m bench.pool_sim

clients: $(STAMP)  ## real third-party clients through the daemon, where their harness is; ARGS=amp: Amp's, ARGS=pool: two keys
	$(BIN)/python -m tests.clients $(ARGS)

news: $(STAMP)  ## how the next release notes would read
	$(BIN)/towncrier build --draft

clean:  ## remove all that the other targets made
	rm -rf $(VENV) .run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
