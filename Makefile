# Two commands for a newcomer: `make run` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUBS := protos/holdfast/v1

.DEFAULT_GOAL := help

SEEDS ?= 200

# The lock files name everything: nothing is left to resolve. pip would compile on one core what two and more do sooner.
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --no-deps --no-compile
COMPILE = $(BIN)/python -m compileall -q -j 0 $(VENV)/lib

.PHONY: help run test long sim chaos controls check format protos lock clean

help: ## what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import platform,sys; ok=(sys.version_info>=(3,11) and sys.platform=="linux" and platform.machine()=="x86_64"); \
	  sys.exit(None if ok else f"Holdfast needs Python 3.11 or later on Linux x86-64; this is Python {platform.python_version()} on {sys.platform} {platform.machine()}")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing what Holdfast needs into $(VENV) (once, about a minute)"
	@$(INSTALL) -r requirements.lock
	@$(INSTALL) -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "installing what the tests need"
	@$(INSTALL) -r requirements-dev.lock
	@$(COMPILE)
	@touch $@

run: $(VENV)/.run ## start everything on this machine; Ctrl-C stops it
	@exec $(BIN)/holdfast run $(ARGS)

test: $(VENV)/.dev ## the tests, or those of ARGS
	@$(BIN)/python $(if $(ARGS),-m pytest $(ARGS),tests/all.py)

chaos: $(VENV)/.dev ## real faults under load, hours; goes on where it ended; then its controls (SHORT=1: some minutes, without them)
	@$(BIN)/python -m tests.chaos $(if $(SHORT),--short) $(ARGS); campaign=$$?; \
	  $(if $(SHORT)$(ARGS),,$(BIN)/python -m pytest -m long tests/chaos || campaign=1;) exit $$campaign

sim: $(VENV)/.dev ## SEEDS simulated runs with faults (200, or SEEDS=10000); goes on where it ended
	@$(BIN)/python -m tests.simulation.sim --seeds $(SEEDS) --kept build/sim $(ARGS)

controls: $(VENV)/.dev ## break each guarantee and see which check of the simulation notices
	@$(BIN)/python -m tests.simulation.controls $(ARGS)

long: $(VENV)/.dev ## the tests that take long, an hour and a half or more: further controls, and stacks that end and begin
	@$(BIN)/python -m pytest -m long $(ARGS)

check: $(VENV)/.dev ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.dev ## put the code into its one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

protos: $(VENV)/.dev ## generate the gRPC stubs from protos/holdfast/v1/*.proto
	@$(BIN)/python -m grpc_tools.protoc -I protos --python_out=protos --pyi_out=protos --grpc_python_out=protos $(STUBS)/*.proto

lock: $(VENV)/.dev ## resolve the dependencies anew into the lock files
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --upgrade --no-emit-index-url --no-annotate --no-header -q -o requirements-dev.lock
	@$(BIN)/uv pip compile pyproject.toml --universal --no-emit-index-url --no-annotate --no-header -q -c requirements-dev.lock -o requirements.lock

clean: ## remove the virtual environment and what was built (not the data in .holdfast)
	@rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
