# Every target makes .venv by itself; nothing outside this folder is needed but python3 (3.11 or later).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := pyproject.toml $(addsuffix /pyproject.toml,$(PLUGINS))
EDITABLE := -e '.[embedded]' $(addprefix -e ./,$(PLUGINS))
PIP := $(BIN)/python -m pip --disable-pip-version-check
# pip's many lines as a short sign of life; its errors and warnings are on stderr, and stay.
SHORT := sed -un -e 's/^Collecting \([A-Za-z0-9_.-]*\).*/  \1/p' -e 's/^Building editable for \([^ ]*\).*/  building \1/p'
CODE := bridge schemas plugins tests docs/recipes docs/site_pages.py
.DEFAULT_GOAL := help
# The tests start some two hundred programs: each would compile all sources again, a quarter of a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## What there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 15

$(BIN)/python:
	@echo "making $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "venuebus needs Python 3.11 or later")'
	@$(PYTHON) -m venv $(VENV)

# What runs: the bridge and the plugins. Enough for the demo.
$(VENV)/.run: $(PROJECTS) constraints.txt | $(BIN)/python
	@echo "installing venuebus and $(words $(PLUGINS)) plugins into $(VENV) …"
	@$(PIP) install -c constraints.txt $(EDITABLE) | $(SHORT)
	@touch $@

# What develops: the tools. Dependency groups need pip 25.1.
$(VENV)/.dev: $(VENV)/.run
	@echo "installing the development tools …"
	@$(PIP) install -q -U 'pip>=25.1'
	@$(PIP) install -c constraints.txt --group dev | $(SHORT)
	@touch $@

.PHONY: demo
demo: $(VENV)/.run ## Everything at once with simulated venues, live in the terminal
	@$(BIN)/venuebus demo || test $$? -eq 130

# Most tests wait for something, so two run beside each other, each worker with a nats-server of its own.
JOBS ?= 2
.PHONY: test
test: $(VENV)/.dev ## All tests but the slow ones, against real servers on loopback (JOBS=0: one after the other)
	@$(BIN)/pytest -m 'not slow' -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Style, and the import directions
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/.dev ## Strict types
	@$(BIN)/mypy -p venuebus -p venuebus_start -p venuebus_schemas $(foreach plugin,$(PLUGINS),-p venuebus_$(notdir $(plugin)))
	@$(BIN)/mypy docs/recipes/*.py

# What builds the site.
$(VENV)/.docs: $(VENV)/.dev
	@echo "installing what builds the site …"
	@$(PIP) install -q -c constraints.txt --group docs
	@touch $@

.PHONY: docs
docs: $(VENV)/.docs ## The site in site/, strictly: a link or a name that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

# What draws plots.
$(VENV)/.bench: $(VENV)/.dev
	@echo "installing what draws the bench's plots …"
	@$(PIP) install -q -c constraints.txt -e '.[bench]'
	@touch $@

.PHONY: bench
bench: $(VENV)/.bench ## Speed and memory beside a plain relay and other programs, as a table and JSON (PEERS= for none)
	@$(MAKE) -k --no-print-directory bench-peers || echo "what could not be installed is left out"
	@$(BIN)/python -m tests.bench $(ARGS)

# Each in an environment of its own: their requirements contradict one another's and ours. vnpy's gateway needs a tenth
# of what vnpy asks for (its windows are a gigabyte), so there the pins are all there is.
PEERS ?= cryptofeed futu-api vnpy-btse
.PHONY: bench-peers
bench-peers: $(PEERS:%=$(VENV)/peers/%/.done) ## Install what the bench measures beside the bridge: cryptofeed, futu-api, vnpy
$(VENV)/peers/%/.done: tests/bench/peers/%.txt | $(BIN)/python
	@echo "installing $* into $(@D) …"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check install -q $(if $(filter vnpy-btse,$*),--no-deps) -r $<
	@touch $@

.PHONY: bench-soak
bench-soak: $(VENV)/.dev ## Ten minutes of 5,000 messages a second: memory must stay flat, nothing may be lost
	@$(BIN)/python -m tests.bench.soak $(ARGS)

.PHONY: guard
guard: $(VENV)/.dev ## What a message of every kind costs, counted, beside the baseline (ARGS='--write btse' renews)
	@$(BIN)/python -m tests.bench.guard $(ARGS)

.PHONY: guard-instructions
guard-instructions: $(VENV)/.dev ## The same in the processor's instructions, where valgrind is (ARGS='--only btse')
	@$(BIN)/python -m tests.bench.instructions $(ARGS)

.PHONY: conformance
conformance: $(VENV)/.dev ## Hold every plugin to the contract, and write the reports that they ship
	@$(BIN)/pytest plugins/*/tests/test_*_contract.py --venuebus-report package $(ARGS)

.PHONY: faults
faults: $(VENV)/.dev ## Every fault by number and a random walk; writes docs/reliability.md
	@$(BIN)/python -m tests.faults $(ARGS)

.PHONY: failover
failover: $(VENV)/.dev ## How long a takeover takes, over and over; writes docs/failover.md
	@$(BIN)/python -m tests.faults.failover $(ARGS)

.PHONY: image
BASE ?= docker.io/library/python:3.13-slim
IMAGE ?= venuebus:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# Only what is named is passed on, so that the defaults stand in the Dockerfile alone.
image: ## The container image, by docker, podman or buildah (BUILDER=, BASE=, PLUGINS=, EXTRA_PLUGINS=, EXTRAS=, ARGS=)
	@tool=$(BUILDER); for each in docker podman buildah; do \
	  [ -n "$$tool" ] || ! $$each info >/dev/null 2>&1 || tool=$$each; done; \
	[ -n "$$tool" ] || { echo "neither docker nor podman nor buildah works here"; exit 1; }; \
	$$tool build -f deploy/Dockerfile -t $(IMAGE) --build-arg BASE=$(BASE) \
	  $(foreach arg,PLUGINS EXTRA_PLUGINS EXTRAS,$(if $(filter command environment,$(subst $() line,,$(origin $(arg)))),--build-arg "$(arg)=$($(arg))")) $(ARGS) .

.PHONY: deploy-render
deploy-render: $(VENV)/.dev ## Write what is made of the chart: golden renders, the kustomize base
	@$(BIN)/python -m tests.deploy

# checkov has a hundred dependencies, some older than ours: an environment of its own.
$(VENV)/deploy/checkov: $(VENV)/.dev
	@echo "installing checkov …"
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip --disable-pip-version-check install -q checkov==3.3.30 || { rm -rf $@; exit 1; }

.PHONY: deploy-check
deploy-check: $(VENV)/.dev $(VENV)/deploy/checkov ## Image and chart with all that is slow: built, run, every version, checkov
	@$(BIN)/pytest tests/deploy --timeout 900 -rs --deselect tests/deploy/test_cluster.py $(ARGS)

.PHONY: k8s
k8s: $(VENV)/.dev ## Install, upgrade, roll back and kill against a real Kubernetes control plane, built once (6 minutes)
	@tests/deploy/cluster/build.sh >/dev/null || test $$? -eq 3
	@$(BIN)/pytest tests/deploy/test_cluster.py --timeout 900 -rs -s $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## The tests that take minutes
	@$(BIN)/pytest -m slow --timeout 1800 $(ARGS)

.PHONY: clean
clean: ## Remove what the targets made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .bench .faults site build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
