# Everything that a newcomer types. `make test` in a fresh clone sets itself up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test cover chaos bench lint format lock docs picture sbom release

help: ## Say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup: $(READY) ## Make .venv with all that is needed, of the versions in requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qontract needs Python 3.11 or later: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Reconcile a small organisation end to end on this machine, and show its events
	$(BIN)/qontract demo

dev: $(READY) ## Run everything on this machine until Ctrl-C
	$(BIN)/qontract dev

test: export PYTHONDONTWRITEBYTECODE :=  # each process that tests start would compile all of src anew
test: $(READY) ## Run the tests
	$(BIN)/pytest -q -n 6 --dist loadfile --no-loadscope-reorder --reruns 1 -r R

cover: $(READY) ## Run the unit tests of domain and application, and fail if they leave a line or a branch of these out
	$(BIN)/coverage run -m pytest -q tests/unit/domain tests/unit/application tests/unit/adapters/memory tests/unit/test_contracts.py
	$(BIN)/coverage report

chaos: $(READY) ## Kill, cut off, fail over and feed hostile values to all processes, for long, and count what is lost
	$(BIN)/python -m tests.chaos

bench: $(READY) ## Measure against the peers, for some minutes, and fail below a bar
	$(BIN)/python -m benchmarks

lint: $(READY) ## Check format, rules, types and the layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format, and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(READY) ## Write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group docs --universal --generate-hashes --upgrade \
		--custom-compile-command "make lock" --quiet --output-file requirements.lock

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(READY) ## Build the site of the documentation into site/, and fail if a link leads nowhere
	$(BIN)/mkdocs build --strict --quiet

picture: $(READY) ## Run the demo, and draw what it shows: docs/demo.svg
	$(BIN)/python -m tools.demo_picture

sbom: $(READY) ## Write qontract.cdx.json: what a deployment has, as a CycloneDX document
	$(BIN)/python -m tools.sbom > qontract.cdx.json

release: $(READY) ## Cut the changelog, tag, build and try the packages: make release VERSION=1.2.3. Publishes nothing
	$(BIN)/python -m tools.release $(VERSION)
