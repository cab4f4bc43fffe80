# All set-up is done by the targets themselves; they need Python 3.11 or newer and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDER ?= .sandbox
NAMESPACE ?= charging

# Named after what it was installed from, so that it is made anew only when that changes.
INSTALLED := $(VENV)/installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: help demo test test-unit test-contract test-sandbox test-exhaustive test-faults test-sanity gate-table bench wheel lint format docs tools lock clean

help: ## Show this.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## The main job on a local cluster: bring it up, roll out, say how it stands.
	@[ -e $(INSTALLED) ] || echo "The first time, programs that are not here yet are built: about 15 minutes."
	@$(MAKE) tools
	@$(BIN)/meshroll sandbox up --folder $(FOLDER)
	@$(BIN)/meshroll rollout -i $(FOLDER)/inventory -n $(NAMESPACE)
	@$(BIN)/meshroll status -i $(FOLDER)/inventory -n $(NAMESPACE)
	@echo
	@echo "To go on: export PATH=$(abspath $(BIN)):\$$PATH"
	@echo "To take it all down: $(BIN)/meshroll sandbox down --folder $(FOLDER)"

test: test-unit test-contract test-sandbox ## All tests; sandbox tests bring up clusters of their own.

test-unit: $(INSTALLED) ## The pure parts, in seconds.
	@$(BIN)/pytest -q -n 2 tests/unit

test-contract: $(INSTALLED) ## What users and parts rely on: layers, options, documents, schemas.
	@$(BIN)/pytest -q tests/contract

test-sandbox: $(INSTALLED) tools ## Everything against real API servers, two at a time.
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/sandbox tests/faults

test-exhaustive: $(INSTALLED) tools ## Every fault of the sandbox and of an install; slow, so not part of make test.
	@$(BIN)/pytest -q -n 2 --dist loadfile -m exhaustive tests/sandbox tests/wheel

# Most of a fault is waiting, so four at a time keep two processors busy. Those that change Linkerd itself have sandboxes
# of their own, so they come by themselves.
OWN_SANDBOX := tests/faults/test_killed_upgrade.py tests/faults/test_killed_uninstall.py
test-faults: $(INSTALLED) tools ## Every fault on the way to the API server, with the tables of figures; about two hours.
	@$(BIN)/pytest -q -n 4 --dist worksteal -m "" tests/faults $(addprefix --ignore=,$(OWN_SANDBOX))
	@$(BIN)/pytest -q -n 4 --dist worksteal -m "" $(OWN_SANDBOX)

test-sanity: $(INSTALLED) ## ansible-test sanity on the collection as a wheel carries it.
	@$(BIN)/pytest -q -m exhaustive tests/wheel/test_sanity.py

wheel: $(INSTALLED) ## Build the wheel into dist/.
	@$(BIN)/hatchling build -t wheel

lint: $(INSTALLED) ## ruff, mypy --strict, ansible-lint, yamllint, hadolint, import layers.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/yamllint --strict .
	@if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile; else echo "Dockerfile: not looked at, hadolint has no binary here"; fi
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/ansible-lint --offline --strict

format: $(INSTALLED) ## Format, and mend what can be mended.
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

gate-table: $(INSTALLED) ## How often the gate is right and what a look costs; forty minutes of two processors.
	@$(BIN)/python benchmarks/gate_accuracy.py
	@$(BIN)/python benchmarks/gate_speed.py

bench: $(INSTALLED) tools ## What runs cost beyond what Kubernetes needs, into docs/explanation/performance.md; ninety minutes alone.
	@$(BIN)/python benchmarks/bench.py $(PARTS)

docs: $(INSTALLED) ## Write the pages anew that are made from help and data, and build the site into build/site.
	@PYTHONPATH=tests $(BIN)/python -m contract.command_page > docs/reference/commands.md
	@PYTHONPATH=tests $(BIN)/python -m contract.breaking_changes_page > docs/reference/breaking-changes.md
	@PYTHONPATH=tests $(BIN)/python -m contract.checks_page > docs/reference/checks.md
	@PYTHONPATH=tests $(BIN)/python -m contract.rbac_page > docs/reference/rbac.md
	@PYTHONPATH=tests $(BIN)/python -m contract.errors_page > docs/reference/errors.md
	@PYTHONPATH=tests $(BIN)/python -m contract.inventory_schema > docs/reference/inventory.schema.json
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

tools: $(INSTALLED) ## Find or build the sandbox's programs (etcd, kube-apiserver, ... Helm, Prometheus).
	@$(BIN)/python -m meshroll_sandbox.tools

lock: $(INSTALLED) ## Pin the newest versions that pyproject.toml allows.
	@$(BIN)/pip-compile --quiet --upgrade --extra dev --generate-hashes --strip-extras --allow-unsafe \
		--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.lock pyproject.toml

clean: ## Take the sandbox down; remove the environment and what tools left.
	@if [ -x $(BIN)/meshroll ]; then $(BIN)/meshroll sandbox down --folder $(FOLDER); fi
	@rm -rf $(VENV) build dist .ansible .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# Nothing is downloaded that requirements.lock does not name with its hash, the build backend included.
$(INSTALLED):
	@echo "Setting up $(VENV) (about two minutes the first time)."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "meshroll needs Python 3.11 or newer: make PYTHON=...")'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@rm -f $(VENV)/installed-*
	@touch $@
