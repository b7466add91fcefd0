"""Each span names the tenant it began in; that of a request, the request's."""

import pytest
from django.test import Client
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tenantry import get_tenant, override_tenant
from tenantry.contrib.opentelemetry import TenantSpanProcessor
from tenantry.signals import tenant_resolved
from tests.scopes import sandwich
from tests.scopes.places import ACME, GLOBEX
from tests.world import two_tenants

BY = "the processor asks which tenant is active as the span starts"


class Traced:
    """A provider of its own, and the spans that ended."""

    def __init__(self, *processors):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        for processor in (*processors, SimpleSpanProcessor(self.exporter)):
            self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("tests")

    def write(self, value):
        with self.tracer.start_as_current_span(value):
            pass

    def read(self):
        key = str(get_tenant() or "-")
        found = [
            span.name
            for span in self.exporter.get_finished_spans()
            if span.attributes.get("tenant", key if key == "-" else None) == key
        ]
        return found[-1] if found else None


@pytest.mark.service("OpenTelemetry", "a span processor", by=BY)
def test_each_span_names_its_tenant():
    traced = Traced(TenantSpanProcessor())
    sandwich.check(traced.write, traced.read, ACME, GLOBEX)


def test_control_without_the_processor_spans_do_not():
    traced = Traced()
    with pytest.raises(sandwich.Leaked):
        sandwich.check(traced.write, traced.read, ACME, GLOBEX)


@pytest.fixture(scope="module")
def pair(database):
    """Two tenants, reachable at `<key>.example.org`."""
    with two_tenants() as made:
        yield made


@pytest.fixture
def instrumented(settings):
    """Django as the real instrumentation leaves it, with the processor."""
    traced = Traced(TenantSpanProcessor())
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    DjangoInstrumentor().instrument(tracer_provider=traced.provider)
    yield traced
    DjangoInstrumentor().uninstrument()


def of_requests(traced):
    """Return the tenants that the spans of requests name."""
    return [
        span.attributes.get("tenant")
        for span in traced.exporter.get_finished_spans()
        if span.kind is trace.SpanKind.SERVER
    ]


def ask(pair):
    hosts = [f"{tenant.key}.example.org" for tenant in pair]
    for host in [*hosts, "example.com", hosts[0]]:
        assert Client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.service(
    "OpenTelemetry",
    "`DjangoInstrumentor`",
    by="the span of the request is told when its tenant is found",
)
def test_the_span_of_a_request_names_its_tenant_though_it_began_before(
    pair, instrumented
):
    ask(pair)
    a, b = (tenant.key for tenant in pair)
    assert of_requests(instrumented) == [a, b, None, a]


def test_control_without_the_signal_it_does_not(pair, instrumented):
    tenant_resolved.disconnect(dispatch_uid="tenantry.opentelemetry")
    ask(pair)
    assert of_requests(instrumented) == [None] * 4


def test_a_span_of_another_tenant_within_a_request_names_that_one():
    traced = Traced(TenantSpanProcessor())
    with override_tenant(ACME), traced.tracer.start_as_current_span("outer"):
        with override_tenant(GLOBEX):
            traced.write("inner")
        with override_tenant(None):
            traced.write("shared")
    found = [
        (span.name, span.attributes.get("tenant"))
        for span in traced.exporter.get_finished_spans()
    ]
    assert found == [("inner", "globex"), ("shared", None), ("outer", "acme")]
