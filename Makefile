HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
DEMO ?= small
ARGS ?=

BIN = $(VENV)/bin
MANAGE = $(BIN)/python manage.py
# On somebody's own machine four processes leave room for its other work.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) $(if $(CI),,--maxprocesses 4) --dist worksteal --durations 25 $(ARGS)
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --quiet $(ARGS)

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run serve setup setup-alerts setup-watch setup-storage setup-dev test test-sqlite test-postgres lint lint-style lint-layers lint-types lint-templates lint-texts lint-django messages catalogues compiled format bench bench-pages bench-load bench-machines bench-live bench-track bench-forecast bench-lab bench-ingest bench-push bench-webhooks bench-api screenshots lock audit licences openapi image clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PORT=8000 for run and serve, DEMO=large for run, HOST=127.0.0.1 and WORKERS=2 for serve, ARGS='-k score' for the tests, ARGS=--upgrade for lock, PYTHON=python3.12 for setup"

run setup setup-alerts setup-watch setup-storage setup-dev test test-sqlite test-postgres compiled: export DEBUG = 1
lint lint-style lint-layers lint-types lint-templates lint-texts lint-django: export DEBUG = 1

run: export SITE_URL := $(or $(SITE_URL),http://127.0.0.1:$(PORT))
run: setup ## start with demo data and say where to log in; your data stays from run to run
	@$(BIN)/python -c "import socket; socket.create_server(('127.0.0.1', $(PORT))).close()" 2>/dev/null || { \
		echo "Port $(PORT) is taken or not allowed. Choose another one: make run PORT=8001"; exit 1; }
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo --address http://127.0.0.1:$(PORT)/ --feeds var/demo --size $(DEMO)
	@$(MANAGE) live --with-parent & exec $(BIN)/gunicorn rsolv_cs.wsgi --bind 127.0.0.1:$(PORT) --workers 2 --threads 4 \
		--worker-class rsolv_cs.server.BufferedWorker --log-level warning --no-control-socket

serve: export DEBUG = 0
serve: export HOST := $(HOST)
serve: export PORT := $(PORT)
serve: export WORKERS := $(if $(filter auto,$(WORKERS)),2,$(WORKERS))
serve: setup ## serve for people, with the settings of the environment and the data that are there
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@$(MANAGE) migrate --check --verbosity 0 || { \
		echo "The database lacks migrations, or cannot be used. Make a backup, then: $(MANAGE) migrate"; exit 1; }
	@$(MANAGE) check --deploy
	@$(MANAGE) live --with-parent & exec $(BIN)/gunicorn --config deploy/gunicorn.conf.py rsolv_cs.wsgi

setup: $(VENV)/.setup catalogues ## install what the application needs into .venv

setup-alerts: $(VENV)/.setup-alerts ## and what ALERT_URLS needs (Apprise)

setup-watch: $(VENV)/.setup-watch ## and what SENTRY_DSN and OTEL_* need, too (Sentry's SDK, OpenTelemetry)

setup-storage: $(VENV)/.setup-storage ## and what a bucket of STORAGE_URL needs, too (django-storages, boto3)

setup-dev: $(VENV)/.setup-dev catalogues ## and what its tests and checks need

CATALOGUES = $(wildcard */locale/*/LC_MESSAGES/django.po)
catalogues: $(CATALOGUES:.po=.mo)
$(CATALOGUES:.po=.mo): %.mo: %.po | $(VENV)/.setup
	@$(BIN)/python -m rsolv_cs.catalogues compile

PIP = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes
# CI has uv, of the same lock, install the rest in a quarter of the time; pip does it where uv cannot.
install_with_uv = { sed -n '/^uv==/,/[^\\]$$/p' $(1) | $(PIP) --no-compile -r /dev/stdin && \
	$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes -r $(1); }

define install
	@$(PYTHON) -c "" 2>/dev/null || { \
		echo "There is no '$(PYTHON)'. Install Python 3.11 or newer, or name yours: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "'$(PYTHON)' is $$($(PYTHON) --version); 3.11 or newer is needed. Name one: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing $(1) into $(VENV), which takes a minute the first time ..."
	@$(PYTHON) -m venv $(VENV)
	@$(if $(CI),$(call install_with_uv,$(1)) ||) $(PIP) -r $(1)
	@$(BIN)/python -m pip uninstall --quiet --quiet --disable-pip-version-check --yes setuptools pip
endef

$(VENV)/.setup: requirements.txt
	$(call install,$<)
	@touch $@

$(VENV)/.setup-alerts: requirements-alerts.txt
	$(call install,$<)
	@touch $@ $(VENV)/.setup

$(VENV)/.setup-watch: requirements-watch.txt
	$(call install,$<)
	@touch $@ $(VENV)/.setup $(VENV)/.setup-alerts

$(VENV)/.setup-storage: requirements-storage.txt
	$(call install,$<)
	@touch $@ $(VENV)/.setup $(VENV)/.setup-alerts $(VENV)/.setup-watch

$(VENV)/.setup-dev: requirements-dev.txt
	$(call install,$<)
	@touch $@ $(VENV)/.setup $(VENV)/.setup-alerts $(VENV)/.setup-watch $(VENV)/.setup-storage

# Nobody reads along in CI. There SQLite's tests take what those of PostgreSQL, one at a time, leave of the cores: the
# longer run then has them all when the shorter one is over.
SIDE_BY_SIDE = $(if $(CI),--jobs=2 --output-sync=target)
YIELDING = $(if $(CI),nice)

test: setup-dev ## every test, on SQLite and on PostgreSQL
	@$(MAKE) --keep-going $(SIDE_BY_SIDE) test-postgres test-sqlite

# The browser's tests and those of races wait more than they work: one process more than there are cores uses that time.
test-sqlite: WORKERS := $(if $(CI),$(shell expr $$(nproc) + 1),$(WORKERS))
test-sqlite: setup-dev ## every test, on SQLite
	env -u DATABASE_URL $(YIELDING) $(PYTEST)

test-postgres: WORKERS := $(if $(CI),1,$(WORKERS))
test-postgres: setup-dev ## every test, on a throw-away PostgreSQL, or on TEST_POSTGRES_URL
	$(BIN)/python -m tests.support.postgres -- $(PYTEST)

lint: lint-types lint-style lint-layers lint-templates lint-texts lint-django ## style, layers, types, templates, texts, names, sizes, settings and missing migrations

# Each part of lint by itself, so that `make --jobs` runs them side by side.
lint-style: setup-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-layers: setup-dev
	$(BIN)/lint-imports --no-logo

lint-types: setup-dev
	$(BIN)/mypy analytics customers rsolv_cs

lint-templates: setup-dev
	$(BIN)/djlint --lint --quiet templates analytics customers
	$(BIN)/python -m pytest --quiet tests/house/test_templates.py tests/house/test_names.py tests/house/test_sizes.py

lint-texts: setup-dev
	$(BIN)/python -m pytest --quiet tests/house/test_texts.py

lint-django: setup-dev
	$(MANAGE) check --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run

messages: setup-dev ## write the catalogues of texts again, after a change of a text; then translate what is empty
	@$(BIN)/python -m rsolv_cs.catalogues update

compiled: setup-dev
	@$(BIN)/python -m pytest --quiet --collect-only > /dev/null

format: setup-dev ## put the code into its form and repair what can be repaired
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: setup-dev ## measure the import beside the databases' own loaders (needs psql and sqlite3)
	@$(BIN)/python -m benchmarks.import $(ARGS)

bench-pages: setup-dev ## measure the pages on the production server, and the score, beside their aims
	@$(BIN)/python -m benchmarks.pages $(ARGS)

bench-load: setup-dev ## people on the pages while a night of a million rows runs, on both databases
	@$(BIN)/python -m benchmarks.load $(ARGS)

bench-machines: setup-dev ## 200 people on two web processes with a replica and poolers while a night of a million rows runs, on PostgreSQL
	@$(BIN)/python -m benchmarks.machines $(ARGS)

bench-live: setup-dev ## 500 open pages that follow while a night of a million rows runs, on both databases
	@$(BIN)/python -m benchmarks.live $(ARGS)

bench-track: setup-dev ## sixteen clients report events, and the server is killed meanwhile, on both databases
	@$(BIN)/python -m benchmarks.track $(ARGS)

bench-forecast: setup-dev ## how good the forecast is beside other methods, and how long it takes, beside its aims
	@$(BIN)/python -m benchmarks.forecast $(ARGS)

bench-lab: setup-dev ## how long the preview of a draft takes, beside its aims
	@$(BIN)/python -m benchmarks.policy_lab $(ARGS)

bench-ingest: setup-dev ## how long 100,000 events take from the inbox to the scores, beside its aim, on both databases
	@$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-push: setup-dev ## how long a push to a CRM and its preview take, beside their aims, on both databases
	@$(BIN)/python -m benchmarks.push $(ARGS)

bench-webhooks: setup-dev ## how soon webhooks have 1,000 events while one of them is slow, beside the aim, on both databases
	@$(BIN)/python -m benchmarks.webhooks $(ARGS)

bench-api: setup-dev ## how long the API takes for a page of customers, beside its aim, on both databases
	@$(BIN)/python -m benchmarks.api $(ARGS)

.PHONY: bench-scale
bench-scale: setup-dev ## how the night and the pages grow with ten times the customers and rows, on PostgreSQL
	@$(BIN)/python -m benchmarks.scale $(ARGS)

screenshots: setup-dev ## take the pictures in docs/ again, from a fresh large demo
	@$(BIN)/python docs/screenshots.py $(ARGS)

lock: setup-dev ## compile requirements*.txt again, after a change of pyproject.toml
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra alerts --constraint requirements.txt --output-file requirements-alerts.txt
	$(COMPILE) --extra alerts --extra watch --constraint requirements-alerts.txt --output-file requirements-watch.txt
	$(COMPILE) --extra alerts --extra watch --extra storage --constraint requirements-watch.txt --output-file requirements-storage.txt
	$(COMPILE) --extra alerts --extra watch --extra storage --group dev --constraint requirements-storage.txt --output-file requirements-dev.txt

audit: setup-dev ## ask whether any locked package has a known vulnerability; fails too where nobody can be asked
	@$(BIN)/uvx --from 'pip-audit~=2.9' pip-audit --strict --disable-pip --require-hashes \
		--requirement requirements.txt --requirement requirements-alerts.txt --requirement requirements-watch.txt \
		--requirement requirements-storage.txt --requirement requirements-dev.txt \
		$(ARGS) || { \
		echo "Not clean: either the packages named above have known vulnerabilities, or the service that knows them"; \
		echo "could not be asked about all of them, and then nothing is known. Try again where it can be reached."; exit 1; }

licences: setup-storage ## write docs/licences.md again, after a change of the lock
	@$(BIN)/python docs/licences.py

openapi: setup-dev ## write docs/openapi.yaml again, after a change of the API
	@DEBUG=1 $(MANAGE) spectacular --file docs/openapi.yaml --validate --fail-on-warn

IMAGE ?= rsolv-customer-success
VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
# Docker's program may be there without its service. Only its format of images knows a HEALTHCHECK.
BUILDER ?= $(shell for one in buildah podman docker; do $$one info >/dev/null 2>&1 && echo $$one && break; done)

image: ## build the container image with Buildah, Podman or Docker
	@[ -n "$(BUILDER)" ] || { echo "Nothing here can build an image. On Debian and Ubuntu: apt install buildah"; exit 1; }
	$(BUILDER) build $(if $(filter docker,$(notdir $(BUILDER))),,--format docker) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git describe --always --dirty --abbrev=40 --exclude "*") $(ARGS) --tag $(IMAGE):$(VERSION) .

clean: ## remove .venv and caches; data in var/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./var -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
