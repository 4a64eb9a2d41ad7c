# `make demo` opens the app, `make check` runs lint and the fast tests, `make test` runs all but the long tests.

# The first Python that is new enough; `make demo PYTHON=...` selects another.
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(name))) python3)
VENV := .venv
BIN := $(VENV)/bin
# Tests run in parallel, those of one file in one process, because they share servers and browsers. The whole suite uses
# only two processes, because servers and browsers need cores too.
FAST := -n auto --dist loadfile -m "not (slow or browser or soak)" --ignore tests/browser --ignore tests/soak
WHOLE := -n 2 --dist loadfile --durations 15

.PHONY: demo check unit test soak bench lint clean

demo: $(VENV)/demo.installed
	$(BIN)/python app.py --open

# Lint, types and unit tests side by side, without a browser.
check: $(VENV)/test.installed
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint unit

unit: $(VENV)/test.installed
	@$(BIN)/python -m tests.node test
	$(BIN)/python -m pytest $(FAST)

test: $(VENV)/test.installed
	@$(BIN)/python -m tests.browser.chromium || [ -z "$$CI" ]
	@$(BIN)/python -m tests.opengl || [ -z "$$CI" ]
	@$(BIN)/python -m tests.nginx || [ -z "$$CI" ]
	@$(BIN)/python -m tests.node test
	$(BIN)/python -m pytest $(WHOLE)

# The long tests: hostile files and requests, many visitors, killed runs; four to five minutes on two idle cores.
soak: $(VENV)/test.installed
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/test.installed
	$(BIN)/python -m benchmarks

# ruff and mypy for Python, tsc and Biome for JavaScript.
lint: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python -m tests.node types lint

$(VENV)/demo.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "MONet Explorer requires Python 3.11 or later, and $(PYTHON) is older or missing: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/test.installed: requirements.txt requirements-training.txt requirements-render.txt requirements-files.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "MONet Explorer requires Python 3.11 or later, and $(PYTHON) is older or missing: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -e .
	touch $@

clean:
	rm -rf $(VENV)
