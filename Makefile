# Every command that a clone needs. `make run` executes the course headlessly; `make test` runs all tests.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# Set if the user chose a Python (make PYTHON=python3.12 ...). It is then used even if .venv exists.
CHOSEN_PYTHON := $(filter-out file,$(origin PYTHON))
# Installers draw their progress on a terminal. Elsewhere (logs, CI) they are quiet, and some lines say what still runs.
QUIET_WITHOUT_TERMINAL := $$(test -t 2 || echo --quiet)
SILENCE_S := 15
STILL_AT_WORK = test -t 2 || while sleep $(SILENCE_S) >/dev/null 2>&1; do echo "$(1): still at work"; done & \
  watcher=$$!; trap 'kill $$watcher 2>/dev/null || true' EXIT
EVENTLAB := .venv/bin/eventlab
PYTEST := .venv/bin/python -m pytest
# Compiled modules are kept: the tests start Python many hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: always help setup run test test-unit notebooks pictures lab bench lint format clean

help:  ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## Create the environment (.venv); fetch the jars, and Java if the machine has none
	@$(EVENTLAB) setup

run: setup  ## Execute all lessons headlessly; the report is build/run/report.html
	@$(EVENTLAB) run

test: setup  ## Run all tests on real services
	@.venv/bin/python -m tests.system_tools
	@$(PYTEST) -n auto --dist loadscope --no-loadscope-reorder

test-unit: setup  ## Run the tests that start no other program
	@$(PYTEST) -m "not services and not programs" -n 3 --dist worksteal

notebooks: setup  ## Execute the lessons and update their committed outputs
	@$(EVENTLAB) run --in-place

pictures: setup  ## Update the README's pictures of the widgets with a real browser
	@.venv/bin/python -m tests.system_tools
	@CI=1 PICTURES=1 $(PYTEST) tests/browser --deselect tests/browser/test_lessons.py --deselect tests/browser/test_mistakes.py
	@mkdir -p notebooks/pictures && cp build/screenshots/*.png notebooks/pictures/

lab: setup  ## Start the stack and open the lessons in JupyterLab
	@$(EVENTLAB) lab

bench: setup  ## Measure the kit side by side with other programs; the table is also build/bench.json
	@.venv/bin/python -m tests.bench

lint: .venv/.ready  ## Check format, style, types, dependencies and the layers of imports
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy
	@.venv/bin/deptry . && .venv/bin/lint-imports

format: .venv/.ready  ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

clean:  ## Delete what was installed and built (not the learner's data in .eventlab)
	rm -rf build .venv .uv .jars

# The environment is created again when the packages or the lock change. The stamp file is written last.
.venv/.ready: pyproject.toml uv.lock $(if $(CHOSEN_PYTHON),always) | $(UV)
	@echo "environment: installing up to $$(grep -c '^name = ' uv.lock) packages into .venv, as locked in uv.lock"
	@$(call STILL_AT_WORK,environment); $(UV) sync --locked --compile-bytecode $(QUIET_WITHOUT_TERMINAL) $(if $(CHOSEN_PYTHON),--python $(PYTHON))
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "eventlab needs Python 3.11 or newer; $(PYTHON) is older. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "uv: installing version $(UV_VERSION) into .uv"
	@$(PYTHON) -m venv .uv || \
	  { rm -rf .uv; echo "Python's venv module is incomplete (on Debian and Ubuntu it is the package python3-venv). Install it, or install uv, and try again."; exit 1; }
	@$(call STILL_AT_WORK,uv); .uv/bin/python -m pip install $(QUIET_WITHOUT_TERMINAL) --disable-pip-version-check 'uv==$(UV_VERSION)'
