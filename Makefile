# `make demo` opens the app, `make check` tests what is fast, `make test` everything.

# The first that is new enough; `make demo PYTHON=...` takes another.
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(name))) python3)
VENV := .venv
BIN := $(VENV)/bin
# Tests side by side. Two processes for everything: there are servers and browsers in it, which need cores of their own.
FAST := -n auto -m "not (slow or browser or soak)"
WHOLE := -n 2 --dist loadgroup --durations 15

.PHONY: demo check test soak bench lint clean

demo: $(VENV)/demo.installed
	$(BIN)/python app.py --open

# Lint, types and unit tests, without a browser.
check: lint
	@$(BIN)/python -m tests.node test
	$(BIN)/python -m pytest $(FAST)

test: $(VENV)/test.installed
	@$(BIN)/python -m tests.browser.chromium || [ -z "$$CI" ]
	@$(BIN)/python -m tests.opengl || [ -z "$$CI" ]
	@$(BIN)/python -m tests.nginx || [ -z "$$CI" ]
	@$(BIN)/python -m tests.node test
	$(BIN)/python -m pytest $(WHOLE)

# The long half: hostile files and requests, visitors at once, kills; four to five minutes on two idle cores.
soak: $(VENV)/test.installed
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/test.installed
	$(BIN)/python -m benchmarks

# Python by ruff and mypy, JavaScript by tsc and Biome.
lint: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python -m tests.node types lint

$(VENV)/demo.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "MONet Explorer needs Python 3.11 or later, and $(PYTHON) is none: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/test.installed: requirements.txt requirements-training.txt requirements-render.txt requirements-files.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "MONet Explorer needs Python 3.11 or later, and $(PYTHON) is none: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -e .
	touch $@

clean:
	rm -rf $(VENV)
