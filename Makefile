# Two commands: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test check browser format docs gallery bench accuracy fuzz chaos load lock clean

help: ## Show this help.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# --no-deps: the lock is whole, and pip would look for newer packages where one is asked for with an extra.
$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Tacit needs Python 3.11 or newer, this is %s: make PYTHON=python3.12 ..." % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements-dev.lock names into $(VENV): some minutes, and nothing is printed meanwhile."
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $(STAMP)

demo: $(STAMP) ## Run the main job end to end on the embedded server.
	$(BIN)/tacit demo

test: $(STAMP) browser ## Run every test.
	$(BIN)/python -m pytest

check: $(STAMP) browser ## Format, lint, types and tests.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

browser: ## Install Chromium for the tests of the web page, where that can be done.
	@sh tools/install_browser.sh

format: $(STAMP) ## Rewrite the code in the house format.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## Write what is made from the code into docs, and build the site in the folder site.
	$(BIN)/python -m tools.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

gallery: $(STAMP) ## Fit every model to its example and draw it for the gallery; ONLY=poisson-rate.
	$(BIN)/python -m tools.docs.fitting $(ONLY)
	$(BIN)/python -m tools.docs

bench: $(STAMP) ## Measure speed; prints ratios taken side by side.
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.language
	$(BIN)/python -m benchmarks.streaming

accuracy: $(STAMP) ## Slow statistical checks; ONLY=block runs one block.
	$(BIN)/python -m benchmarks.accuracy $(if $(ONLY),--only $(ONLY))

fuzz: $(STAMP) ## Try the API by its own OpenAPI document; CASES=5000 SEED=1.
	$(BIN)/python -m tests.app.fuzzing --cases $(or $(CASES),5000) --seed $(or $(SEED),1)

chaos: $(STAMP) ## Kill every part while fits run; they must come out the same. SEED=1.
	$(BIN)/python -m benchmarks.chaos --seed $(or $(SEED),1)

load: $(STAMP) ## A thousand pollers and 200 streams beside running fits; SEED=1.
	$(BIN)/python -m benchmarks.load --seed $(or $(SEED),1)
	$(BIN)/python -m benchmarks.response

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml

lock: $(STAMP) ## Resolve the dependencies anew into the three lock files.
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra gpu --output-file requirements-gpu.lock
	$(LOCK) --group dev --output-file requirements-dev.lock

clean: ## Remove the environment and caches.
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache
