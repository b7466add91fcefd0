"""Each event of structlog names the tenant it was made in."""

import logging

import pytest
import structlog
from django.http import HttpRequest

from tenantry import get_tenant, override_tenant
from tenantry.contrib.structlog import add_tenant
from tests.scopes import sandwich
from tests.scopes.places import ACME, GLOBEX

BY = "the processor asks which tenant is active as the event is made"


def kept(*processors):
    """Return a logger and the list of its events."""
    events = []

    def keep(_logger, _method, event):
        events.append(event)
        raise structlog.DropEvent

    return structlog.wrap_logger(None, processors=[*processors, keep]), events


def sandwiched(*processors):
    log, events = kept(*processors)

    def read():
        key = str(get_tenant() or "-")
        found = [e["event"] for e in events if e.get("tenant", key) == key]
        return found[-1] if found else None

    sandwich.check(log.info, read, ACME, GLOBEX)


@pytest.mark.service("structlog", "a processor", by=BY)
def test_each_event_names_its_tenant():
    sandwiched(add_tenant)


def test_control_without_the_processor_events_do_not():
    with pytest.raises(sandwich.Leaked):
        sandwiched()


def test_what_was_bound_is_kept_and_a_dash_is_for_none():
    log, events = kept(add_tenant)
    with override_tenant(ACME):
        log.bind(tenant="mine").info("bound")
    log.info("none")
    assert [event["tenant"] for event in events] == ["mine", "-"]


@pytest.mark.service("structlog", "records of `logging`", by=BY)
def test_records_of_logging_name_their_tenant_or_their_requests():
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[add_tenant],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.KeyValueRenderer(key_order=["tenant", "event"]),
        ],
    )

    def line(**facts):
        return formatter.format(logging.makeLogRecord({"msg": "x", **facts}))

    request = HttpRequest()
    request.tenant = GLOBEX
    with override_tenant(ACME):
        assert line() == "tenant='acme' event='x'"
    assert line(request=request) == "tenant='globex' event='x'"
    assert line(request=object()) == "tenant='-' event='x'"
