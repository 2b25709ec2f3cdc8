# `make help` lists the targets; all of them work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help demo test slow kills fuzz check format bench fixtures docs wheel clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "make: Python 3.11 or newer is required; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/core

demo: $(VENV)/core  ## Build OK-VQA from synthetic sample data, audit it, show it
	$(BIN)/m3it build --task okvqa --sample --out $(DEMO) --format webdataset --format parquet
	$(BIN)/m3it audit $(DEMO)
	$(BIN)/m3it show $(DEMO)/okvqa --rows 3
	@$(BIN)/m3it show $(DEMO)/okvqa --rows 12 --sheet $(DEMO)/contact-sheet.png > /dev/null

test: $(VENV)/dev  ## Run the fast tests
	$(BIN)/python -m pytest -n auto -m 'not slow'

slow: $(VENV)/dev  ## Run the slow tests: kill loops, memory, installed wheels
	$(BIN)/python -m pytest -n auto -m slow --timeout 900

kills: $(VENV)/dev  ## Kill builds 90 times and cut the power 20 times (half an hour)
	M3IT_KILLS=full $(BIN)/python -m pytest -n auto -m slow --timeout 5000 \
		tests/build/test_kills.py tests/build/test_power_cut.py

fuzz: $(VENV)/dev  ## Fuzz the readers of downloaded files (an hour)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[fuzz]'
	M3IT_FUZZ_SECONDS=7200 $(BIN)/python -m pytest -n 2 -m slow --timeout 5000 tests/fuzz

check: $(VENV)/dev  ## Check lint, format, types, imports, cards and generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/m3it lint
	$(BIN)/python docs/reference.py --check
	$(BIN)/python docs/api.py --check

format: $(VENV)/dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fixtures: $(VENV)/dev  ## Regenerate the test sources and their expected.json
	for make in tests/fixtures/*/make.py; do $(BIN)/python $$make || exit 1; done
	$(BIN)/python -m pytest tests/tasks/test_contract.py --update

docs: $(VENV)/dev  ## Regenerate docs/reference.md, docs/api.md and docs/drawing/
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/api.py
	$(BIN)/python docs/gallery.py

bench: $(VENV)/dev  ## Measure speed against named peers, in one run (20 minutes)
	$(BIN)/python -m benchmarks

wheel: $(VENV)/dev  ## Build the wheel into dist/
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean:  ## Remove the output of the other targets
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache
