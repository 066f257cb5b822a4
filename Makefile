# Every target does its own set-up, from nothing, on Debian 12 or Ubuntu; elsewhere it says what to install.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo tour test check bench texts package dev clean

ENGINE := .venv/engine/bin
QGIS := .venv/qgis/bin
# The Python that tests and the demo start the engine with, instead of an installed one.
export RSREFSEG_ENGINE_PYTHON := $(CURDIR)/$(ENGINE)/python

help: ## say what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: ## the main job in the real QGIS desktop; DEMO_RASTER=… DEMO_PHRASE=… for any raster
	@tools/setup.sh engine system
	@$(ENGINE)/python resources/demo/run.py

tour: ## a picture of every state in the real QGIS desktop, light, dark, 200 % and German: build/tour
	@tools/setup.sh engine system
	@$(ENGINE)/python tests/e2e/desktop/run_tour.py

test: ## all tests, both Pythons
	@tools/setup.sh engine qgis
	@$(ENGINE)/python tools/run_tests.py

check: ## ruff, ruff format, mypy and the architecture tests
	@tools/setup.sh engine
	$(ENGINE)/ruff check .
	$(ENGINE)/ruff format --check .
	cd backend && ../$(ENGINE)/mypy
	$(ENGINE)/mypy
	$(ENGINE)/pytest -q tests/architecture
	@echo "make check: all clean"

bench: ## all benchmarks, or one: PART=name; tables and build/bench/NAME.json
	@tools/setup.sh engine
	@$(ENGINE)/python tools/run_benchmarks.py $(PART)

texts: ## refresh the translations from the source and compile them
	@tools/setup.sh engine texts
	@$(ENGINE)/python tools/texts.py

package: ## the plugin's zip, engine and weights inside: build/rsrefseg_qgis-VERSION.zip
	@tools/setup.sh engine
	@$(ENGINE)/python tools/package.py

dev: ## the environments for working on it
	@tools/setup.sh engine qgis

clean: ## remove what make made
	rm -rf build .venv .pytest_cache .mypy_cache .ruff_cache .qgis-settings backend/.mypy_cache backend/build
	find . -name __pycache__ -prune -exec rm -rf {} +
