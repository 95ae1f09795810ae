# The two commands: `make study` and `make test`. Both install what they need into .venv.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

# `make bench` runs the benchmarks, an hour or so, and writes benchmarks/README.md and docs/scaling.md.
.PHONY: study test bench install install-test format clean

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
	$(BIN)/snakemake --lint
	$(BIN)/python -m ptychobasis.study.key_reference --check
	$(BIN)/pytest

bench: install
	$(BIN)/python -m benchmarks

install: .venv/installed
install-test: .venv/installed-test

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/it")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/torch: .venv/python pyproject.toml
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet "$$(grep -o 'torch==[0-9.]*' pyproject.toml | head -n 1)"
	touch $@

.venv/installed: .venv/torch
	$(BIN)/pip install --quiet --editable '.[slurm]'
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --editable '.[slurm,test]'
	touch $@

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

clean:
	rm -rf .venv .snakemake results/demo results/test
