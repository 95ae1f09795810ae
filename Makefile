# The two commands: `make study` and `make test`. Both install what they need into .venv, in the
# exact versions of requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
INSTALL := $(BIN)/pip install --quiet --constraint requirements.lock

# `make bench` runs the benchmarks, two hours or so, and writes benchmarks/README.md and docs/scaling.md.
.PHONY: study test test-fast bench install install-test lock format clean

study: install
	$(BIN)/snakemake --cores $(CORES)
	$(BIN)/snakemake --report results/demo/report.html
	@echo
	@echo "Figures: results/demo/figures"
	@echo "Tables:  results/demo/tables"
	@echo "Report:  results/demo/report.html"

test: install-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/snakemake --lint
	$(BIN)/python -m ptychobasis.study.key_reference --check
	$(BIN)/pytest

test-fast: install-test
	$(BIN)/pytest -m "not slow and not slurm and not browser"

bench: install
	$(BIN)/python -m benchmarks

install: .venv/installed
install-test: .venv/installed-test

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/it")'
	$(PYTHON) -m venv .venv
	touch $@

# torch alone first: by its pin pip finds a build for the CPU where the machine has one
.venv/torch: .venv/python requirements.lock
	$(BIN)/pip install --quiet --upgrade pip
	$(INSTALL) torch
	touch $@

.venv/installed: .venv/torch pyproject.toml
	$(INSTALL) --editable '.[slurm]'
	touch $@

.venv/installed-test: .venv/installed
	$(INSTALL) --editable '.[slurm,test]'
	touch $@

# Newest versions of everything but torch and what it needs, found in a fresh environment. Then run
# `make test`, and bring envs/study.yaml up to date, which a test compares.
lock:
	rm -rf .lock
	$(PYTHON) -m venv .lock
	.lock/bin/pip install --quiet --upgrade pip
	.lock/bin/pip install --quiet "$$(grep '^torch==' requirements.lock)"
	.lock/bin/pip install --quiet '.[slurm,test]'
	printf '%s\n' '# Exact versions of what `make` installs, written by `make lock`.' > requirements.lock
	.lock/bin/pip freeze --exclude ptychobasis | sed 's/+cpu$$//' >> requirements.lock
	rm -rf .lock

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

clean:
	rm -rf .venv .snakemake results/demo results/test
