"""What the processes of these tests do: an operation on both sorts of tables."""

import traceback
from contextlib import ExitStack, contextmanager, suppress

import pytest
from django.contrib.postgres.operations import BtreeGistExtension
from django.db.migrations.state import ModelState, ProjectState
from psycopg.errors import UniqueViolation

from tests.rows import catalogue, operations
from tests.rows.conftest import KEYS, PLAIN

ROWS = "tenantry_rows"
A, B = KEYS
REFERENCES = """
SELECT f.conrelid::regclass::text, quote_ident(here.attname),
    f.confrelid::regclass::text, quote_ident(there.attname), pg_get_constraintdef(f.oid)
FROM pg_constraint f
JOIN pg_attribute here ON here.attrelid = f.conrelid AND here.attnum = f.conkey[2]
JOIN pg_attribute there ON there.attrelid = f.confrelid AND there.attnum = f.confkey[2]
WHERE f.contype = 'f' AND f.connamespace = 'tenantry_rows'::regnamespace
    AND f.conrelid::regclass::text ~ '^(gadgets_|renamed)'
    AND f.confrelid::regclass::text ~ '^(gadgets_|renamed)'
"""


class Taken(Exception):
    """The value is another row's already."""


class Undo(Exception):
    """Ends a case: nothing of it stays."""


def check_all(names):
    """Check the cases, one after the other; return by name what went wrong, or None."""
    begin = ProjectState()
    both(migration("extension", [BtreeGistExtension()]), begin)
    first = migration("base", operations.base())
    both(first, begin)
    write(operations.FILL, operations.EXTRA)
    compare()
    known = refuse_references(())
    middle = first.mutate_state(begin.clone(), preserve=False)
    found = {}
    for name in names:
        # Models of other apps would be rendered with each change of ours.
        before = with_others(middle) if name.endswith(("user", "shared")) else middle
        found[name] = error_of(operations.CASES[name], before, known)
    return found


def compare_without_tenant():
    """Make a table by an editor that knows no tenant, and compare."""
    from tenantry.backends.postgresql import base
    from tests.world import replaced

    case = operations.CASES["create_model char"]
    with replaced(base, "RowSchemaEditor", base.DatabaseSchemaEditor):
        return error_of(case, ProjectState(), ())


def error_of(case, middle, known):
    """Check a case; return the traceback of what went wrong."""
    try:
        with suppress(Undo), ExitStack() if case.committed else undone():
            check(case, middle, known)
            raise Undo  # noqa: TRY301  (rolls the transactions back)
    except BaseException:  # noqa: BLE001  (told to the test)
        return traceback.format_exc()
    return None


def check(case, middle, known):
    """Do and undo the operations of a case in both; raise where they differ."""
    what = migration("case", case.make(), atomic=case.atomic)
    both(what, middle)
    compare()
    if case.then:
        write(case.then)
        compare()
    refuse_references(known)
    if case.backwards:
        both(what, middle, backwards=True)
        compare()


@contextmanager
def undone():
    """Put transactions around all connections for a block that ends with an error."""
    from django.db import transaction

    from tenantry.isolation.owner import as_owner

    with as_owner(), ExitStack() as stack:
        for alias in ("default", "plain"):
            block = transaction.atomic(using=alias)
            block._from_testcase = True
            stack.enter_context(block)
        yield


def with_others(state):
    """Return the state with the apps that some cases refer to."""
    from django.apps import apps

    found = ProjectState(models=state.models.copy())
    for model in apps.get_models():
        if model._meta.app_label in {"auth", "contenttypes", "geo"}:
            found.add_model(ModelState.from_model(model))
    return found


def migration(name, operations, *, atomic=True):
    """Return a migration of the app."""
    from django.db.migrations import Migration

    made = Migration(name, "gadgets")
    made.operations = operations
    made.atomic = atomic
    return made


def both(what, before, *, backwards=False):
    """Do or undo a migration in the tables of the tenants, and in the plain ones."""
    from django.db import connections

    from tenantry.fleet.migrate import _record
    from tenantry.fleet.plan import PlannedMigration, _between
    from tenantry.fleet.pool import migrate_pool, pool_of
    from tenantry.isolation import isolations

    pool = pool_of(isolations["default"], "default")
    planned = PlannedMigration(what, _between(what, before.clone())[0], backwards)
    migrate_pool(pool, [planned], record=_record)
    with plainly(), connections["plain"].schema_editor(atomic=what.atomic) as editor:
        act = what.unapply if backwards else what.apply
        act(before.clone(), editor)


@contextmanager
def plainly():
    """Leave our router out for a block."""
    from django.db import router

    routers = router.routers
    router.routers = []
    try:
        yield
    finally:
        router.routers = routers


def execute(sql, alias="default"):
    """Run SQL on a connection."""
    from django.db import connections

    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def value_of(sql):
    """Return the first value of a query in the active tenant, if it has a row."""
    rows = execute(sql)
    return rows[0][0] if rows else None


def write(sql, extra=""):
    """Run SQL in both tenants and in the plain tables; *extra* in the second only."""
    from django.db import transaction

    from tenantry import override_tenant

    at_once = "; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
    for tenant in (A, B):
        with override_tenant(tenant), transaction.atomic():
            more = extra if tenant == B else ""
            execute((sql + more + at_once).format(tenant))
    with transaction.atomic(using="plain"):
        execute((sql + at_once).format(A), "plain")


def of_rows():
    """Return the catalogue of the tables that the tenants share."""
    from django.db import connections

    from tenantry import override_tenant
    from tenantry.isolation.owner import as_owner

    with as_owner(), override_tenant(A):
        return catalogue.catalogue(connections["default"], ROWS)


def compare():
    """Hold the tenants' tables and rows against the plain ones."""
    from django.db import connections

    from tenantry import override_tenant

    plain = connections["plain"]
    ours = catalogue.without_tenant(of_rows())
    for sort, found in catalogue.catalogue(plain, PLAIN).items():
        assert ours[sort] == found, sort
    of_plain = str(catalogue.rows(plain, PLAIN))
    for tenant in (A, B):
        with override_tenant(tenant):
            found = catalogue.rows(connections["default"], ROWS)
        assert str(without_extra(found)) == of_plain.replace(A, tenant), tenant
    serving = connections.databases["default"]["USER"]
    for query in (catalogue.POLICIES, catalogue.RIGHTS):
        wrong = [n for n, right in execute(query.format(ROWS, serving)) if not right]
        assert not wrong, (wrong, query)


def without_extra(found):
    """Return rows without those that only the second tenant has."""
    return {
        name: [row for row in rows if not {99, "99", "eve", "Eve"} & set(values(row))]
        for name, rows in found.items()
    }


def values(row):
    """Return the values of a row that can be in a set."""
    return [value for value in row.values() if isinstance(value, int | str)]


def refuse_references(known):
    """Let no row of the first tenant refer to a row that only the second has.

    Tries references that are not among the known ones; returns all that there are.
    """
    from django.db import IntegrityError

    from tenantry import override_tenant

    with override_tenant(B):
        references = execute(REFERENCES)
    for table, column, other, key, _ in set(references) - set(known):
        with override_tenant(B):
            only = f"SELECT {key} FROM {other} WHERE {key}::text IN ('99', 'eve')"
            only = value_of(only)
        with override_tenant(A):
            target = value_of(f"SELECT ctid FROM {table} LIMIT 1")
            if only is None or target is None:
                continue
            assert not execute(f"SELECT FROM {other} WHERE {key}::text = '{only}'")
            with pytest.raises(IntegrityError, match="foreign key"):
                refer(table, column, only)
        with override_tenant(B), suppress(Taken):
            refer(table, column, only)
    return references


def refer(table, column, value):
    """Let one row of the active tenant refer to the value; undone at the end."""
    from django.db import IntegrityError, transaction

    with transaction.atomic():
        try:
            execute(
                f"UPDATE {table} SET {column} = '{value}' "
                f"WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"
                "; SET CONSTRAINTS ALL IMMEDIATE"
            )
        except IntegrityError as error:
            if isinstance(error.__cause__, UniqueViolation):
                raise Taken from error
            raise
        transaction.set_rollback(True)
