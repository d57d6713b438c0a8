# Breakwater. Needs only Python >= 3.11 and make; `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Packages only; --require-hashes makes a changed download an error. uv installs in seconds what takes pip a minute;
# where uv cannot reach the index that pip is configured for, pip does it.
INSTALL = sh .ci/install $(BIN)
# Words after `--` style targets: make test ARGS="-k breaker -x".
ARGS ?=
# On two cores a second test worker halves the time; a third takes it from the other two.
TEST_WORKERS ?= 2
APPS := alerting console contracts controlplane embeddings evaluation events gateway guardrails insights rag reports routing tenants workflows

export UV_SYSTEM_CERTS := 1
# Empty is unset: tests start the product dozens of times, and each start would compile all of its modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@sh .ci/python -m venv $(VENV)

$(VENV)/.installed: requirements.lock requirements-uv.lock | $(BIN)/python
	@$(INSTALL) requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(INSTALL) requirements-dev.lock
	@touch $@

.PHONY: install
install: $(VENV)/.installed-dev ## Create .venv with everything for development

.PHONY: run
run: $(VENV)/.installed ## Start everything on http://localhost:8080 (HOST, PORT, VAR_DIR, WORKERS ...; reads .env)
	@set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec $(BIN)/python manage.py up $(ARGS)

.PHONY: test
test: $(VENV)/.installed-dev ## Run the tests (ARGS="-k breaker -x", TEST_WORKERS=0)
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.installed-dev ## Run the tests and report the branches they reach
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadscope --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-dev ## Check style and layout (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: imports
imports: $(VENV)/.installed-dev ## Check the import contracts (import-linter)
	@$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/.installed-dev ## Check the types (mypy --strict)
	@$(BIN)/mypy --num-workers 2 $(APPS) tests manage.py

.PHONY: format
format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: screenshots
screenshots: $(VENV)/.installed-dev ## Photograph all pages of an installation with the demo into var/screenshots (ARGS="page …")
	@$(BIN)/python -m deploy.screenshots $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed-dev ## Measure the gateway against direct calls (ARGS goes to bench.run)
	@$(BIN)/python -m bench.run $(ARGS)

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate
.PHONY: lock
lock: $(VENV)/.installed ## Resolve the newest allowed versions into the lock files
	@$(LOCK) --upgrade pyproject.toml -o requirements.lock
	@$(LOCK) --upgrade pyproject.toml --group dev --group deep -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --upgrade --group bootstrap -o requirements-uv.lock
	@if grep -nE '[a-z]+://' requirements*.lock; then echo "A lock file names an address."; exit 1; fi

.PHONY: clean
clean: ## Remove the environment and caches; data in ./var stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
