# Each target sets itself up: make and a Python of 3.11 or newer are all it needs.
#
#   make demo     a project with a thousand tenants, served at http://localhost:8000
#   make test     the tests; services that are missing are named, with what starts them
#   make prove    the same with every count at its full size
#   make django-tests  Django's own suite, on our engine and on Django's (1.5 hours)
#   make lint     ruff, mypy, import-linter
#   make bench    the benchmarks
#   make clean    remove all that the others made
#
# Variables: PYTHON, VENV, DJANGO ("Django~=5.2.0"), ARGS (for pytest);
# django-tests: SUITES ("basic queries"), MODES ("shared schema"), JOBS;
# demo: TENANTS, ISOLATION (database, schema, row), USERS (confined, members, both, own),
# SERVE (0: only make it), PORT.

PYTHONS := python3 python3.15 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(or $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done),python3)
VENV ?= .venv
DJANGO ?=
ARGS ?=

TENANTS ?= 1000
ISOLATION ?= database
USERS ?= confined
SERVE ?= 1
SUITES ?=
MODES ?=
JOBS ?=
PORT ?= 8000

BIN := $(VENV)/bin
# Third-party projects of the acceptance tests that need packages of their own.
APART = $(patsubst tests/acceptance/packages/%.txt,$(VENV)/apart/%/.made,\
	$(wildcard tests/acceptance/packages/*.txt))
# A named requirement is upgraded, so that an older Django doesn't stay behind in VENV.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade
DJANGO_WANTED = '$(or $(DJANGO),Django>=5.2)'

.DELETE_ON_ERROR:
.PHONY: help demo test prove django-tests lint bench clean mysql-driver FORCE

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.demo
	$(BIN)/python -m tenantry.demo --tenants $(TENANTS) --isolation $(ISOLATION) \
		--users $(USERS) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

test: $(VENV)/.test $(APART) mysql-driver
	$(BIN)/python -m pytest $(ARGS)

prove: $(VENV)/.test $(APART) mysql-driver
	TENANTRY_PROVE=1 $(BIN)/python -m pytest $(ARGS)

django-tests: $(VENV)/.test
	$(BIN)/python -m tests.django_suite $(SUITES) \
		$(if $(MODES),--modes $(MODES)) $(if $(JOBS),--jobs $(JOBS))

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py $(ARGS)

clean:
	rm -rf $(VENV) .venv .venv-* .demo .django-tests dist build htmlcov .coverage .coverage.* \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + \
		2>/dev/null || true

# --- set-up: a stamp file per set of requirements, made anew when pyproject changes ---

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'tenantry needs Python 3.11 or newer; $(PYTHON) is not.' \
			'Say which: make PYTHON=/path/to/python3.13 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Holds the Django asked for; touched only when that changes.
$(VENV)/.django: FORCE | $(VENV)/.made
	@echo $(DJANGO_WANTED) | cmp -s - $@ || echo $(DJANGO_WANTED) > $@

NEEDS = pyproject.toml $(VENV)/.made $(VENV)/.django

$(VENV)/.demo: $(NEEDS)
	$(PIP_INSTALL) -e '.[demo,postgres]' $(DJANGO_WANTED)
	@touch $@

$(VENV)/.test: $(NEEDS)
	$(PIP_INSTALL) -e '.[postgres,test,acceptance]' $(DJANGO_WANTED)
	@touch $@

$(VENV)/.lint: $(NEEDS)
	$(PIP_INSTALL) -e '.[lint,postgres]' $(DJANGO_WANTED)
	@touch $@

$(VENV)/.bench: $(NEEDS) $(wildcard benchmarks/requirements.txt)
	$(PIP_INSTALL) -e '.[postgres]' $(DJANGO_WANTED) \
		$(addprefix -r ,$(wildcard benchmarks/requirements.txt))
	@touch $@

# Their folders come before the environment's own packages (tests/acceptance/sites.py).
$(VENV)/apart/%/.made: tests/acceptance/packages/%.txt $(VENV)/.made
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
		--target $(@D) -r $<
	@touch $@

# mysqlclient has no wheels. Where it can't be built the tests run without it, and
# pytest's summary names the tests that this skipped.
MYSQL_HINT = MariaDB and MySQL tests need mysqlclient, which is built from source. \
	To run them: apt-get install libmariadb-dev pkg-config gcc python3-dev \
	(Debian, Ubuntu), or: brew install mariadb-connector-c pkg-config; then again.

mysql-driver: $(VENV)/.test
	@$(BIN)/python -c 'import MySQLdb' 2>/dev/null || { \
		{ test -n "$$MYSQLCLIENT_CFLAGS" || pkg-config --exists libmariadb \
			|| pkg-config --exists mariadb || pkg-config --exists mysqlclient; } \
			2>/dev/null \
		&& echo 'building mysqlclient ...' && $(PIP_INSTALL) -e '.[mysql]' \
	; } || echo '$(MYSQL_HINT)' >&2
