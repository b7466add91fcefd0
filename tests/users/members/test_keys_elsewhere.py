"""Keys from tenants' tables to shared users, also where those are elsewhere."""

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, connections, transaction
from django.db.models import ProtectedError
from django.db.models.fields.related import ForeignKey

from tenantry import guards, override_tenant
from tenantry.exceptions import NotSupported
from tenantry.isolation import isolations
from tests.shop.models import Author
from tests.world import ONE, replaced

NOBODY = 1_234_567


def log(user):
    from django.contrib.contenttypes.models import ContentType

    return LogEntry.objects.create(
        pk=ONE,
        user_id=user if isinstance(user, int) else user.pk,
        content_type=ContentType.objects.get_for_model(Author),
        object_id="1",
        object_repr="it",
        action_flag=ADDITION,
    )


@transaction.atomic
def log_now(user):
    """As `log`, with what the database else checks at the end."""
    log(user)
    connections["default"].check_constraints()


@pytest.fixture
def entries(tenants, user):
    """An entry by the shared user in each tenant, under one key."""
    made = []
    for tenant in tenants:
        with override_tenant(tenant):
            made.append(log(user))
    assert made[0].pk == made[1].pk
    yield made
    for tenant in tenants:
        with override_tenant(tenant):
            LogEntry.objects.all().delete()


def joins(tenant):
    return isolations[tenant.placement].supports_shared_joins


def test_a_row_of_a_tenant_refers_to_a_shared_user(tenants, user, entries):
    for tenant in tenants:
        with override_tenant(tenant):
            (found,) = LogEntry.objects.all()
            assert found.user == user
            (found,) = LogEntry.objects.filter(user=user)
            (found,) = LogEntry.objects.prefetch_related("user")
            assert found.user.username == "ann"


def test_what_is_not_there_is_not_joined(tenants, user, entries):
    with override_tenant(tenants[0]):
        (found,) = LogEntry.objects.select_related("user", "content_type")
        read = LogEntry.user.is_cached(found)
        assert found.user.username == "ann"
        assert found.content_type.model == "author"
    assert read is joins(tenants[0])


def test_a_join_that_is_needed_is_refused_by_name(tenants, user, entries):
    with override_tenant(tenants[0]):
        named = LogEntry.objects.filter(user__username="ann")
        if joins(tenants[0]):
            assert named.count() == 1
            return
        with pytest.raises(NotSupported, match=r"auth.User is shared .* cannot be"):
            list(named)
        # As it would be without the guard: a table that nobody has heard of.
        with (
            replaced(guards, "require_tables", lambda *_: None),
            pytest.raises(Exception, match="auth_user"),
        ):
            list(named)


def test_the_database_enforces_what_it_can_see(tenants, user):
    with override_tenant(tenants[0]):
        if not joins(tenants[0]):
            assert log(NOBODY).pk
            LogEntry.objects.all().delete()
            return
        with pytest.raises(IntegrityError):
            log_now(NOBODY)


def test_a_key_is_as_declared_where_it_leads_nowhere_else(tenants):
    user, group = (LogEntry._meta.get_field("user"), User.groups.through)
    assert isinstance(user, ForeignKey)
    assert user.db_constraint
    assert user.deconstruct()[3].get("db_constraint", True)
    with override_tenant(tenants[0]):
        assert user.db_constraint is joins(tenants[0])
        assert group._meta.get_field("group").db_constraint


def test_a_shared_user_whom_tenants_refer_to_is_not_deleted_from_under_them(
    tenants, user, entries
):
    if joins(tenants[0]):
        user.delete()
        for tenant in tenants:
            with override_tenant(tenant):
                assert not LogEntry.objects.exists()
        return
    with pytest.raises(ProtectedError, match=r"LogEntry: 1 in tenant"):
        user.delete()
    assert User.objects.filter(pk=user.pk).exists()
