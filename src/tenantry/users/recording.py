"""What somebody does while acting as another is written down: each request and change.

A change is recorded by the statement that makes it, on whatever connection, right
after it and in the same transaction where the database is the same: no way past
signals (`update`, `bulk_create`, raw SQL) is past this. Where Django has the objects at
hand, their keys are recorded too, in place of the bare statement.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models import Model, QuerySet
from django.db.models.signals import pre_save
from django.db.models.sql.query import Query
from django.db.models.sql.subqueries import DeleteQuery, UpdateQuery

from tenantry.catalog import audit
from tenantry.catalog.acting import ACTING, acting
from tenantry.catalog.people import NAME_LENGTH, AuditEntry
from tenantry.seams.substitution import seam, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.catalog.acting import Acting

__all__ = ["begin", "listen", "writes"]

NAME = r"(?P<{}>[\w.\"`]+)"
# What Django sends is quoted, so no column is taken for a word; of raw SQL rather too
# much than too little is recorded. `FOR UPDATE`, `ON CONFLICT DO UPDATE` and `ON
# DUPLICATE KEY UPDATE` are parts of other statements.
WRITES = re.compile(
    rf"\b(?P<insert>INSERT|REPLACE|MERGE)\s[\w\s]*?\bINTO\s+{NAME.format('into')}"
    rf"|(?<!FOR\s)(?<!DO\s)(?<!KEY\s)\b(?P<update>UPDATE)\s+(?:ONLY\s+)?"
    rf"{NAME.format('of')}"
    rf"|\b(?P<delete>DELETE)\s+FROM\s+(?:ONLY\s+)?{NAME.format('from_')}"
    r"|(?:^|;)(?:\s|/\*(?:(?!\*/).)*\*/|--[^\n]*\n)*(?P<other>TRUNCATE|CREATE|ALTER"
    r"|DROP|COPY|CALL|DO|EXECUTE|LOAD|GRANT|REVOKE|COMMENT|VACUUM|REFRESH)\b",
    re.IGNORECASE | re.DOTALL,
)
MOST_KEYS = 100
CREDENTIALS = frozenset({"session_key", "key", "token"})

_QUIET: ContextVar[frozenset[str]] = ContextVar("tenantry_quiet", default=frozenset())


def writes(sql: str) -> list[tuple[str, str]]:
    """Return what a statement changes: operations, each with its table or ""."""
    found = []
    for each in WRITES.finditer(sql):
        operation = each["insert"] or each["update"] or each["delete"] or each["other"]
        table = each["into"] or each["of"] or each["from_"] or ""
        name = re.sub(r'["`]', "", table).rpartition(".")[2]
        found.append((operation.lower(), name))
    return found


def record(who: Acting, action: str, *, target: str, **facts: Any) -> None:
    """Write down an act of somebody who acts as another."""
    with acting(who):
        audit.record(
            f"impersonation.{action}",
            tenant=who.tenant,
            actor=who.user,
            target=target[:NAME_LENGTH],
            impersonation=who.pk,
            **facts,
        )


def record_statement(execute: Any, sql: Any, params: Any, *more: Any) -> Any:
    """Execute a statement; record it where somebody who acts as another changed rows.

    One of Django's `execute_wrappers`, on every connection; its cost is one look.
    """
    who = ACTING.get()
    result = execute(sql, params, *more)
    if who is not None:
        for operation, table in writes(str(sql)):
            if table not in _QUIET.get() and table != AuditEntry._meta.db_table:
                target = _labels().get(table, table)
                record(who, "change", target=target, operation=operation, table=table)
    return result


@cache
def _labels() -> dict[str, str]:
    """Return the models' labels by table."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: model._meta.label for model in models}


@contextmanager
def _instead_of_statement(table: str) -> Iterator[None]:
    """Leave statements on the table in the block to who records the objects."""
    before = _QUIET.get()
    _QUIET.set(before | {table})
    try:
        yield
    finally:
        _QUIET.set(before)


def _record_objects(  # noqa: PLR0917  (the facts of one record)
    who: Acting, operation: str, model: type[Model], keys: Iterable[Any]
) -> None:
    pks = [str(key) for key in keys]
    number = len(pks)
    if _are_credentials(model):
        pks = []
    label, table = model._meta.label, model._meta.db_table
    target = f"{label} {pks[0]}" if len(pks) == 1 else label
    shown = pks[:MOST_KEYS]
    record(
        who,
        "change",
        target=target,
        operation=operation,
        table=table,
        pks=shown,
        number=number,
    )


def _are_credentials(model: type[Model]) -> bool:
    """Whether who knows a primary key of the model is let in by it.

    So it is with sessions, and with tokens of REST framework (`authtoken`).
    """
    return model._meta.pk.name in CREDENTIALS


@seam
def objects_saved_by_an_impersonator_are_named() -> None:
    """A statement tells the table; here Django has the keys of the rows as well.

    No signals: a receiver of `post_delete` or `m2m_changed` makes Django ask the
    database for more, in every request of every project.
    """

    def insert(original: Any, self: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        who, model = ACTING.get(), self.model
        if who is None or model is AuditEntry:
            return original(self, objs, *args, **kwargs)
        with _instead_of_statement(model._meta.db_table):
            rows = original(self, objs, *args, **kwargs)
        _record_objects(who, "insert", model, _keys_of_new(model, objs, rows))
        return rows

    def update(  # noqa: PLR0917  (Django's own signature)
        original: Any,
        self: Any,
        base_qs: Any,
        using: Any,
        pk_val: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        who = ACTING.get()
        if who is None:
            return original(self, base_qs, using, pk_val, *args, **kwargs)
        with _instead_of_statement(base_qs.model._meta.db_table):
            updated = original(self, base_qs, using, pk_val, *args, **kwargs)
        if updated:
            _record_objects(who, "update", base_qs.model, [pk_val])
        return updated

    wrap(QuerySet, "_insert", insert)
    wrap(Model, "_do_update", update)


@seam
def objects_deleted_by_an_impersonator_are_named() -> None:
    """As for those that are saved; of a many-to-many row, what it joined."""

    def raw_delete(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        who, model = ACTING.get(), self.model
        if who is None or not model._meta.auto_created:
            return original(self, *args, **kwargs)
        joined = list(self.values_list(*_ends(model)))
        with _instead_of_statement(model._meta.db_table):
            number = original(self, *args, **kwargs)
        if joined:
            keys = ["-".join(map(str, each)) for each in joined]
            _record_objects(who, "delete", model, keys)
        return number

    def delete_batch(
        original: Any, self: Any, pk_list: Any, *args: Any, **kwargs: Any
    ) -> Any:
        who = ACTING.get()
        if who is None:
            return original(self, pk_list, *args, **kwargs)
        model = self.get_meta().model
        with _instead_of_statement(model._meta.db_table):
            number = original(self, pk_list, *args, **kwargs)
        _record_objects(who, "delete", model, pk_list)
        return number

    wrap(QuerySet, "_raw_delete", raw_delete)
    wrap(DeleteQuery, "delete_batch", delete_batch)


def _keys_of_new(model: type[Model], objs: Any, rows: Any) -> list[Any]:
    """Return the keys of inserted objects; of a many-to-many row, what it joins."""
    if model._meta.auto_created:
        ends = _ends(model)
        return ["-".join(str(getattr(each, end)) for end in ends) for each in objs]
    pks = [each.pk for each in objs]
    if None in pks and rows and len(rows) == len(pks):
        return [row[0] for row in rows]  # the primary key is returned first
    return pks


def _ends(model: type[Model]) -> list[str]:
    """Return the columns of a many-to-many table that name what is joined."""
    return [field.attname for field in model._meta.fields if field.is_relation]


@seam
def updates_keep_the_credentials() -> None:
    """`update()` and `bulk_update()` send no signal for a password or an address."""

    def add(original: Any, self: Any, values: Any) -> Any:
        who = ACTING.get()
        if who is not None:
            names = _credentials_of(who, self.model) & set(values)
            rows: Any = QuerySet(self.model, query=self.chain(Query))
            if names and rows.filter(pk=who.user.pk).exists():
                raise _theirs(who, sorted(names))
        return original(self, values)

    wrap(UpdateQuery, "add_update_values", add)


def listen() -> None:
    """Watch every connection from now on, and every user that is saved.

    Called when the middleware is made: nobody acts as another in a project without it.
    """
    connection_created.connect(_watch, dispatch_uid="tenantry.recording")
    pre_save.connect(_keep_credentials, dispatch_uid="tenantry.recording")


def _watch(connection: Any, **_: object) -> None:
    if record_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(record_statement)


def begin() -> None:
    """Watch what this thread had connected to before the middleware was made."""
    for connection in connections.all(initialized_only=True):
        _watch(connection)


def _keep_credentials(
    sender: Any, instance: Any, update_fields: Any = None, **_: object
) -> None:
    """Refuse a new password or e-mail address of the user who is acted as."""
    who = ACTING.get()
    if who is None or instance.pk != who.user.pk:
        return
    names = _credentials_of(who, sender)
    if update_fields is not None:
        names &= set(update_fields)
    if not names:
        return
    before = sender._base_manager.filter(pk=instance.pk).values(*names).first()
    if before is not None:
        changed = sorted(n for n in names if before[n] != getattr(instance, n))
        if changed:
            raise _theirs(who, changed)


def _credentials_of(who: Acting, model: Any) -> set[str]:
    """Return the fields by which the user who is acted as is known, of their model."""
    if who.user._meta.concrete_model is not model._meta.concrete_model:
        return set()
    names = {"password", getattr(model, "EMAIL_FIELD", "email")}
    return names & {field.name for field in model._meta.concrete_fields}


def _theirs(who: Acting, names: list[str]) -> PermissionDenied:
    return PermissionDenied(
        f"{who.impersonator} acts as {who.user}: only the user may change "
        f"{' and '.join(names)}."
    )
