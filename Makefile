# Two commands for a newcomer:   make demo   and   make test
# Both work in their own virtual environment (.venv) with the pinned dependencies.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test test-export lint bench golden clean

demo: $(VENV)/.rescu
	$(BIN)/rescu compare relu smelu swish --seeds 5

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

# The same with the frameworks that the exported code is for; a checker that cannot run fails.
test-export: $(VENV)/.test $(VENV)/.export-check
	RESCU_EXPORT_CHECK=required $(BIN)/python -m pytest -n 2 tests/export tests/conformance

golden: $(VENV)/.test
	$(BIN)/python -m pytest tests/golden --update-golden

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rescu needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.rescu: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

# One rule for the tool sets: .venv/.test installs the extra "test", and so on.
$(VENV)/.%: pyproject.toml constraints.txt $(VENV)/.rescu
	$(PIP) install -q -c constraints.txt -e '.[$*]'
	@touch $@
