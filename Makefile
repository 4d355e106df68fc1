# The two commands: `make run` walks the course headlessly, `make test` tests everything.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
# A Python that is named (make PYTHON=python3.12 ...) is the environment's, also where uv is there already.
NAMED := $(filter-out file,$(origin PYTHON))
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
EVENTLAB := .venv/bin/eventlab
PYTEST := .venv/bin/python -m pytest

.PHONY: always help setup run test test-unit notebooks pictures lab bench lint format clean

help:  ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## Make the environment (.venv) and fetch Java, if there is none, and the jars
	@$(EVENTLAB) setup

run: setup  ## Walk the whole course headlessly; the report is build/run/report.html
	@$(EVENTLAB) run

test: setup  ## Run all tests on real services
	@$(PYTEST) -n auto --dist loadscope --no-loadscope-reorder

test-unit: .venv/.ready  ## Run the tests that need no services
	@$(PYTEST) -m "not services" -n 2

notebooks: setup  ## Renew the committed outputs of the notebooks
	@$(EVENTLAB) run --in-place

pictures: setup  ## Renew the README's pictures of the widgets, taken in a real browser
	@EVENTLAB_REQUIRE_BROWSER=1 $(PYTEST) tests/browser --deselect tests/browser/test_lessons.py
	@mkdir -p notebooks/pictures && cp build/screenshots/*.png notebooks/pictures/

lab: setup  ## Start the stack and open the lessons in JupyterLab
	@$(EVENTLAB) lab

bench: setup  ## Measure side by side; the table is also build/bench.json
	@.venv/bin/python -m tests.bench

lint: .venv/.ready  ## Check format, lint and types
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy

format: .venv/.ready  ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

clean:  ## Delete what was built (not the learner's data in .eventlab)
	rm -rf build .venv .uv .jars

# One stamp for the environment: made anew when what it is made from changes.
.venv/.ready: pyproject.toml uv.lock $(if $(NAMED),always) | $(UV)
	@$(UV) sync --locked --quiet $(if $(NAMED),--python $(PYTHON))
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "eventlab needs Python 3.11 or newer; $(PYTHON) is older. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .uv || \
	  { rm -rf .uv; echo "Python's venv module is incomplete (on Debian and Ubuntu it is the package python3-venv). Install it, or install uv, and try again."; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
