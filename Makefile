# Everything there is to do in this repository, by name: `make help` lists it.
#
# `make demo` and `make test` need Python 3.11 or 3.12 and a package index, nothing else. The environment in .venv is
# made anew when a lock file, the Python or the folder changes, and left alone otherwise.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Compiled modules are kept: some containers forbid it, and then each of the many processes compiles all it imports.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-dev.lock
LOCK_TOOLS := .venv-lock
PIP_TOOLS := pip-tools==7.6.2
# Test processes; each has a database server of its own. Twice the cores of a small machine, as tests wait half of
# the time. 0: all in one, for a debugger.
WORKERS := 4
# Where the machine has plenty of memory, tests' files and databases lie in it: none need outlive them.
SCRATCH = $(shell least=8000000; [ -w /dev/shm ] && [ "$$(df -Pk /dev/shm | awk 'END {print $$4}')" -gt $$least ] \
	&& [ "$$(awk '/^MemAvailable/ {print $$2}' /proc/meminfo)" -gt $$least ] \
	&& ! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm || echo "$${TMPDIR:-/tmp}")
BENCHMARKS := benchmarks/correlate.py benchmarks/correlate_steps.py benchmarks/intake.py benchmarks/enrich.py \
	benchmarks/outbox.py benchmarks/mix.py benchmarks/gateway.py benchmarks/gateway_events.py benchmarks/end_to_link.py

# The first Python that fits; `make PYTHON=/path/to/python3.11 demo` names another.
IS_FIT := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3 python3.11 python3.12; do \
	if "$$python" -c '$(IS_FIT)' 2>/dev/null; then command -v "$$python"; break; fi; done)
NO_PYTHON = Python 3.11 or 3.12 is needed, and `$(or $(PYTHON),python3)` is $(or \
	$(shell "$(or $(PYTHON),python3)" --version 2>/dev/null),not there): \
	install one, or name it: make PYTHON=/path/to/python3.11 $(or $(MAKECMDGOALS),demo)
FIT_PYTHON = $(if $(shell [ -n "$(PYTHON)" ] && "$(PYTHON)" -c '$(IS_FIT)' 2>/dev/null && echo fit),$(PYTHON),$(error $(NO_PYTHON)))

# Stamps bear a checksum of what they depend on, so that an older commit or another Python is noticed too.
checksum = $(firstword $(shell { $(1); } 2>/dev/null | cksum))
ENVIRONMENT := $(call checksum,cat $(LOCKS); echo '$(CURDIR)'; "$(PYTHON)" --version || :)
MADE := $(VENV)/.made-$(ENVIRONMENT)
RUNTIME := $(VENV)/.runtime-$(ENVIRONMENT)
DEVELOPMENT := $(VENV)/.development-$(ENVIRONMENT)
PROJECT := $(VENV)/.project-$(ENVIRONMENT)-$(call checksum,cat pyproject.toml)
# What is never imported need not be compiled.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --only-binary :all: --require-hashes

.PHONY: help
help: ## what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

.PHONY: demo
demo: $(PROJECT) ## an hour of a contact centre: legs, messages, recordings, links; exit code 0 only if all are right
	@$(BIN)/cx-pipeline demo

.PHONY: up
up: $(PROJECT) ## database, gateway, web UI and daemon; Ctrl-C ends all
	@$(BIN)/cx-pipeline up

# What tests and checks need: the gate installs it while it waits for other programs.
.PHONY: environment
environment: $(PROJECT) $(DEVELOPMENT)

.PHONY: test
test: $(PROJECT) $(DEVELOPMENT) ## all tests, four at a time; PYTEST_ARGS='-k window' chooses some
	@TMPDIR="$(SCRATCH)" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# How long the loops are; `make test` runs a few rounds of each.
stress: export CX_STRESS_KILLS ?= 50
stress: export CX_STRESS_SEEDS ?= 20
stress: export CX_STRESS_CALLS ?= 8000
stress: export CX_STRESS_WINDOWS ?= 8
stress: export CX_STRESS_MESSAGES ?= 20000
stress: export CX_STRESS_MUTATIONS ?= 50000
stress: export CX_STRESS_FLIPS ?= 4000
stress: export CX_STRESS_RANGES ?= 20000
stress: export CX_STRESS_MIX_KILLS ?= 50
stress: export CX_STRESS_AUDIO_HOURS ?= 4
stress: export CX_STRESS_PLANS ?= 1000
stress: export CX_STRESS_EXAMPLES ?= 400
stress: export CX_TEST_EXPLORE ?= 10
stress: export CX_STRESS_REQUESTS ?= 2000
stress: export CX_STRESS_OUTAGE_S ?= 60
stress: export CX_STRESS_LISTENING ?= 1500
stress: export CX_STRESS_CONSUL_PACE ?= 1
.PHONY: stress
stress: $(PROJECT) $(DEVELOPMENT) ## the same tests in long loops: kills at random moments, whole days
	@$(BIN)/python -m pytest -m stress $(PYTEST_ARGS)

.PHONY: check check-format check-lint check-types check-imports
check: check-format check-lint check-types check-imports ## format, lint, strict types, import rules
check-format: $(DEVELOPMENT)
	@$(BIN)/ruff format --check .
check-lint: $(DEVELOPMENT)
	@$(BIN)/ruff check .
check-types: $(PROJECT) $(DEVELOPMENT)
	@$(BIN)/mypy
check-imports: $(PROJECT) $(DEVELOPMENT)
	@$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(PROJECT) $(DEVELOPMENT) ## every benchmark; each prints its figures
	@for benchmark in $(BENCHMARKS); do echo "== $$benchmark"; $(BIN)/python "$$benchmark"; done

# The lock files name packages, versions and the hashes of all their files, never where they come from: find-links
# and extra indexes of this machine stay out, lest a hash be missing that another machine needs. Extras stay in: pip 23 checks `gql[requests]` as a package of its own.
COMPILE = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND='make lock' $(LOCK_TOOLS)/bin/pip-compile --quiet --no-config --generate-hashes \
	--no-strip-extras --no-emit-options --newline lf --build-deps-for wheel --build-deps-for editable $(LOCK_ARGS)

.PHONY: lock
lock: ## write the lock files from pyproject.toml; LOCK_ARGS=--upgrade takes newer releases
	@[ -x $(LOCK_TOOLS)/bin/pip-compile ] || { $(FIT_PYTHON) -m venv --clear $(LOCK_TOOLS) \
		&& $(LOCK_TOOLS)/bin/python -m pip install --quiet '$(PIP_TOOLS)'; }
	@echo "Resolving; the hashes of a new release take a while."
	@$(COMPILE) --output-file requirements.lock pyproject.toml
	@sed 's/\[[^]]*\]==/==/' requirements.lock > $(LOCK_TOOLS)/requirements.lock # a constraint must not name extras
	@$(COMPILE) --output-file requirements-dev.lock --extra dev --constraint $(LOCK_TOOLS)/requirements.lock pyproject.toml

.PHONY: clean
clean: ## remove the environment, caches and builds; data below CX_HOME stay
	@rm -rf $(VENV) $(LOCK_TOOLS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find cx_pipeline cx_pipeline_tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@rm -rf $(VENV)
	@$(FIT_PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment: install its venv" \
		"module (on Debian: apt-get install python3-venv)" >&2; rm -rf $(VENV); exit 1; }
	@touch $@

$(RUNTIME): | $(MADE)
	@echo "Installing the locked packages into $(VENV) (once, a minute or two)"
	@$(INSTALL) --requirement requirements.lock
	@touch $@

$(DEVELOPMENT): | $(RUNTIME)
	@echo "Installing the locked development packages into $(VENV)"
	@$(INSTALL) --requirement requirements-dev.lock
	@touch $@

$(PROJECT): | $(RUNTIME)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
