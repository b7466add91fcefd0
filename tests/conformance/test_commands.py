"""Django's commands on data, run in a tenant, are about that tenant's data."""

import io
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from tenantry import override_tenant
from tests.conformance.conftest import ROWS
from tests.shop.models import Author, Book, Note, Stock, Tag
from tests.world import ONE, TWO, drop, provision, rows

FIRST, SECOND = 90_000_001, 90_000_002  # no sequence comes there
LABELS = ("shop", "auth.user")


@pytest.fixture
def empty():
    """A third tenant, with nothing in it but what is in each."""
    tenant = provision("c")
    yield tenant
    drop(tenant)


def said_by(*argv, **options):
    """Return what a command says."""
    out = io.StringIO()
    call_command(*argv, stdout=out, **options)
    return out.getvalue()


def dump(tenant, *labels, **options):
    """Return the tenant's data as `dumpdata` has it."""
    with override_tenant(tenant):
        return json.loads(said_by("dumpdata", *(labels or LABELS), **options))


def load(tenant, folder, data):
    """Load data into the tenant, as from a file."""
    path = folder / "data.json"
    path.write_text(json.dumps(data))
    with override_tenant(tenant):
        said_by("loaddata", str(path))


def test_data_of_one_tenant_can_be_loaded_into_another(world, empty, tmp_path):
    before = rows(world.a), rows(world.b)
    data = dump(world.a)
    assert [row["pk"] for row in data if row["model"] == "shop.author"] == [ONE, TWO]
    load(empty, tmp_path, data)
    assert dump(empty) == data
    assert (rows(world.a), rows(world.b)) == before
    with override_tenant(empty):
        for user in User.objects.all():
            assert user.check_password("pw of a")


def test_loaded_twice_it_is_there_once(world, empty, tmp_path):
    data = dump(world.a)
    load(empty, tmp_path, data)
    load(empty, tmp_path, data)
    assert dump(empty) == data


def test_natural_keys_find_what_the_tenant_has(world, empty, tmp_path):
    """Numbers of content types and permissions may differ; names do not."""
    with override_tenant(empty):
        found = ContentType.objects.get(app_label="shop", model="author")
        ContentType.objects.filter(pk=found.pk).delete()
        made = ContentType.objects.create(app_label="shop", model="author")
        assert made.pk != found.pk
    data = dump(world.a, use_natural_foreign_keys=True, use_natural_primary_keys=True)
    load(empty, tmp_path, data)
    with override_tenant(empty):
        note = Note.objects.get()
        assert note.content_type_id == made.pk
        assert note.about.name == "Ann of a"
        user = User.objects.get(username="same")
        assert user.has_perm("shop.change_book")


def test_after_loading_new_rows_have_new_numbers(world, empty, tmp_path):
    high = ONE + 70_000
    load(empty, tmp_path, [{"model": "shop.tag", "pk": high, "fields": {"name": "x"}}])
    with override_tenant(empty):
        assert Tag.objects.create(name="y").pk > high
    low = [{"model": "shop.tag", "pk": 5, "fields": {"name": "z"}}]
    load(world.b, tmp_path, low)
    with override_tenant(world.b):
        made = Tag.objects.create(name="y").pk
        assert made > (high if ROWS else TWO)  # row tenants draw from one sequence


def test_flushed_a_tenant_is_empty_and_no_other_is(world, empty, tmp_path):
    load(empty, tmp_path, dump(world.a))
    before = rows(world.a), rows(world.b)
    with override_tenant(empty):
        LogEntry.objects.create(user=User.objects.get(), action_flag=1)
        said_by("flush", interactive=False)
        for model in (Author, Book, Tag, Note, User, LogEntry, Book.tags.through):
            assert not model.objects.exists()
        assert Permission.objects.filter(codename="change_book").exists()
        assert Author.objects.create(name="new").pk
    assert (rows(world.a), rows(world.b)) == before
    with override_tenant(world.a):
        assert User.objects.get(pk=ONE).has_perm("shop.change_book")


BULKS = {
    "plain": {},
    "in batches": {"batch_size": 1},
    "ignoring conflicts": {"ignore_conflicts": True},
    "updating by key": {
        "update_conflicts": True,
        "unique_fields": ["sku"],
        "update_fields": ["count"],
    },
    "updating by primary key": {
        "update_conflicts": True,
        "unique_fields": ["id"],
        "update_fields": ["count", "sku"],
    },
}


@pytest.mark.parametrize("name", BULKS)
def test_rows_made_in_bulk_meet_their_own_tenants_only(world, empty, name):
    """Of three tenants the first and the second have the rows already."""
    options = {**BULKS[name]}
    with override_tenant(world.a):
        Stock.objects.all().delete()
        Stock.objects.create(pk=FIRST, sku="x", count=1)
        Stock.objects.create(pk=SECOND, sku="y", count=2)
    with override_tenant(empty):
        if not connection.features.supports_update_conflicts_with_target:
            options.pop("unique_fields", None)
        new = [Stock(pk=FIRST, sku="x", count=9), Stock(pk=SECOND, sku="y", count=8)]
        if "plain" not in name and "batches" not in name:
            Stock.objects.create(pk=FIRST, sku="x", count=7)
        Stock.objects.bulk_create(new, **options)
        kept = 7 if "ignoring" in name else 9
        found = Stock.objects.order_by("pk").values_list("pk", "sku", "count")
        assert list(found) == [(FIRST, "x", kept), (SECOND, "y", 8)]
        made = Stock.objects.bulk_create([Stock(sku="p"), Stock(sku="q")])
        if connection.features.can_return_rows_from_bulk_insert:
            assert len({stock.pk for stock in made} - {None}) == 2
    with override_tenant(world.a):
        found = Stock.objects.order_by("pk").values_list("pk", "sku", "count")
        assert list(found) == [(FIRST, "x", 1), (SECOND, "y", 2)]
        Stock.objects.all().delete()


def test_models_are_made_of_the_tenants_tables_as_of_plain_ones(world):
    with override_tenant(world.a):
        said = said_by("inspectdb")
    assert "class ShopBook(models.Model):" in said
    assert "author = models.ForeignKey(ShopAuthor, models.DO_NOTHING" in said
    assert "sku = models.CharField(unique=True, max_length=50)" in said
    assert "unique_together = (('book', 'tag'),)" in said
    assert "tenantry" not in said
    assert "GeoCountry" not in said
