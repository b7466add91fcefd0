"""Settings per tenant: read through Django's own, checked, encrypted, and Django's."""

import time
from contextlib import contextmanager

import pytest
from django.conf import LazySettings, settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import MaxValueValidator
from django.db import connection, transaction
from django.forms import modelform_factory
from django.test import RequestFactory, override_settings
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from tenantry import bind_tenant, override_tenant
from tenantry.catalog.registry import registry
from tenantry.cli.show import facts_of
from tenantry.exceptions import NotSupported, TenantNotFound, UnusableSetting
from tenantry.types import TenantRef
from tests.customers.models import Tenant
from tests.scopes.sandwich import Leaked, check
from tests.world import in_threads, run, without_seam

# Of the EMAIL_ settings, which Django 6.1 begins to replace.
pytestmark = pytest.mark.filterwarnings("ignore:.*Migrate to MAILERS")
HIDDEN = "ecruos-eht-ni-ton"[::-1]  # pages of errors show the source
DECLARED = {
    "DEFAULT_FROM_EMAIL": {},
    "EMAIL_HOST": {},
    "EMAIL_PORT": {},
    "EMAIL_HOST_USER": {},
    "EMAIL_HOST_PASSWORD": {},
    "ADMINS": {},
    "SITE_ID": {},
    "SEATS": {"TYPE": int, "DEFAULT": 3, "VALIDATORS": [MaxValueValidator(100)]},
    "BETA": {"DEFAULT": False, "HELP": "A feature flag."},
    "PLAN": {"DEFAULT": {"name": "free"}},
    "PAY_TOKEN": {"TYPE": str},
}


def declaring(**spec):
    """Return an override of TENANTRY that declares these settings."""
    return override_settings(TENANTRY={**settings.TENANTRY, **spec})


@pytest.fixture(autouse=True)
def _declared(pair):
    with declaring(SETTINGS=DECLARED):
        yield
        for tenant in pair:
            names = Tenant.objects.get(pk=tenant.pk).settings
            tenant.set_settings(**dict.fromkeys(names))


@contextmanager
def without_scope():
    """Give Django its settings back for a block."""
    ours = type(settings)
    assert ours is not LazySettings
    object.__dict__["__class__"].__set__(settings, LazySettings)
    try:
        yield
    finally:
        object.__dict__["__class__"].__set__(settings, ours)


def write(name, made=lambda value: value):
    """Return what writes a value where it belongs: into the row, or the project's."""

    def act(value):
        tenant = Tenant.objects.get_active()
        if tenant is None:
            setattr(settings, name, made(value))
        else:
            tenant.set_settings(**{name: made(value)})

    return act


@pytest.mark.service("Settings", "declared names", by="the tenant's row")
class TestTheSandwich:
    @pytest.fixture(autouse=True)
    def _project(self):
        with override_settings(DEFAULT_FROM_EMAIL="x@example.com", PLAN={}):
            yield

    def test_each_place_reads_its_own(self, pair):
        act = write("DEFAULT_FROM_EMAIL", "{} <x@example.com>".format)
        check(act, lambda: settings.DEFAULT_FROM_EMAIL.removesuffix(SUFFIX), *pair)

    def test_each_place_reads_its_own_of_what_is_no_setting_of_djangos(self, pair):
        act = write("PLAN", lambda value: {"name": value})
        check(act, lambda: settings.PLAN["name"], *pair)

    def test_without_the_scope_it_leaks(self, pair):
        act = write("DEFAULT_FROM_EMAIL", "{} <x@example.com>".format)
        with without_scope(), pytest.raises(Leaked):
            check(act, lambda: settings.DEFAULT_FROM_EMAIL.removesuffix(SUFFIX), *pair)


SUFFIX = " <x@example.com>"


def test_what_a_tenant_has_not_is_the_projects_and_then_the_declared_default(pair):
    a, b = pair
    a.set_settings(SEATS=7, BETA=True)
    with override_tenant(a):
        assert (settings.SEATS, settings.BETA) == (7, True)
        assert settings.DEFAULT_FROM_EMAIL == "webmaster@localhost"
    with override_tenant(b):
        assert (settings.SEATS, settings.BETA) == (3, False)
        with pytest.raises(AttributeError):
            _ = settings.SITE_ID
        assert getattr(settings, "SITE_ID", None) is None
    with override_settings(SEATS=5), override_tenant(b):
        assert settings.SEATS == 5
    assert settings.SEATS == 3


def test_none_takes_a_value_away(pair):
    a, _ = pair
    a.set_settings(SEATS=7)
    a.set_settings(SEATS=None)
    assert a.settings == {}
    with override_tenant(a):
        assert settings.SEATS == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SEATS": "7"}, "SEATS of tenant 'KEY': '7' is not of type int"),
        ({"SEATS": True}, "True is not of type int"),
        ({"SEATS": 101}, "less than or equal to 100"),
        ({"SEAT": 1}, "not declared in TENANTRY['SETTINGS']; did you mean 'SEATS'?"),
        ({"SEAT": None}, "not declared"),
        ({"EMAIL_PORT": 70000}, "70000 is no port"),
        ({"DEFAULT_FROM_EMAIL": "a@example.com\nBcc: b@example.com"}, "line break"),
        ({"DEFAULT_FROM_EMAIL": "nobody"}, "valid email"),
        ({"PAY_TOKEN": 5}, "int is not of type str"),
    ],
)
def test_what_cannot_be_is_refused_by_name_tenant_and_reason(pair, given, said):
    a, _ = pair
    with pytest.raises(ValidationError) as caught:
        a.set_settings(**given)
    assert said.replace("KEY", a.key) in "; ".join(caught.value.messages)
    assert Tenant.objects.get(pk=a.pk).settings == {}


def test_it_is_refused_on_every_way_into_the_row(pair):
    row = Tenant.objects.get(pk=pair[0].pk)
    row.settings["SEATS"] = "many"
    for act in (row.full_clean, row.save, row.clean):
        with pytest.raises(ValidationError, match="SEATS"):
            act()
    row.settings = ["SEATS"]
    with pytest.raises(ValidationError, match="not a dict"):
        row.save()
    with pytest.raises(NotSupported, match="set_settings"):
        Tenant.objects.filter(pk=row.pk).update(settings={"SEATS": "many"})
    with pytest.raises(ValidationError, match="SEATS"):
        Tenant(key="new", settings={"SEATS": "many"}).full_clean()


def test_what_is_no_longer_declared_stays_and_is_the_projects(pair):
    a, _ = pair
    a.set_settings(SEATS=7, BETA=True)
    with declaring(SETTINGS={"BETA": {"TYPE": str, "DEFAULT": "no"}}):
        row = Tenant.objects.get(pk=a.pk)
        row.name = "Another"
        row.full_clean()
        row.save()
        with override_tenant(a):
            assert not hasattr(settings, "SEATS")
            with pytest.raises(UnusableSetting, match=f"BETA of tenant '{a.key}'"):
                _ = settings.BETA
    assert Tenant.objects.get(pk=a.pk).settings == {"SEATS": 7, "BETA": True}


# --- secrets


def stored(tenant, name):
    return Tenant.objects.get(pk=tenant.pk).settings[name]


def test_a_secret_is_encrypted_at_rest_and_read_as_it_was(pair):
    a, b = pair
    a.set_settings(PAY_TOKEN="s3cret", EMAIL_HOST_PASSWORD="pw")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT settings FROM {Tenant._meta.db_table} WHERE id = %s", [a.pk]
        )
        assert "s3cret" not in str(cursor.fetchone())
    assert list(stored(a, "PAY_TOKEN")) == ["$secret"]
    with override_tenant(a):
        assert settings.PAY_TOKEN == "s3cret"
        assert settings.EMAIL_HOST_PASSWORD == "pw"
    with override_tenant(b):
        assert not hasattr(settings, "PAY_TOKEN")
        assert settings.EMAIL_HOST_PASSWORD == ""


def test_a_plain_secret_given_with_the_row_is_encrypted_too(pair):
    row = Tenant.objects.get(pk=pair[0].pk)
    row.settings = {"PAY_TOKEN": "s3cret"}
    row.save()
    assert list(row.settings["PAY_TOKEN"]) == ["$secret"]


@pytest.mark.parametrize("name", ["PAY_TOKEN", "EMAIL_HOST_PASSWORD"])
def test_a_secret_copied_to_another_tenant_or_name_is_refused(pair, name):
    a, b = pair
    a.set_settings(PAY_TOKEN="s3cret")
    copied = stored(a, "PAY_TOKEN")
    target = b if name == "PAY_TOKEN" else a
    with pytest.raises(ValidationError, match="another tenant or setting"):
        target.set_settings(**{name: copied})
    # Past every check of ours, as an attacker of the database would.
    Tenant._base_manager.filter(pk=target.pk).update(settings={name: copied})
    registry.clear()
    with (
        override_tenant(target),
        pytest.raises(UnusableSetting, match=f"{name} of tenant '{target.key}'"),
    ):
        getattr(settings, name)
    Tenant._base_manager.filter(pk=target.pk).update(settings={})


def test_a_secret_stored_in_plain_text_is_refused(pair):
    a, _ = pair
    Tenant._base_manager.filter(pk=a.pk).update(settings={"PAY_TOKEN": "plain"})
    registry.clear()
    with override_tenant(a), pytest.raises(UnusableSetting, match="plain text"):
        _ = settings.PAY_TOKEN


def test_keys_rotate(pair):
    a, _ = pair
    old, new = settings.SECRET_KEY, "the new one"

    def read():
        registry.clear()
        with override_tenant(a):
            return settings.PAY_TOKEN

    a.set_settings(PAY_TOKEN="s3cret")
    with override_settings(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[old]):
        assert read() == "s3cret"
    with (
        override_settings(SECRET_KEY=new),
        pytest.raises(UnusableSetting, match="no longer among"),
    ):
        read()
    with override_settings(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[old]):
        a.reseal_settings()
    with override_settings(SECRET_KEY=new):
        assert read() == "s3cret"
    with (
        override_settings(SECRET_KEY=new),
        declaring(SETTINGS=DECLARED, SECRETS_KEYS=["apart"]),
        pytest.raises(UnusableSetting),
    ):
        read()


def test_without_the_library_it_says_which(pair, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(ImproperlyConfigured, match=r"django-tenantry\[secrets\]"):
        pair[0].set_settings(PAY_TOKEN="s3cret")
    pair[0].set_settings(SEATS=4)


def report_of_an_error(request):
    """Return the debug page and mail of an error, in HTML and in text."""
    try:
        int("no number")
    except ValueError as error:
        made = ExceptionReporter(request, type(error), error, error.__traceback__)
    return made.get_traceback_html() + made.get_traceback_text()


def test_secrets_are_masked_where_people_look(pair):
    a, _ = pair
    with declaring(SETTINGS={"WORD": {"TYPE": str, "SECRET": True}}):
        a.set_settings(WORD=HIDDEN)
        row = Tenant.objects.get(pk=a.pk)
        token = row.settings["WORD"]["$secret"]
        form = modelform_factory(Tenant, fields=["settings"])(instance=row)
        with override_tenant(a), override_settings(WORD="project's"):
            assert settings.WORD == HIDDEN
            page = report_of_an_error(RequestFactory().get("/"))
        assert "WORD" in page
        for shown in (str(facts_of(row)), str(form), repr(row), page):
            assert token not in shown
            assert HIDDEN not in shown
        assert "********" in str(facts_of(row))
        with without_seam(SafeExceptionReporterFilter, "cleanse_setting"):
            with override_tenant(a), override_settings(WORD="project's"):
                page = report_of_an_error(RequestFactory().get("/"))
            assert HIDDEN in page


def test_what_reports_print_of_a_tenants_own_settings_shows_no_value(pair):
    a, _ = pair
    a.set_settings(PAY_TOKEN=HIDDEN)
    own = registry.by_key(a.key).settings
    assert own["PAY_TOKEN"] == HIDDEN
    assert HIDDEN in dict.__repr__(own)  # control: it is kept, as it is read often
    for shown in (repr(own), str(own), f"{own}"):
        assert HIDDEN not in shown
        assert "PAY_TOKEN" in shown


def test_a_mask_that_a_form_sends_back_means_as_it_was(pair):
    a, _ = pair
    a.set_settings(PAY_TOKEN="s3cret", SEATS=4)
    form_class = modelform_factory(Tenant, fields=["settings"])
    sent = {"settings": '{"PAY_TOKEN": "********", "SEATS": 5}'}
    form = form_class(sent, instance=Tenant.objects.get(pk=a.pk))
    assert form.is_valid(), form.errors
    form.save()
    with override_tenant(a):
        assert (settings.PAY_TOKEN, settings.SEATS) == ("s3cret", 5)
    form = form_class({"settings": '{"SEATS": "x"}'}, instance=a)
    assert "SEATS of tenant" in str(form.errors)


# --- the project's mail server does not hand its password to a tenant's


def test_the_projects_password_is_not_for_a_server_that_a_tenant_names(pair):
    a, b = pair
    a.set_settings(EMAIL_HOST="smtp.a.example")
    with override_settings(
        EMAIL_HOST="smtp.example.com",
        EMAIL_HOST_USER="we",
        EMAIL_HOST_PASSWORD="ours",
    ):
        with override_tenant(a):
            assert settings.EMAIL_HOST == "smtp.a.example"
            assert (settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD) == ("", "")
        with override_tenant(b):
            assert settings.EMAIL_HOST_PASSWORD == "ours"


def test_a_tenant_does_not_let_the_projects_password_go_in_the_clear(pair):
    a, _ = pair
    own = {**DECLARED, "EMAIL_USE_TLS": {}, "EMAIL_USE_SSL": {}}
    with declaring(SETTINGS=own), override_settings(EMAIL_USE_TLS=True):
        a.set_settings(EMAIL_USE_TLS=False)
        with override_tenant(a):
            assert settings.EMAIL_USE_TLS is True
        a.set_settings(EMAIL_HOST="smtp.a.example")
        with override_tenant(a):
            assert settings.EMAIL_USE_TLS is False


# --- Django's own ways with its settings


def test_the_ways_of_djangos_settings_keep_working(pair):
    a, b = pair
    a.set_settings(DEFAULT_FROM_EMAIL="a@example.com")
    with override_tenant(b):
        with override_settings(DEFAULT_FROM_EMAIL="over@example.com"):
            assert settings.DEFAULT_FROM_EMAIL == "over@example.com"
            assert settings.is_overridden("DEFAULT_FROM_EMAIL")
        assert settings.DEFAULT_FROM_EMAIL == "webmaster@localhost"
        with override_settings():
            settings.DEFAULT_FROM_EMAIL = "set@example.com"
            assert settings.DEFAULT_FROM_EMAIL == "set@example.com"
            del settings.DEFAULT_FROM_EMAIL
            assert not hasattr(settings, "DEFAULT_FROM_EMAIL")
            with override_tenant(a):
                assert settings.DEFAULT_FROM_EMAIL == "a@example.com"
    assert {"DEFAULT_FROM_EMAIL", "SEATS", "DEBUG"} <= set(dir(settings))
    assert settings.configured
    assert repr(settings)
    assert isinstance(settings, LazySettings | settings.__class__)


def test_diffsettings_tells_the_projects(capsys):
    from django.core.management import call_command

    with override_settings(DEFAULT_FROM_EMAIL="p@example.com"):
        call_command("diffsettings", all=True)
    assert "DEFAULT_FROM_EMAIL = 'p@example.com'" in capsys.readouterr().out


def test_settings_configured_by_hand_are_read_too():
    ours = type(settings)
    made = ours()
    made.configure(DEFAULT_FROM_EMAIL="hand@example.com", SECRET_KEY="x")
    assert made.DEFAULT_FROM_EMAIL == "hand@example.com"
    assert made.SECRET_KEY == "x"


def test_names_that_are_not_declared_are_djangos_own_affair():
    assert "USE_TZ" not in vars(type(settings))
    _ = settings.USE_TZ
    assert settings.__dict__["USE_TZ"] is True


# --- where no query can be made


def test_a_value_is_read_without_a_query(pair, django_assert_num_queries):
    a, _ = pair
    a.set_settings(SEATS=7)
    with override_tenant(a):
        _ = settings.SEATS
        with django_assert_num_queries(0):
            assert settings.SEATS == 7


def test_it_is_read_in_an_event_loop_and_in_a_transaction_that_failed(pair):
    a, _ = pair
    a.set_settings(SEATS=7)

    async def read():
        async with override_tenant(a):
            return settings.SEATS

    registry.clear()
    assert run(read()) == 7  # not in memory: another thread asks
    registry._next_look = 0.0
    assert run(read()) == 7

    def broken():
        with transaction.atomic():
            transaction.set_rollback(True)
            registry._next_look = 0.0
            with override_tenant(a):
                return settings.SEATS

    assert broken() == 7


def test_a_tenant_that_is_gone_has_no_settings_but_an_error():
    gone = TenantRef(key="never-was", location="never-was")
    with override_tenant(gone), pytest.raises(TenantNotFound):
        _ = settings.SEATS


def test_an_error_inside_never_means_the_projects_value(pair, monkeypatch):
    def broken(_key):
        raise AttributeError("a fault")

    monkeypatch.setattr(registry, "remembered", broken)
    with override_tenant(pair[0]), pytest.raises(UnusableSetting, match="a fault"):
        _ = settings.SEATS


def test_a_change_is_seen_by_every_thread_at_once(pair):
    a, _ = pair
    a.set_settings(SEATS=7)
    with override_tenant(a):
        assert settings.SEATS == 7
        a.set_settings(SEATS=8)
        assert in_threads(bind_tenant(lambda: settings.SEATS)) == [8]


def test_a_value_costs_a_few_microseconds_at_most(pair):
    a, _ = pair
    a.set_settings(SEATS=7)
    with override_tenant(a):
        _ = settings.SEATS
        begun = time.process_time()
        for _ in range(10_000):
            _ = settings.SEATS
        spent = (time.process_time() - begun) / 10_000
    assert spent < 20e-6
