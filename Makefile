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
PROTOS := $(shell find proto -name '*.proto' | sort)
STUBS := offchain/clearing/peer/v1/.generated
VYPER_SOURCES := $(shell find contracts -type f \( -name '*.vy' -o -name '*.vyi' \) -not -path '*/.cache/*' | sort)
# NTX11 wants parameters with an underscore, our style the internals; NTX4 takes a call for a mere read.
NATRIX_OFF := NTX11 NTX4
SOURCES := $(shell find contracts -type f \( -name '*.sol' -o -name '*.vy' -o -name '*.vyi' \) -not -path '*/.cache/*')

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# ---------------------------------------------------------------- environment

.PHONY: setup
setup: $(VENV) $(TOOLS) $(NODE) $(STUBS) ## install the pinned Python, node and compilers into this folder
	@:

# Two stamps, so that a change of pyproject.toml does not install everything again. The lock names all
# that is needed, so pip resolves nothing; bytecode is made on every core (what
# cannot be compiled now is no fault before it is needed).
.venv/.locked: requirements/main.txt tools/find_python
	@echo "setup: Python packages into .venv (about a minute the first time)"
	@python=$$(tools/find_python) && { [ -x .venv/bin/python ] || "$$python" -m venv .venv; }
	@.venv/bin/python $(PIP) --require-hashes --no-deps --no-compile -r requirements/main.txt
	@tools/quietly .venv/bin/python -m pip check
	@.venv/bin/python -m compileall -qq -j 0 .venv/lib || :
	@touch $@

$(VENV): .venv/.locked pyproject.toml
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
compile: $(MANIFEST) $(STUBS) ## compile the contracts into .build (only when one changed)

# --force: without it Ape compiles the files that changed, and not the contracts that inherit from them.
$(MANIFEST): $(SOURCES) ape-config.yaml .build/sources.txt tools/solc/solc-v0.8.30 | $(VENV) $(NODE)
	@echo "compile: $(words $(SOURCES)) contract files"
	@rm -rf contracts/.cache  # copies of dependencies: with them Ape would see only some of ours
	@tools/quietly $(RUN) ape compile --force
	@touch $@

# The stubs of proto/: Python and its types, made anew when a file there changes.
$(STUBS): $(PROTOS) | $(VENV)
	@echo "stubs: $(words $(PROTOS)) protocol files"
	@tools/quietly $(RUN) python -m grpc_tools.protoc -I proto --python_out=offchain --mypy_out=quiet:offchain \
	  --grpc_python_out=offchain --mypy_grpc_out=quiet:offchain $(PROTOS)
	@touch offchain/clearing/{peer,operator}/{,v1/}__init__.py $@

# Rewritten only when a file came or went, so that a deleted contract compiles anew too.
.build/sources.txt: .FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(sort $(SOURCES)) | cmp -s - $@ || printf '%s\n' $(sort $(SOURCES)) > $@

.PHONY: .FORCE
.FORCE:

.PHONY: lock
lock: $(TOOLS) ## rewrite requirements/*.txt from *.in, with hashes for every platform
	@for name in main tools; do \
	  echo "lock: requirements/$$name.txt"; \
	  .venv-tools/bin/uv pip compile requirements/$$name.in -o requirements/$$name.txt --quiet \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock'; \
	done

.PHONY: clean
clean: ## remove what compilers, tests and checks wrote (not the environments)
	@rm -rf .build .forge .ape .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .reports contracts/.cache
	@find offchain tests tools bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ---------------------------------------------------------------- main job

.PHONY: demo
demo: setup compile ## brokers clear trades and traders meet a crash, on an embedded chain, good days and bad ones
	@$(RUN) clearing demo

.PHONY: deploy-local
deploy-local: setup compile ## deploy, check and govern everything on an embedded chain with OP Sepolia's id
	@$(RUN) python scripts/deploy_local.py

.PHONY: bench
bench: setup compile ## measure gas, codec, signatures, keepers and daemons; write bench/results
	@$(RUN) python -m bench

# ---------------------------------------------------------------- tests

# These two folders run once, under the line tracer; the rest runs on every core.
VYPER_UNITS := tests/unit/broker_registry tests/unit/hash_time_lock
# Gas is measured once, by `make check`, which holds it against snapshots/.
ELSEWHERE := $(VYPER_UNITS) tests/gas
CORES := $(shell getconf _NPROCESSORS_ONLN)

.PHONY: test
test: test-rest coverage ## run all tests but those of gas, which are a part of check

# In the order of the folders: the long files stand in the first ones, those of unit/ fill the end.
.PHONY: test-rest
test-rest: setup compile
	@echo "test: everything but the Vyper units, $(CORES) workers"
	@HYPOTHESIS_PROFILE=ci $(RUN) pytest -q -n $(CORES) --dist loadfile --no-loadscope-reorder --junitxml .reports/rest.xml $(ELSEWHERE:%=--ignore %) tests

.PHONY: coverage
coverage: setup compile ## run the Vyper units and hold their line coverage at 95 %
	@echo "test: the Vyper units, each line counted"
	@$(RUN) pytest -q -p tools.vyper_coverage --junitxml .reports/vyper.xml $(VYPER_UNITS)

PROFILE ?= ci
.PHONY: audit
audit: setup compile ## all that an auditor would run, PROFILE=dev|ci|nightly; writes docs/audit-report.md
	@$(RUN) python -m tools.audit --profile $(PROFILE)

.PHONY: second
second: setup compile ## compute all again by independent programs; HYPOTHESIS_PROFILE says how much
	@rm -f .reports/second.xml
	@-HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-nightly} $(RUN) pytest -q --junitxml .reports/second.xml tests/second
	@$(RUN) python tools/second_report.py

.PHONY: mutants
mutants: setup compile ## try the listed mutants of the contracts (SAMPLE=10 for some of them)
	@$(RUN) env PYTHONPATH=.:offchain python tools/mutants.py run $(if $(SAMPLE),--sample $(SAMPLE),--control --workers 2)

.PHONY: prove
prove: $(VENV) $(TOOLS) $(NODE) ## prove the properties of tests/symbolic for all inputs
	@$(RUN) python tools/prove.py

# ---------------------------------------------------------------- checks

.PHONY: check
check: snapshots slither lint-python lint-solidity lint-vyper facts ## every other gate, gas among them
	@echo "check: all gates passed"

.PHONY: lint-python
lint-python: $(VENV) $(STUBS)
	@echo "check: ruff, mypy --strict, import layers, integers"
	@$(RUN) ruff check --quiet .
	@$(RUN) ruff format --check --quiet .
	@$(RUN) mypy
	@tools/quietly $(RUN) lint-imports
	@$(RUN) python tools/check_integers.py

.PHONY: lint-solidity
lint-solidity: $(NODE)
	@echo "check: solhint, prettier"
	@$(RUN) solhint --disc --noPoster --max-warnings 0 'contracts/**/*.sol'
	@$(RUN) prettier --log-level warn --check 'contracts/**/*.sol'

.PHONY: lint-vyper
lint-vyper: $(VENV) $(TOOLS)
	@echo "check: mamushi, natrix"
	@tools/quietly .venv-tools/bin/mamushi --check --line-length 100 $(VYPER_SOURCES)
	@tools/quietly $(RUN) natrix lint contracts --disable $(NATRIX_OFF)

.PHONY: slither
slither: $(VENV) $(NODE)
	@echo "check: Slither"
	@$(RUN) python -m tools.check_slither

.PHONY: facts
facts: $(VENV)
	@$(RUN) python tools/check_locks.py
	@$(RUN) python tools/check_docs.py
	@$(RUN) env PYTHONPATH=.:offchain python tools/mutants.py check
	@$(RUN) python -m tools.check_invariants

.PHONY: snapshots
snapshots: setup compile
	@echo "check: gas, size and storage layout against snapshots/"
	@$(RUN) python -m tools.snapshot
	@$(RUN) pytest -q --junitxml .reports/gas.xml tests/gas

.PHONY: snapshot
snapshot: setup compile ## rewrite snapshots/ after a change that is meant
	@$(RUN) python -m tools.snapshot --write
	@SNAPSHOT=write $(RUN) pytest -q tests/gas

.PHONY: fmt
fmt: setup ## format Python, Solidity and Vyper
	@$(RUN) ruff check --quiet --fix-only .
	@$(RUN) ruff format .
	@$(RUN) prettier --log-level warn --write 'contracts/**/*.sol'
	@.venv-tools/bin/mamushi --quiet --line-length 100 $(VYPER_SOURCES)
