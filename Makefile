# Smart Clearing Protocol. Every target installs what it needs; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

RUN := tools/run
PIP := -m pip --disable-pip-version-check --no-input install --quiet

VENV := .venv/.installed
TOOLS := .venv-tools/.installed
NODE := node_modules/.installed
MANIFEST := .build/__local__.json
SOURCES := $(shell find contracts -type f \( -name '*.sol' -o -name '*.vy' -o -name '*.vyi' \) -not -path '*/.cache/*')

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

# ---------------------------------------------------------------- environment

.PHONY: setup
setup: $(VENV) $(TOOLS) $(NODE) ## install the pinned Python, node and compilers into this folder

$(VENV): requirements/main.txt pyproject.toml tools/find_python
	@echo "setup: Python packages into .venv (about a minute the first time)"
	@python=$$(tools/find_python) && { [ -x .venv/bin/python ] || "$$python" -m venv .venv; }
	@.venv/bin/python $(PIP) --require-hashes -r requirements/main.txt
	@.venv/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements/tools.txt tools/find_python
	@echo "setup: Python tools into .venv-tools"
	@python=$$(tools/find_python) && { [ -x .venv-tools/bin/python ] || "$$python" -m venv .venv-tools; }
	@.venv-tools/bin/python $(PIP) --require-hashes -r requirements/tools.txt
	@touch $@

$(NODE): package.json package-lock.json .npmrc
	@echo "setup: node packages into node_modules"
	@tools/install_node
	@touch $@

.PHONY: compile
compile: $(MANIFEST) ## compile the contracts into .build (only when one changed)

$(MANIFEST): $(SOURCES) ape-config.yaml .build/sources.txt tools/solc/solc-v0.8.30 | $(VENV) $(NODE)
	@echo "compile: $(words $(SOURCES)) contract files"
	@tools/compile
	@touch $@

# Rewritten only when a file came or went, so that a deleted contract compiles anew too.
.build/sources.txt: .FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(sort $(SOURCES)) | cmp -s - $@ || printf '%s\n' $(sort $(SOURCES)) > $@

.PHONY: .FORCE
.FORCE:
