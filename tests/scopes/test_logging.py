"""Each record names the tenant it was made in, or that of the request it is about."""

import logging
import logging.config
import logging.handlers
import queue
import timeit
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client, RequestFactory

from tenantry import get_tenant, override_tenant
from tenantry.conf import Placement
from tenantry.isolation import RowIsolation, SchemaIsolation
from tenantry.scopes.logging import TenantFilter
from tests.scopes import sandwich
from tests.scopes.places import ACME, GLOBEX
from tests.world import two_tenants

FILTER = "the filter asks which tenant is active as the record is made"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tenant": {"()": "tenantry.scopes.logging.TenantFilter"}},
    "formatters": {"line": {"format": "{tenant} {message}", "style": "{"}},
    "handlers": {
        "kept": {
            "class": "tests.scopes.test_logging.Kept",
            "filters": ["tenant"],
            "formatter": "line",
        }
    },
    "loggers": {
        "tests.texts": {"handlers": ["kept"], "level": "INFO", "propagate": False},
        "django.request": {"handlers": ["kept"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["kept"], "level": "INFO", "propagate": False},
        "django.db.backends": {"handlers": ["kept"], "level": "DEBUG"},
    },
}
logger = logging.getLogger("tests.texts")


class Kept(logging.Handler):
    """Keeps records and lines."""

    records = []
    lines = []

    def emit(self, record):
        self.records.append(record)
        self.lines.append(self.format(record))


@pytest.fixture
def lines():
    """The lines that are logged by LOGGING."""
    names = list(LOGGING["loggers"])
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level)
        for name in names
    }
    Kept.records.clear()
    Kept.lines.clear()
    logging.config.dictConfig(LOGGING)
    yield Kept.lines
    for name, (handlers, level) in before.items():
        log = logging.getLogger(name)
        log.handlers[:] = handlers
        log.setLevel(level)
        log.propagate = True


def read():
    """Return the last message of the tenant active now, as the records say."""
    key = str(get_tenant() or "-")
    found = [r for r in Kept.records if getattr(r, "tenant", key) == key]
    return found[-1].getMessage() if found else None


def write(value):
    logger.info(value)


@pytest.mark.service("Logging", "`TenantFilter` on a handler", by=FILTER)
def test_each_record_names_its_tenant(lines):
    sandwich.check(write, read, ACME, GLOBEX)
    assert {line.split()[0] for line in lines} == {"-", "acme", "globex"}


def test_control_without_the_filter_records_do_not(lines):
    logger.handlers[0].filters.clear()
    logger.handlers[0].setFormatter(None)
    with pytest.raises(sandwich.Leaked):
        sandwich.check(write, read, ACME, GLOBEX)


@pytest.fixture
def listener(lines):
    """Records go through a queue, to a thread that has no tenant."""
    kept = logger.handlers[0]
    handler = logging.handlers.QueueHandler(queue.SimpleQueue())
    handler.addFilter(TenantFilter())
    logger.handlers[:] = [handler]
    made = logging.handlers.QueueListener(handler.queue, kept)
    made.start()
    yield made
    made.stop()


@pytest.mark.service("Logging", "`QueueHandler`", by=FILTER)
def test_a_record_that_travels_to_another_thread_names_where_it_was_made(
    lines, listener
):
    def read_it():
        listener.stop()
        listener.start()
        return read()

    sandwich.here(write, read_it, [None, ACME, GLOBEX])
    assert {line.split()[0] for line in lines} == {"-", "acme", "globex"}


def test_control_a_filter_behind_the_queue_is_too_late(lines, listener):
    logger.handlers[0].filters.clear()
    with override_tenant(ACME):
        write("late")
    listener.stop()
    listener.start()
    assert lines == ["- late"]


def test_what_the_caller_says_is_kept(lines):
    with override_tenant(ACME):
        logger.info("moved", extra={"tenant": "globex"})
    assert lines == ["globex moved"]


@pytest.fixture(scope="module")
def pair(database):
    """Two tenants, reachable at `<key>.example.org`."""
    with two_tenants() as made:
        yield made


@pytest.mark.service("Logging", "`django.request`, `django.db.backends`", by=FILTER)
def test_djangos_own_loggers_name_the_tenant_of_the_request(pair, lines, settings):
    settings.DEBUG = True  # of queries: logged in DEBUG alone
    for tenant in pair:
        lines.clear()
        host = {"host": f"{tenant.key}.example.org"}
        connection.force_debug_cursor = True
        assert Client().get("/", headers=host).status_code == 200
        assert Client().get("/nothing/", headers=host).status_code == 404
        connection.force_debug_cursor = False
        queries = [line for line in lines if "FROM" in line and "shop_author" in line]
        assert queries
        assert all(line.startswith(f"{tenant.key} ") for line in queries)
        assert f"{tenant.key} Not Found: /nothing/" in lines


def test_without_a_tenant_a_dash_stands_for_it(pair, lines):
    assert Client().get("/no/", headers={"host": "example.com"}).status_code == 404
    assert Client().get("/no/", headers={"host": "nobody.example"}).status_code == 404
    socket = object()  # what the development server's access log gives as the request
    logging.getLogger("django.server").info("GET", extra={"request": socket})
    bare = RequestFactory().get("/")
    logging.getLogger("django.request").warning("bare", extra={"request": bare})
    assert [line.split()[0] for line in lines] == ["-"] * 4


@pytest.mark.service(
    "PostgreSQL's logs and `pg_stat_activity`",
    "schemas and rows",
    by="each statement carries its tenant; `APPLICATION_NAME` shows its key",
)
@pytest.mark.parametrize("isolation", [SchemaIsolation, RowIsolation])
def test_each_message_to_postgresql_names_its_tenant(isolation):
    """What the server shows of it, `tests/conformance/test_shown.py` tells."""
    options = {"APPLICATION_NAME": "shop:{key}"}
    placed = Placement("default", "", "default", options)
    for place in (ACME, GLOBEX):
        carried = isolation(placed).carried(place.ref)
        rows = f"tenantry.tenant TO '{place.key}'"
        schema = f'search_path TO "{place.key}"'
        name = f"SET LOCAL application_name TO 'shop:{place.key}'"
        text = carried.sql.decode()
        assert (rows if isolation is RowIsolation else schema) in text
        assert name in text
        assert carried.statements == text.count("SET LOCAL")
        without = isolation(replace(placed, options={})).carried(place.ref)
        assert b"application_name" not in without.sql + without.select


def test_it_costs_next_to_nothing():
    record = logging.LogRecord("x", 20, "x", 1, "x", (), None)
    told = TenantFilter()

    def once():
        record.__dict__.pop("tenant", None)
        told.filter(record)

    each = min(timeit.repeat(once, number=2000, repeat=5)) / 2000
    assert each < 20e-6
