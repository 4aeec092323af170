# Everything a developer does, by name. `make demo` and `make test` set up all they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := .cache/node
BUF := $(NODE)/node_modules/.bin/buf
BIOME := $(NODE)/node_modules/.bin/biome

.PHONY: help setup demo test pytest lint types proto proto-check bench format system-packages clean

help:  ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.installed  ## A virtual environment with everything in it

# Debian keeps venv in a package of its own.
APT_INSTALL := $$(test "$$(id -u)" = 0 || echo sudo) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$$@" >/dev/null' --
MAKE_VENV = test -x $(1)/bin/pip || $(PYTHON) -m venv $(1) || { $(APT_INSTALL) python3-venv && $(PYTHON) -m venv --clear $(1); }

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Argus needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV): a few minutes the first time"
	@$(call MAKE_VENV,$(VENV))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## Server, simulated fleet, this machine and the dashboard, live
	$(BIN)/argus demo

test: setup lint types proto-check system-packages pytest  ## Everything CI checks

pytest: setup
	$(BIN)/pytest

lint: setup $(BUF) $(BIOME)  ## Style of Python, browser code and contract, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BUF) lint
	$(BUF) format --diff --exit-code proto
	$(BIOME) check --colors=off

format: setup $(BUF) $(BIOME)  ## Mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BUF) format -w proto
	$(BIOME) check --write

types: setup  ## mypy on everything, pyright on the client
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python argus_client

proto: $(VENV)-proto/.installed  ## Regenerate the stubs from the contract
	PATH="$(CURDIR)/$(VENV)-proto/bin:$$PATH" $(VENV)-proto/bin/python proto/generate.py

proto-check: $(VENV)-proto/.installed  ## Fail if the committed stubs are not what the contract gives
	rm -rf .cache/stubs && mkdir -p .cache/stubs/argus/v1
	PATH="$(CURDIR)/$(VENV)-proto/bin:$$PATH" $(VENV)-proto/bin/python proto/generate.py --out .cache/stubs
	@for file in .cache/stubs/argus/v1/*; do \
		cmp -s $$file proto/argus/v1/$$(basename $$file) || { echo "stale: $$(basename $$file); run make proto"; exit 1; }; \
	done

bench: setup  ## Print every figure the README states
	$(BIN)/argus bench all

system-packages:  # Prometheus, node_exporter, Alertmanager, Chromium and nginx themselves, for the tests that use the real ones
	@command -v promtool >/dev/null || { command -v apt-get >/dev/null && $(APT_INSTALL) prometheus; } \
		|| echo "promtool is not here and cannot be installed: the tests that need a real Prometheus are skipped"
	@command -v prometheus-node-exporter >/dev/null || { command -v apt-get >/dev/null && $(APT_INSTALL) prometheus-node-exporter; } \
		|| echo "prometheus-node-exporter is not here and cannot be installed: the tests that need a real one are skipped"
	@command -v prometheus-alertmanager >/dev/null || { command -v apt-get >/dev/null && $(APT_INSTALL) prometheus-alertmanager; } \
		|| echo "prometheus-alertmanager is not here and cannot be installed: the tests that need a real one are skipped"
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && $(APT_INSTALL) chromium; } \
		|| echo "chromium is not here and cannot be installed: the tests of the dashboard in a browser are skipped"
	@command -v nginx >/dev/null || { command -v apt-get >/dev/null && $(APT_INSTALL) nginx-light; } \
		|| echo "nginx is not here and cannot be installed: the test that needs one is skipped"

$(VENV)-proto/.installed: proto/requirements.txt
	@$(call MAKE_VENV,$(VENV)-proto)
	$(VENV)-proto/bin/python -m pip install --quiet --disable-pip-version-check --requirement proto/requirements.txt
	touch $@

# npm is the machine's, or the one that came with the virtual environment.
NPM_INSTALL := PATH="$$PATH:$(CURDIR)/$(BIN)" npm install --silent --no-audit --no-fund --prefix $(NODE)

$(BUF): | $(VENV)/.installed
	mkdir -p $(NODE)
	$(NPM_INSTALL) @bufbuild/buf@1.75.0

$(BIOME): | $(VENV)/.installed $(BUF)
	$(NPM_INSTALL) @biomejs/biome@2.6.8

clean:  ## Remove everything that was made
	rm -rf $(VENV) $(VENV)-proto .cache build dist
