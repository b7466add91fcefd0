"""Scopes are chosen one by one; `tenants set` gives tenants their values."""

import pytest

from tests.lifecycle import acts
from tests.projects import SQLITE, Project

DECLARED = {
    "SEATS": {"DEFAULT": 5},
    "BETA": {"DEFAULT": False},
    "DEFAULT_FROM_EMAIL": {},
    "PAY_TOKEN": {"DEFAULT": ""},
}


class WithSettings(Project):
    def tenantry(self):
        return {**super().tenantry(), "SETTINGS": DECLARED}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = WithSettings(SQLITE, tmp_path_factory.mktemp("scopes") / "p")
    made.manage("migrate", "-v0").ok()
    for key in ("acme", "globex"):
        made.call(acts.provision, key)
    yield made
    made.close()


def facts():
    """Return what each scope does in this process."""
    from django.conf import settings
    from django.core import signing

    from tenantry import override_tenant
    from tests.customers.models import Tenant

    Tenant.objects.get(key="acme").set_settings(SEATS=20)
    with override_tenant("acme"):
        token, seats = signing.dumps(1), getattr(settings, "SEATS", None)
    with override_tenant("globex"):
        try:
            crosses = signing.loads(token) == 1
        except signing.BadSignature:
            crosses = False
    return {"seats": seats, "crosses": crosses, "class": type(settings).__name__}


@pytest.mark.parametrize(
    ("scopes", "seats", "crosses", "cls"),
    [
        (["settings", "signing"], 20, False, "TenantSettings"),
        (["settings"], 20, True, "TenantSettings"),
        (["signing"], None, False, "TenantSettings"),
        ([], None, True, "LazySettings"),
    ],
)
def test_each_scope_stands_alone(project, scopes, seats, crosses, cls):  # noqa: PLR0917
    project.change(TENANTRY={**project.tenantry(), "SCOPES": scopes})
    assert project.call(facts) == {"seats": seats, "crosses": crosses, "class": cls}


def stored():
    from tests.customers.models import Tenant

    return Tenant.objects.get(key="acme").settings


def test_set_writes_values_and_shows_them(project):
    project.change(TENANTRY=project.tenantry())
    values = ["SEATS=7", "BETA=true", "DEFAULT_FROM_EMAIL=a=b@example.com"]
    said = project.manage("tenants", "set", "acme", *values).ok().out
    assert said.splitlines() == [
        "BETA = True",
        "DEFAULT_FROM_EMAIL = 'a=b@example.com'",
        "SEATS = 7",
    ]
    secret = project.manage(
        "tenants", "set", "acme", "PAY_TOKEN=-", say="s3cret\n"
    ).ok()
    assert "PAY_TOKEN = '********'" in secret.out
    shown = project.manage("tenants", "show", "acme").ok().out
    assert "'SEATS': 7" in shown
    assert "'PAY_TOKEN': '********'" in shown
    unset = project.manage("tenants", "set", "acme", "--unset", "SEATS").ok().out
    assert "SEATS" not in unset
    found = project.call(stored)
    assert found.keys() == {"BETA", "DEFAULT_FROM_EMAIL", "PAY_TOKEN"}
    assert list(found["PAY_TOKEN"]) == ["$secret"]


def ask_on_a_terminal():
    import sys
    from unittest import mock

    from tenantry.cli import set as verb

    with (
        mock.patch.object(sys, "stdin", mock.Mock(isatty=lambda: True)),
        mock.patch.object(verb, "getpass", lambda prompt: f"typed after {prompt!r}"),
    ):
        return verb.parse("PAY_TOKEN=-")


def test_on_a_terminal_a_secret_is_asked_for(project):
    project.change(TENANTRY=project.tenantry())
    asked = project.call(ask_on_a_terminal)
    assert list(asked) == ["PAY_TOKEN", "typed after 'PAY_TOKEN: '"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nobody", "SEATS=7"], "no tenant 'nobody'"),
        (["acme", "SEATS"], "'SEATS' is not NAME=VALUE"),
        (["acme", "SEATS=many"], "'many' is not of type int"),
        (["acme", "SEAT=7"], "'SEAT' is not declared in TENANTRY['SETTINGS']; did you"),
        (["acme", "--unset", "SEAT"], "'SEAT' is not declared"),
        (["acme", "DEBUG=1"], "'DEBUG' is not declared"),
        (["acme", "seats=1"], "did you mean 'SEATS'?"),
        (["acme", "PAY_TOKEN=-", "SEATS=-"], "read for one value"),
    ],
)
def test_set_refuses_what_cannot_be(project, given, said):
    project.change(TENANTRY=project.tenantry())
    ended = project.manage("tenants", "set", *given)
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err


def provision_with_settings():
    from django.conf import settings

    from tenantry import override_tenant
    from tests.customers.models import Tenant

    made = Tenant.objects.provision(
        key="hooli", settings={"SEATS": 9, "PAY_TOKEN": "s3cret"}
    )
    with override_tenant(made):
        found = settings.SEATS, settings.PAY_TOKEN
    return [*found, list(made.settings["PAY_TOKEN"])]


def test_a_tenant_is_provisioned_with_settings(project):
    project.change(TENANTRY=project.tenantry())
    assert project.call(provision_with_settings) == [9, "s3cret", ["$secret"]]
