"""The database itself keeps the audit as it was written, on each engine."""

from contextlib import nullcontext

import pytest
from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import DatabaseError, connections, transaction

from tenantry import override_tenant
from tenantry.catalog.audit import answering, record
from tenantry.models import AuditEntry
from tests.users.test_audit import request_by
from tests.world import drop, provision

TABLE = AuditEntry._meta.db_table
TRIGGERS = {"postgresql": ("UPDATE", "DELETE"), "sqlite": ("UPDATE",)}
STATEMENTS = {
    "UPDATE": f"UPDATE {TABLE} SET action = 'z'",
    "DELETE": f"DELETE FROM {TABLE}",
}


@pytest.fixture
def entry(database, django_db_blocker):
    with django_db_blocker.unblock():
        yield record("thing.done")


@pytest.mark.parametrize("what", STATEMENTS)
def test_sql_is_refused_as_well_where_a_trigger_can_be(entry, what):
    connection = connections["default"]
    is_refused = what in TRIGGERS[connection.vendor]
    refusal = pytest.raises(DatabaseError, match="written once")
    with refusal if is_refused else nullcontext(), transaction.atomic():
        connection.cursor().execute(STATEMENTS[what])
        transaction.set_rollback(True)
    assert AuditEntry.objects.get(pk=entry.pk).action == "thing.done"


def test_flush_can_empty_the_table_as_tests_do(entry):
    operations = connections["default"].ops
    operations.execute_sql_flush(operations.sql_flush(no_style(), [TABLE]))
    assert not AuditEntry.objects.exists()


def test_a_shared_user_in_a_tenant_is_a_shared_user(database, django_db_blocker):
    with django_db_blocker.unblock():
        tenant = provision("m")
        try:
            user = get_user_model().objects.create_user("shared member")
            with override_tenant(tenant), answering(request_by(user, tenant)):
                entry = record("thing.done")
            found = (entry.actor, entry.actor_place, entry.tenant_key)
            assert found == ("shared member", "", tenant.key)
        finally:
            drop(tenant)
