# `make run` and `make test` set up everything they need; `make help` lists the rest.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SCENARIOS := tests/scenarios $(wildcard ../shared/scenarios)
# So many processes run the tests that take all of a core; those with real servers run after them, one by one: they
# have deadlines to keep.
WORKERS ?= 2
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header --no-annotate --quiet

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "error: no Python 3.11 or newer found; install one, or say make PYTHON=/path/to/python3" >&2; exit 1; fi
	@.ci/need --python $(PYTHON)
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what evenload needs (once; about 37 packages)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what evenload and its tests need (once)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@touch $(VENV)/.runtime $@

.PHONY: run
run: $(VENV)/.runtime  ## set up and run the simulated home with a live table; Ctrl-C ends it
	@exec $(BIN)/evenload demo

.PHONY: setup
setup: $(VENV)/.dev  ## make .venv with all tools for development

.PHONY: system
system:
	@.ci/need mosquitto mosquitto "the MQTT drivers are tested against a real broker"
	@.ci/need promtool prometheus "rules and dashboards are tested with the real Prometheus"

.PHONY: test
test: setup system lint types  ## WORKERS=2: set up and run everything that CI runs
	@$(BIN)/python -m pytest -n $(WORKERS) --ignore tests/integration
	@$(MAKE) integration

.PHONY: check
check: setup  ## format, lint, types, unit tests, scenarios: under 15 s
	@$(MAKE) -j2 --output-sync=target lint types unit own-scenarios

.PHONY: lint
lint:
	@$(BIN)/ruff format --check --quiet . || { echo "error: not formatted; run make fmt" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

.PHONY: types
types:
	@$(BIN)/mypy

.PHONY: unit
unit:
	@$(BIN)/python -m pytest tests/unit tests/golden tests/test_tidy.py

.PHONY: coverage
coverage: setup  ## EXAMPLES=0.2: how much of the allocator's core the unit, property and scenario tests run; at least 95 % of its branches
	@EVENLOAD_EXAMPLES=$(or $(EXAMPLES),0.2) $(BIN)/coverage run -m pytest --quiet -o faulthandler_exit_on_timeout=false \
	  tests/unit/allocator tests/unit/replay tests/property/allocator tests/scenarios tests/golden
	@$(BIN)/coverage report
	@$(BIN)/coverage json --quiet -o - | $(BIN)/python .ci/branches

.PHONY: fmt
fmt: setup  ## format and mend what can be mended by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: scenarios
scenarios: setup  ## run all allocation scenarios
	@$(BIN)/evenload simulate $(SCENARIOS)

.PHONY: own-scenarios
own-scenarios:
	@$(BIN)/evenload simulate tests/scenarios | tail -n 1

.PHONY: trace
trace: setup  ## S=FILE: one line a step of a scenario
	@$(BIN)/evenload simulate --trace $(or $(S),$(error say which scenario: make trace S=FILE))

.PHONY: golden
golden: setup  ## accept changed golden files and generated papers; explain the difference in the commit
	@EVENLOAD_ACCEPT=1 $(BIN)/python -m pytest tests/golden tests/unit/contracts tests/deploy/test_rules.py

.PHONY: integration
integration: setup system  ## WORKERS=2: tests with real servers and sockets; whole systems one by one
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --ignore tests/integration/system tests/integration
	@$(BIN)/python -m pytest tests/integration/system

.PHONY: bench
bench: setup  ## measure decisions, reading-to-station latency, gateway calls; ratios count, absolute figures drift
	@for bench in decision latency gateway tls_memory storm; do $(BIN)/python -m bench.$$bench; echo; done

.PHONY: tx-kill
tx-kill: setup  ## N=200: kill -9 gateway and server amid transactions; none may be lost, doubled or clash
	@$(BIN)/python -m tests.kill --rounds $(or $(N),200) --seed $(or $(SEED),1)

.PHONY: half-open
half-open: setup  ## CUT="60 150": cut the stations' link half-open for so many seconds amid transactions
	@$(BIN)/python -m tests.kill.half_open --cut $(or $(CUT),60 150)

.PHONY: fuzz
fuzz: setup  ## N=1000000: hostile input to the gateway's cores, made from the OCPP schemas
	@$(BIN)/python -m tests.fuzz process --number $(or $(N),1000000) --seed $(or $(SEED),1)

.PHONY: fuzz-socket
fuzz-socket: setup  ## N=100000: the same over sockets to a gateway process
	@$(BIN)/python -m tests.fuzz socket --number $(or $(N),100000) --seed $(or $(SEED),1)

.PHONY: intruders
intruders: setup  ## N=10000: connects without the right password; none may get in or put a station out
	@$(BIN)/python -m tests.fuzz intruders --number $(or $(N),10000) --seed $(or $(SEED),1)

.PHONY: devices
devices: setup  ## N=200 SECONDS=30: meters read each second on one core: CPU, age of readings
	@$(BIN)/python -m bench.devices $(or $(N),200) $(or $(SECONDS),30)

.PHONY: pictures
pictures: setup system  ## MINUTES=5: the dashboards' key panels from a real Prometheus that scrapes the demo, for the README
	@$(BIN)/python -m bench.pictures --minutes $(or $(MINUTES),5)

.PHONY: replay
replay: setup  ## F=FILE: make the decisions of a record again; without F a simulated day of four loads, and how long it takes
	@$(if $(F),$(BIN)/evenload replay $(F),$(BIN)/python -m bench.replay)

.PHONY: prove
prove: setup  ## N=10000: random sites against an independent judge and an exact solver
	@$(BIN)/python -m bench.prove --sites $(or $(N),1000) --seed $(or $(SEED),0)

$(VENV)-deploy/.done: requirements-deploy.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv $(VENV)-deploy
	@$(VENV)-deploy/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-deploy.txt
	@touch $@

.PHONY: deploy
deploy: setup system $(VENV)-deploy/.done  ## check compose, Kubernetes and Prometheus files with their real tools
	@deploy/check.sh

.PHONY: image
image: setup  ## build the container image without an engine and start its services; BASE=… or a stand-in is made
	@deploy/image.sh

.PHONY: compose
compose: setup $(VENV)-deploy/.done  ## follow the compose guide on a real Docker engine, with crashes, a power cut, an upgrade; a quarter of an hour
	@$(BIN)/python -m tests.compose

.PHONY: pods
pods: setup $(VENV)-deploy/.done  ## IMAGE=ARCHIVE: the Kubernetes single-site overlay as real pods by podman, root; 4 min, and 4 for the image
	@$(BIN)/python -m tests.pods $(if $(IMAGE),--image $(IMAGE))

.PHONY: wiring
wiring: setup  ## DAYS=100 HOMES=3: wrong wiring found, right wiring left alone, in simulated homes
	@$(BIN)/python -m bench.wiring --days $(or $(DAYS),100) --homes $(or $(HOMES),3)

.PHONY: takeover
takeover: setup  ## N=20: allocators killed, paused, ended under load: takeover times, stale setpoints
	@$(BIN)/python -m bench.takeover --rounds $(or $(N),20)

.PHONY: rollout
rollout: setup  ## STATIONS=100 PCT=10: a gateway joins and another is replaced amid transactions; none may be lost
	@$(BIN)/python -m tests.kill.rollout --stations $(or $(STATIONS),100) --pct $(or $(PCT),10)

.PHONY: upgrade
upgrade: setup  ## FROM=c87c961: an older revision's home, upgraded to this one while a car charges, and back
	@$(BIN)/python -m tests.upgrade --from $(or $(FROM),c87c961) $(if $(KEEP),--keep $(KEEP))

.PHONY: load
load: setup  ## SITES=1000 LOADS=10 ALLOCATORS=2 MOVE=1: many sites at once: reading to setpoint, CPU, memory, moves
	@$(BIN)/python -m bench.load --sites $(or $(SITES),1000) --loads $(or $(LOADS),10) --allocators $(or $(ALLOCATORS),2) \
	  $(if $(MOVE),--move)

.PHONY: dynamics
dynamics: setup  ## overloads, stops and energy in closed loop, a cloudy day beside a peer; PLOT=FILE draws the trade-off
	@$(BIN)/python -m bench.dynamics $(if $(PLOT),--plot $(PLOT))
.PHONY: thermal
thermal: setup  ## N=100 DAYS=30: synthetic tanks, rooms, heat pumps: are they learned, are their deadlines met
	@$(BIN)/python -m bench.thermal --bodies $(or $(N),100) --days $(or $(DAYS),30)
	@$(BIN)/python -m bench.waiting --bodies $$(( $(or $(N),100) / 5 )) --days $(or $(DAYS),30)

.PHONY: days
days: setup  ## the demo home on a summer and a winter day, closed loop; docs/pictures/days.svg, evenload why
	@$(BIN)/python -m bench.days --picture docs/pictures/days.svg --keep tests/golden/days/decisions.jsonl

.PHONY: year
year: setup  ## SEED=1: a simulated year, each mode beside plans, schedules and no control; docs/year.md and its pictures
	@$(BIN)/python -m bench.year --seed $(or $(SEED),1) --paper docs/year.md

.PHONY: lock
lock: setup  ## pin the newest allowed versions in requirements*.txt
	@$(PIP) install --quiet uv
	@$(COMPILE) --upgrade pyproject.toml requirements-build.in -o requirements.txt >/dev/null
	@$(COMPILE) --upgrade requirements-deploy.in -o requirements-deploy.txt >/dev/null
	@$(COMPILE) --upgrade --extra dev -c requirements.txt pyproject.toml requirements-build.in -o requirements-dev.txt >/dev/null
