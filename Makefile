# Shop's commands. Variables reach them through the environment: `make run PORT=8001 DATA_DIR=/tmp/other`.
.DEFAULT_GOAL := help
.PHONY: help install run demo clients test quick browser test-slow torture rehearse fuzz audit-deps bench growth mutation lint format

# The first Python that is new enough, unless PYTHON= names one.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; echo python3)
PY := .venv/bin/python
INSTALLED := .venv/.installed
PYTEST_ARGS ?= -n auto --dist worksteal

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Build .venv with everything the project needs, mongod included
	@echo ".venv is up to date."

run: $(INSTALLED) ## Start the whole shop with a demo catalog (PORT=, DATA_DIR=); Ctrl-C stops it
	@exec env DEBUG=1 $(PY) manage.py run

demo: $(INSTALLED) ## Run a sale from cart to refund against a running shop
	@exec env DEBUG=1 $(PY) manage.py demo

test: $(INSTALLED) ## Run the tests against a real MongoDB (PYTEST_ARGS="cart -k coupon")
	@exec env DEBUG=1 $(PY) -m pytest $(PYTEST_ARGS)

quick: $(INSTALLED) ## Run the central tests of each app, in a minute
	@exec env DEBUG=1 $(PY) -m pytest $(PYTEST_ARGS) -m "quick and not slow"

browser: $(INSTALLED) ## Drive the admin and the storefront in a real browser, which must be installed; screenshots go to docs/images
	@$(PY) -m shop.dev.testing.browser
	@exec env DEBUG=1 SCREENSHOTS=docs/images $(PY) -m pytest -m browser

test-slow: $(INSTALLED) ## Run the tests with 10,000 rows or 100,000 products and short fault runs; takes some minutes
	@exec env DEBUG=1 $(PY) -m pytest -m large

torture: $(INSTALLED) ## Run races, kills and outages for 20 minutes; writes docs/reliability.md (SEED=)
	@exec env DEBUG=1 $(PY) manage.py torture --write $(TORTURE_ARGS)

rehearse: $(INSTALLED) ## Deploy, upgrade under load, back up, destroy and restore a shop; needs nginx (REHEARSE_ARGS=)
	@exec env DEBUG=1 $(PY) manage.py rehearse $(REHEARSE_ARGS)

bench: $(INSTALLED) ## Measure the API, optionally against a Node.js shop (PEER=its folder); writes docs/performance.md
	@exec env DEBUG=1 $(PY) manage.py bench --write $(if $(PEER),--peer "$(PEER)") $(BENCH_ARGS)

growth: $(INSTALLED) ## Measure a shop with two years of trading beside a small one; writes docs/performance.md
	@exec env DEBUG=1 $(PY) manage.py growth --write $(GROWTH_ARGS)

fuzz: $(INSTALLED) ## Send thousands of requests generated from the OpenAPI description; writes docs/security.md (SEED=)
	@exec env DEBUG=1 $(PY) manage.py fuzz --write $(FUZZ_ARGS)

mutation: $(INSTALLED) ## Check that the tests notice mutants of the critical modules (MUTATION_ARGS="--sample 40")
	@exec $(PY) -m shop.dev.testing.mutation $(MUTATION_ARGS)

audit-deps: $(INSTALLED) ## Look up known vulnerabilities of the production dependencies; needs the network
	@# Strict: a package that cannot be looked up is a failure.
	@$(PY) -m pip_audit --strict --progress-spinner off --requirement requirements.txt || { \
		echo "A package is vulnerable or could not be looked up: see above." >&2; exit 1; }

clients: $(INSTALLED) ## Generate and compile the TypeScript clients, and lint the OpenAPI description; needs Node.js
	@npm ci --prefix shop/dev/clients/typescript --silent
	@exec env DEBUG=1 $(PY) manage.py clients

lint: $(INSTALLED) ## Check format, rules, import layers, types, migrations, settings and the API schema
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	@$(PY) -m shop.dev.testing.environment tests $(PY) -m mypy
	@$(PY) -m shop.dev.mongod -- .ci/check-project

format: $(INSTALLED) ## Format the code and apply ruff's automatic fixes
	@$(PY) -m ruff check --fix --exit-zero --quiet .
	@$(PY) -m ruff format .

# Built once, and brought up to date when the requirements change.
$(INSTALLED): requirements.txt requirements-dev.txt
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "$(PYTHON) not found: install Python 3.11 or later, or set PYTHON=/path/to/python." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Shop needs Python 3.11 or later, but $(PYTHON) is $$("$(PYTHON)" -V 2>&1): install one, or set PYTHON=." >&2; \
		exit 1; }
	@$(PY) -c 'import pip' 2>/dev/null || { \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "$(PYTHON) lacks its venv module: install it (\`apt-get install python3-venv\` on Debian and Ubuntu)." >&2; \
			exit 1; }; \
		echo "Building .venv with $$("$(PYTHON)" -V 2>&1)" && "$(PYTHON)" -m venv --clear .venv; }
	@echo "Installing requirements-dev.txt into .venv"
	@$(PY) -m pip install --disable-pip-version-check --no-input -r requirements-dev.txt
	@# So that .venv/bin/pytest finds the project, too.
	@$(PY) -c 'import os, pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "shop.pth").write_text(os.getcwd())'
	@touch $@
