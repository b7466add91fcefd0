"""The rows of the catalog: validated, unique in the database too, permanent."""

from functools import update_wrapper

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.template import Context, Engine

from tenantry.exceptions import KeyTaken, LifecycleError, NotSupported
from tenantry.models import State, UsedKey
from tests.customers.models import Domain, Tenant
from tests.world import new_key, provision

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant():
    """A row, with no tables."""
    made = Tenant.objects.create(key=new_key())
    yield made
    Tenant.objects.filter(pk=made.pk).update(state=State.DROPPING)
    Tenant.objects.filter(pk=made.pk).delete()
    UsedKey.objects.filter(key=made.key).delete()


@pytest.fixture
def other(tenant):
    """Another one."""
    made = Tenant.objects.create(key=new_key())
    yield made
    Tenant.objects.filter(pk=made.pk).update(state=State.DROPPING)
    Tenant.objects.filter(pk=made.pk).delete()
    UsedKey.objects.filter(key=made.key).delete()


def insert_copy(tenant, **changed):
    """Insert a row as raw SQL would, past every validation of ours."""
    fields = [f for f in Tenant._meta.concrete_fields if not f.primary_key]
    values = {f.column: f.value_from_object(tenant) for f in fields}
    values["settings"] = "{}"
    values = {**values, "key": new_key(), "slug": new_key(), "location": new_key()}
    values.update(changed)
    columns = ", ".join(connection.ops.quote_name(name) for name in values)
    marks = ", ".join(["%s"] * len(values))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Tenant._meta.db_table} ({columns}) VALUES ({marks})",
            list(values.values()),
        )


def test_a_row_is_only_a_row(tenant):
    assert tenant.state == State.PROVISIONING
    assert tenant.slug == tenant.key
    assert tenant.location
    assert tenant.ref.label == f"tenant:{tenant.key}"


@pytest.mark.parametrize("name", ["key", "slug", "location"])
def test_what_must_be_unique_is_so_in_the_database(tenant, name):
    with pytest.raises(IntegrityError):
        insert_copy(tenant, **{name: getattr(tenant, name)})


@pytest.mark.parametrize("key", ["Acme", "1a", "a b", "", "-a"])
def test_the_form_of_a_key_is_the_databases_too(tenant, key):
    with pytest.raises(IntegrityError):
        insert_copy(tenant, key=key)


@pytest.mark.parametrize("name", ["key", "placement", "location", "kind"])
def test_what_is_permanent_does_not_change(tenant, name):
    row = Tenant.objects.get(pk=tenant.pk)
    setattr(row, name, "x")
    with pytest.raises(ValidationError):
        row.save()
    with pytest.raises(NotSupported):
        Tenant.objects.filter(pk=tenant.pk).update(**{name: "x"})
    tenant.refresh_from_db()
    assert getattr(tenant, name) != "x"


def test_a_reserved_key_or_slug_is_refused():
    for fields in ({"key": "www"}, {"key": new_key(), "slug": "admin"}):
        with pytest.raises(ValidationError):
            Tenant(**fields).save()
        with pytest.raises((ValidationError, LifecycleError)):
            Tenant.objects.provision(**fields)
    assert not UsedKey.objects.filter(key="www").exists()


def test_rows_are_not_made_in_bulk():
    with pytest.raises(NotSupported):
        Tenant.objects.bulk_create([Tenant(key=new_key())])
    with pytest.raises(NotSupported):
        Domain.objects.bulk_create([Domain(host="x.example")])


ACTS = ["suspend", "resume", "reseal_settings", "set_settings", "drop"]


@pytest.mark.parametrize("act", ACTS)
def test_a_template_that_names_an_act_does_not_do_it(tenant, act, monkeypatch):
    done = []
    template = Engine().from_string("{{ tenant.%s }}" % act)  # noqa: UP031
    original = getattr(Tenant, act)

    def spied(self, **_):
        done.append(act)

    monkeypatch.setattr(Tenant, act, update_wrapper(spied, original))
    assert template.render(Context({"tenant": tenant})) == ""
    assert not done
    spied.alters_data = False
    template.render(Context({"tenant": tenant}))  # control: it is that
    assert done


def test_a_row_is_not_deleted_alone(tenant):
    for attempt in (tenant.delete, Tenant.objects.filter(pk=tenant.pk).delete):
        with pytest.raises(LifecycleError):
            attempt()
    assert Tenant.objects.filter(pk=tenant.pk).exists()


def test_a_key_that_was_dropped_is_never_used_again():
    tenant = provision()
    key = tenant.key
    with pytest.raises(LifecycleError):
        tenant.drop(confirm="wrong")
    tenant.drop(confirm=key)
    assert not Tenant.objects.filter(key=key).exists()
    assert UsedKey.objects.get(key=key).dropped_at is not None
    with pytest.raises(KeyTaken, match="dropped"):
        Tenant.objects.provision(key=key)
    with pytest.raises(KeyTaken, match="dropped"):
        Tenant(key=key).save()
    UsedKey.objects.filter(key=key).delete()
    again = Tenant.objects.provision(key=key)  # control: it was the tombstone
    again.drop(confirm=key)


def test_a_domain_is_stored_in_its_one_form(tenant):
    host = new_key("h")
    domain = Domain(tenant=tenant, host=f"{host.upper()}.Example.COM.:80")
    domain.save()
    assert domain.host == f"{host}.example.com"
    assert Domain.objects.get(host=f"{host}.EXAMPLE.com").pk == domain.pk
    Domain.objects.filter(pk=domain.pk).update(host=f"{host}.Example.ORG")
    domain.refresh_from_db()
    assert domain.host == f"{host}.example.org"


@pytest.mark.parametrize("host", ["x_y.example", "a b", "\N{GREEK SMALL LETTER PI}b.c"])
def test_what_is_no_host_is_not_stored(tenant, host):
    with pytest.raises(ValidationError):
        Domain(tenant=tenant, host=host).save()
    assert not Domain.objects.filter(tenant=tenant).exists()


def test_a_host_is_one_tenants(tenant, other):
    host = f"{new_key('h')}.example.com"
    Domain(tenant=tenant, host=host).save()
    for given in (host, host.upper(), f"{host}.", f"{host}:80"):
        with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
            Domain(tenant=other, host=given).save()
    Domain(tenant=other, host=host, path="/eu").save()
    assert Domain.objects.filter(host=host).count() == 2


def test_a_taken_domain_leaves_nothing_of_the_new_tenant(tenant):
    host, key = f"{new_key('h')}.example.com", new_key()
    Domain(tenant=tenant, host=host).save()
    with pytest.raises((KeyTaken, ValidationError)):
        Tenant.objects.provision(key=key, domains=[host])
    assert not Tenant.objects.filter(key=key).exists()
    assert not UsedKey.objects.filter(key=key).exists()


def test_of_a_tenants_domains_one_is_primary(tenant):
    host = new_key("h")
    first, second = (
        Domain(tenant=tenant, host=f"{host}-{number}.example.com") for number in (1, 2)
    )
    first.save()
    second.save()
    assert (first.is_primary, second.is_primary) == (True, False)
    second.is_primary = True
    second.save()
    assert Domain.objects.get(tenant=tenant, is_primary=True) == second
