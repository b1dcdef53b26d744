# The commands of the MiniTwit back office. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
VAR_DIR ?= var
# Several processes, each with whole files, and the longest of them first.
TOGETHER := -n auto --dist loadfile --no-loadscope-reorder

# Whatever the surroundings say: each of the tests' processes would compile the whole product again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-stories test-slow lint format bench bench-desk screenshots clean-demo

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/installed ## Run everything with a sample old database (PORT, DEMO_PASSWORD, DATABASE_URL, LEGACY_DATABASE_URL)
	@unset DEBUG; exec $(BIN)/python manage.py demo

test: $(VENV)/installed-dev ## Run the tests, all but the stories and the slow ones
	@$(BIN)/python -m pytest -rs -m "not slow and not story" $(TOGETHER)

test-stories: $(VENV)/installed-dev ## Run the tests that start programs or other servers, or go through every page
	@$(BIN)/python -m pytest -rs -m "story and not slow" $(TOGETHER)

test-slow: $(VENV)/installed-dev ## Run the tests that take minutes, and the properties with many more examples
	@$(BIN)/python -m pytest -rs -m slow
	@HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -rs $(TOGETHER) \
		tests/legacy_import/test_parity.py tests/legacy_import/test_renamed.py tests/legacy_import/test_merging.py \
		tests/legacy_import/test_dates.py tests/MiniTwit/test_hashers.py \
		tests/MiniTwit/test_skeletons.py

lint: $(VENV)/installed-dev ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/installed-dev ## Bring the code into ruff's form
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(VENV)/installed-dev ## Measure the import on millions of rows
	@$(BIN)/python -m benchmarks.run

bench-desk: $(VENV)/installed-dev ## Measure the moderation desk on three million messages
	@$(BIN)/python -m benchmarks.desk

screenshots: $(VENV)/installed-dev ## Take the pictures of README and guides from a demo of its own
	@$(BIN)/python docs/screenshots.py

clean-demo: ## Remove the demo's database, sample, uploads and logs
	rm -rf $(VAR_DIR)

# One stamp per requirements file: nothing is installed again until the file changes.
$(VENV)/installed: requirements.txt | $(BIN)/python
	@echo "Installing what the back office needs into $(VENV) ..." >&2
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing what its tests need into $(VENV) ..." >&2
	@$(PIP) install -r requirements-dev.txt
	@touch $@ $(VENV)/installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it: make PYTHON=python3.11")'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
