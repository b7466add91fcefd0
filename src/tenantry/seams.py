"""Every place where we substitute something of Django's, one function each.

Django asks the router in most places, and there the guards are ordinary router code.
What it does without asking is wrapped here. Each seam calls Django's own code and adds
a check or a tenant; `tests/test_seams.py` fails where Django changes one of them.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model, QuerySet, deletion, expressions, query
from django.db.models import fields as model_fields
from django.db.models.fields import related, related_descriptors, related_lookups
from django.db.models.lookups import StartsWith
from django.db.models.manager import BaseManager
from django.db.models.signals import post_migrate, pre_migrate
from django.db.models.sql import compiler
from django.db.models.sql.query import Query
from django.http import request as http_request
from django.urls import base as urls

from tenantry import guards, history
from tenantry.conf import conf
from tenantry.connections import TenantConnections
from tenantry.context import ACTIVE, bind_tenant, override_tenant
from tenantry.isolation.tables import RECORD
from tenantry.routing.chain import leads_to_tenant
from tenantry.types import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.types import TenantRef

SEAMS: list[Callable[[], None]] = []
INSTALLED = "_tenantry_original"


def seam(install: Callable[[], None]) -> Callable[[], None]:
    """Register a function that substitutes something of Django's."""
    SEAMS.append(install)
    return install


def install() -> None:
    """Substitute all of them, once."""
    if not isinstance(connections, TenantConnections):
        for each in SEAMS:
            each()


def wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace `owner.name` by `around(original, *args, **kwargs)`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(wrapper, INSTALLED, original)
    setattr(owner, name, wrapper)


@seam
def connections_follow_the_context() -> None:
    """`connections` is imported by name everywhere: its class changes, not it."""
    connections.__class__ = TenantConnections


@seam
def querysets_are_bound() -> None:
    """A QuerySet remembers the tenant it was made in, as a hint for the router.

    Not by pinning `_db`: Django asks the router only where `_db` is empty.
    """
    for cls in (QuerySet, query.RawQuerySet):
        _bind_at_init(cls)

    def using(original: Any, self: Any, alias: Any) -> Any:
        guards.require_hints(self.model, self._hints)
        return original(self, alias)

    wrap(query.RawQuerySet, "using", using)  # it passes no hints on


def _bind_at_init(cls: Any) -> None:
    original = cls.__init__
    active = ACTIVE.get

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        tenant = active()
        hints = self._hints
        if tenant is None or guards.HINT in hints:
            return  # a clone is bound as what it was cloned from, its query too
        self._hints = {**hints, guards.HINT: tenant.label}
        # Subqueries, `qs.query` and its pickles leave the hints behind.
        self.query.__dict__.setdefault(guards.HINT, tenant.label)

    setattr(init, INSTALLED, original)
    cls.__init__ = init


@seam
def results_stay_with_their_tenant() -> None:
    """A QuerySet that a module or a cache keeps remembers rows, which are one's own."""

    def from_results(original: Any, self: Any, *args: Any) -> Any:
        if self._result_cache is not None:
            guards.require_results(self)
        return original(self, *args)

    for cls in (QuerySet, query.RawQuerySet):
        _claim_at_fetch(cls)
    for name in ("__getitem__", "count", "exists"):
        wrap(QuerySet, name, from_results)


def _claim_at_fetch(cls: Any) -> None:
    original = cls._fetch_all

    # At every look at rows: so without `wrap`.
    @functools.wraps(original)
    def fetch_all(self: Any) -> None:
        if self._result_cache is not None:
            guards.require_results(self)
        else:
            # In one step, before there are rows: another thread may be at it as well.
            guards.claim_results(self)
        try:
            original(self)
        except BaseException:
            if self._result_cache is None:
                guards.release_results(self)
            raise

    setattr(fetch_all, INSTALLED, original)
    cls._fetch_all = fetch_all


@seam
def aliases_given_by_hand_are_resolved() -> None:
    """`using("default")` on a tenant model is the active tenant, or an error."""
    for cls in (QuerySet, query.RawQuerySet, BaseManager):
        _resolve_db(cls)


def _resolve_db(cls: Any) -> None:
    original = cls.db.fget

    @functools.wraps(original)
    def db(self: Any) -> str:
        if self._db is None:
            tenant = ACTIVE.get()
            hints = self._hints
            if (
                tenant is not None
                and len(hints) == 1
                and hints.get(guards.HINT) == tenant.label
                and guards.sides[tenant.kind][self.model._meta.app_label].tenants
            ):
                return tenant.label  # what the router would say, in a fraction of it
            return cast("str", original(self))
        if self._hints:
            guards.require_hints(self.model, self._hints)
        return guards.resolve_alias(self.model, self._db)

    setattr(db, INSTALLED, original)
    cls.db = property(db)


@seam
def statements_are_compiled_for_their_tenant() -> None:
    """The last gate before SQL: whatever chose the alias, the model must allow it."""
    original = Query.get_compiler
    active = ACTIVE.get

    # At every statement: so without `wrap`, and the usual case decided here.
    @functools.wraps(original)
    def get_compiler(
        self: Any,
        using: str | None = None,
        connection: Any = None,
        elide_empty: bool = True,  # noqa: FBT001, FBT002
    ) -> Any:
        tenant = active()
        label = self.__dict__.get(guards.HINT)
        if label is not None and (tenant is None or tenant.label != label):
            guards.require_query(label, self.model)
        if using is not None and self.model is not None:
            using = guards.resolve_alias(self.model, using)
        elif tenant and connection and self.model is not None:
            # A subquery: it goes where the statement goes that it is in.
            guards.require_tables((self.model._meta.db_table,), connection.alias)
        return original(self, using, connection, elide_empty)

    setattr(get_compiler, INSTALLED, original)
    setattr(Query, "get_compiler", get_compiler)  # noqa: B010  (mypy: a method)


@seam
def joins_stay_with_what_the_kind_has() -> None:
    """A join names its table only, which a tenant may have left of another time."""
    original = compiler.SQLCompiler.get_from_clause

    # At every statement: so without `wrap`.
    @functools.wraps(original)
    def get_from_clause(self: Any) -> Any:
        tables = self.query.alias_map
        if len(tables) > 1:
            used = self.query.alias_refcount
            joined = (each.table_name for name, each in tables.items() if used[name])
            guards.require_tables(joined, self.using)
        return original(self)

    setattr(get_from_clause, INSTALLED, original)
    setattr(compiler.SQLCompiler, "get_from_clause", get_from_clause)  # noqa: B010  (mypy: a method)


@seam
def beginnings_are_found_by_index() -> None:
    """`LIKE 'abc%'` may not look at a row tenant's table before the policy has.

    LIKE could tell of rows that the policy hides, PostgreSQL holds; `^@`, which means
    the same, could not, and searches the index that Django makes for LIKE.
    """

    def as_postgresql(self: Any, compiler: Any, connection: Any) -> Any:
        plain = self.rhs_is_direct_value() and not self.bilateral_transforms
        if (
            type(self) is not StartsWith
            or not plain
            or not getattr(connection, "shares_tables", False)
        ):
            return self.as_sql(compiler, connection)
        text, params = self.process_lhs(compiler, connection)
        return f"{text} ^@ %s", (*params, str(self.rhs))

    setattr(StartsWith, "as_postgresql", as_postgresql)  # noqa: B010  (mypy: a new one)


@seam
def objects_are_saved_where_they_belong() -> None:
    """`save(using=...)` and fixtures name an alias, so the router is not asked."""

    def save_base(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        guards.require_object(self)
        using = kwargs.get("using")
        if using is not None:
            kwargs["using"] = guards.resolve_alias(type(self), using)
        return original(self, *args, **kwargs)

    wrap(Model, "save_base", save_base)


@seam
def objects_are_refreshed_where_they_belong() -> None:
    """`refresh_from_db(from_queryset=...)` asks another QuerySet for the bare key."""

    def refresh_from_db(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        guards.require_object(self)
        original(self, *args, **kwargs)

    wrap(Model, "refresh_from_db", refresh_from_db)


@seam
def objects_are_validated_where_they_belong() -> None:
    """`validate_unique()` looks for the object's values in whatever is active."""

    def validate_unique(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        guards.require_object(self)
        original(self, *args, **kwargs)

    wrap(Model, "validate_unique", validate_unique)


@seam
def objects_are_deleted_where_they_belong() -> None:
    """`delete(using=...)` names an alias as well."""

    def init(
        original: Any, self: Any, using: str, origin: Any = None, **kwargs: Any
    ) -> None:
        model = getattr(origin, "model", None) or type(origin)
        if isinstance(origin, Model):
            guards.require_object(origin)
        if hasattr(model, "_meta"):
            using = guards.resolve_alias(model, using)
        original(self, using=using, origin=origin, **kwargs)

    wrap(deletion.Collector, "__init__", init)


@seam
def deletions_stay_on_their_side() -> None:
    """Of an app in both lists, each half is referred to from its own side only.

    Deleting a shared user would else ask for tenants' tables, and deleting a tenant's
    user would take shared rows with it that refer to the shared user of the same key.
    Apps that the tenant's kind lacks are not asked at all.
    """

    def candidates(original: Any, opts: Any) -> Any:
        sides = guards.sides_now()
        here = 1 if ACTIVE.get() is None else 0
        both = all(sides[opts.app_label][:2])

        def is_asked(related: Any) -> bool:
            known = sides[related.related_model._meta.app_label]
            if known.elsewhere:
                return False
            return not both or known[here] or not any(known)

        return list(filter(is_asked, original(opts)))

    def bulk_related_objects(original: Any, self: Any, *args: Any) -> Any:
        if guards.sides_now()[self.remote_field.model._meta.app_label].elsewhere:
            return []
        return original(self, *args)

    wrap(deletion, "get_candidate_relations_to_delete", candidates)
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields  # noqa: PLC0415  (has models)

        wrap(fields.GenericRelation, "bulk_related_objects", bulk_related_objects)


@seam
def objects_used_as_values_are_checked() -> None:
    """`filter(author=a)`, `update(author=a)`: only `a.pk` reaches the database."""

    def get_normalized_value(original: Any, value: Any, lhs: Any) -> Any:
        if isinstance(value, Model):
            guards.require_object(value)
        return original(value, lhs)

    def prepare_database_save(original: Any, self: Any, field: Any) -> Any:
        guards.require_object(self)
        return original(self, field)

    wrap(related_lookups, "get_normalized_value", get_normalized_value)
    wrap(Model, "prepare_database_save", prepare_database_save)


@seam
def objects_made_into_filters_are_checked() -> None:
    """`get_next_in_order()` and `set_book_order()` filter by the object's bare keys."""

    def kwargs_of(original: Any, self: Any, obj: Any) -> Any:
        guards.require_object(obj)
        return original(self, obj)

    owners: list[Any] = [model_fields.Field, related.RelatedField]
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields as generic  # noqa: PLC0415

        owners.append(generic.GenericForeignKey)
    for owner in owners:
        for name in ("get_filter_kwargs_for_object", "get_forward_related_filter"):
            if name in vars(owner):
                wrap(owner, name, kwargs_of)


@seam
def objects_given_to_querysets_are_checked() -> None:
    """`contains(obj)`, `bulk_update(objs)`, `bulk_create(objs)` send bare keys."""

    def contains(original: Any, self: Any, obj: Any) -> Any:
        guards.require_object(obj)
        if self._result_cache is not None:
            guards.require_results(self)
        return original(self, obj)

    def bulk(original: Any, self: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(objs, list | tuple):  # Django returns an empty one as given
            objs = list(objs)
        guards.require_objects(objs)
        return original(self, objs, *args, **kwargs)

    wrap(QuerySet, "contains", contains)
    wrap(QuerySet, "bulk_update", bulk)
    wrap(QuerySet, "bulk_create", bulk)


@seam
def objects_given_to_related_managers_are_checked() -> None:
    """`remove(obj)` and `set(objs)` compare bare keys and ask no router.

    Nor does a manager that was told its alias, for the object that it is of.
    """

    def rows_of(original: Any, self: Any, queryset: Any) -> Any:
        guards.require_object(self.instance)
        return original(self, queryset)

    def several(original: Any, self: Any, *objs: Any, **kwargs: Any) -> Any:
        guards.require_objects(objs)
        return original(self, *objs, **kwargs)

    def whole(original: Any, self: Any, objs: Any, **kwargs: Any) -> Any:
        objs = tuple(objs)
        guards.require_objects(objs)
        return original(self, objs, **kwargs)

    def create_manager(original: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(*args, **kwargs)
        for name, around in (
            ("_apply_rel_filters", rows_of),
            ("add", several),
            ("remove", several),
            ("set", whole),
            ("set_base", whole),  # by fixtures, from Django 6.1 on
        ):
            if name in manager.__dict__:
                wrap(manager, name, around)
        return manager

    wrap(related_descriptors, "create_reverse_many_to_one_manager", create_manager)
    wrap(related_descriptors, "create_forward_many_to_many_manager", create_manager)
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields  # noqa: PLC0415  (has models)

        wrap(fields, "create_generic_related_manager", create_manager)


@seam
def querysets_used_as_values_are_checked() -> None:
    """A subquery or a union is made of another QuerySet's bare SQL."""

    def same_tenant(querysets: Any) -> None:
        for each in querysets:
            if isinstance(each, QuerySet):
                guards.require_hints(each.model, cast("Any", each)._hints)

    def resolve_expression(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        same_tenant([self])
        return original(self, *args, **kwargs)

    def subquery(original: Any, self: Any, queryset: Any, **kwargs: Any) -> None:
        same_tenant([queryset])
        original(self, queryset, **kwargs)

    def combine(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        same_tenant([self, *args])
        return original(self, *args, **kwargs)

    wrap(QuerySet, "resolve_expression", resolve_expression)
    wrap(expressions.Subquery, "__init__", subquery)
    wrap(QuerySet, "_combinator_query", combine)
    wrap(QuerySet, "_merge_sanity_check", combine)


@seam
def prefetched_objects_are_checked() -> None:
    """Django shows the router the first of the objects only."""

    def prefetch(original: Any, instances: Any, *args: Any, **kwargs: Any) -> Any:
        guards.require_objects(instances)
        return original(instances, *args, **kwargs)

    wrap(query, "prefetch_one_level", prefetch)


class _Entered(threading.local):
    """The atomic blocks this thread is in, each with the tenant it was entered in."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Any, Any]] = []


@seam
def atomic_stays_with_its_connection() -> None:
    """`Atomic` asks for its connection again when it is left: as when entered."""
    entered = _Entered()

    def enter(original: Any, self: Any) -> None:
        original(self)
        entered.blocks.append((self, ACTIVE.get()))

    def leave(original: Any, self: Any, *error: Any) -> Any:
        blocks = entered.blocks
        mine = next(i for i in reversed(range(len(blocks))) if blocks[i][0] is self)
        _, tenant = blocks.pop(mine)
        if ACTIVE.get() is tenant:
            return original(self, *error)
        with override_tenant(tenant):
            return original(self, *error)

    wrap(transaction.Atomic, "__enter__", enter)
    wrap(transaction.Atomic, "__exit__", leave)


@seam
def callbacks_keep_their_tenant() -> None:
    """`on_commit` callbacks run in the tenant they were registered in."""

    def on_commit(
        original: Any,
        self: Any,
        func: Any,
        robust: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        if callable(func):
            func = bind_tenant(func)
        return original(self, func, robust)

    wrap(BaseDatabaseWrapper, "on_commit", on_commit)


@seam
def allowed_hosts_follow_the_catalog() -> None:
    """A host that leads to a tenant is allowed, beside those of ALLOWED_HOSTS."""

    def validate_host(original: Any, host: str, allowed_hosts: Any) -> bool:
        return original(host, allowed_hosts) or leads_to_tenant(host)

    wrap(http_request, "validate_host", validate_host)


@seam
def migration_signals_name_their_tenant() -> None:
    """`flush` names `default`, by which receivers would stamp the tenant's objects.

    Nothing is sent for an app that the place lacks (a tenant of a kind without it, or
    the shared database where it is tenants' only): its receivers would ask for its
    tables, and it would get content types and permissions.
    """

    def send(original: Any, sender: Any, **named: Any) -> Any:
        tenant, app = ACTIVE.get(), named.get("app_config")
        if app is not None and _lacks(app.label, tenant, named.get("using")):
            return []
        if tenant is not None and named.get("using") == DEFAULT_DB_ALIAS:
            named["using"] = tenant.label
        return original(sender, **named)

    for signal in (pre_migrate, post_migrate):
        wrap(signal, "send", send)


def _lacks(app_label: str, tenant: TenantRef | None, alias: Any) -> bool:
    """Whether the place that is being migrated has no tables of the app."""
    if tenant is not None:
        return guards.sides[tenant.kind][app_label].elsewhere
    side = guards.sides[None][app_label]
    return alias == DEFAULT_DB_ALIAS and side.tenants and not side.shared


@seam
def the_record_of_migrations_is_no_app() -> None:
    """Its model names the app `migrations`, as an app of the project may be named."""
    MigrationRecorder.Migration._meta.app_label = RECORD


@seam
def migrations_are_those_of_the_place() -> None:
    """The loader knows one history; a tenant has that of its kind's apps only."""

    def applied_migrations(original: Any, self: Any) -> Any:
        return history.complete(self.connection, original(self))

    def record(original: Any, self: Any, app: str, name: str) -> None:
        if not history.is_foreign(self.connection, app):
            original(self, app, name)

    def apply(original: Any, self: Any, state: Any, migration: Any, **how: Any) -> Any:
        if history.is_foreign(self.connection, migration.app_label):
            return migration.mutate_state(state, preserve=False)
        return original(self, state, migration, **how)

    def unapply(
        original: Any, self: Any, state: Any, migration: Any, **how: Any
    ) -> Any:
        if history.is_foreign(self.connection, migration.app_label):
            return state
        return original(self, state, migration, **how)

    wrap(MigrationRecorder, "applied_migrations", applied_migrations)
    wrap(MigrationRecorder, "record_applied", record)
    wrap(MigrationRecorder, "record_unapplied", record)
    wrap(MigrationExecutor, "apply_migration", apply)
    wrap(MigrationExecutor, "unapply_migration", unapply)


@seam
def urls_are_reversed_by_the_kind() -> None:
    """Outside a request nothing says which URLconf is meant but the active tenant."""

    def get_urlconf(original: Any, default: Any = None) -> Any:
        found = original()
        if found is not None:
            return found
        tenant = ACTIVE.get()
        return (tenant and conf.kind(tenant.kind).urlconf) or default

    wrap(urls, "get_urlconf", get_urlconf)


class _RecentLabels(dict[str, Any]):
    """Content types by alias, of the most recent tenants only."""

    most = 256

    def __setitem__(self, alias: str, value: Any) -> None:
        super().__setitem__(alias, value)
        self._shrink()

    def setdefault(self, alias: str, default: Any = None) -> Any:
        """Return the content types of the alias, dropping those of the oldest."""
        found = super().setdefault(alias, default)
        self._shrink()
        return found

    def _shrink(self) -> None:
        if len(self) > self.most:
            labels = [label for label in list(self) if label.startswith(LABEL_PREFIX)]
            for label in labels[: len(self) - self.most]:
                self.pop(label, None)


@seam
def content_types_are_not_kept_for_ever() -> None:
    """Their cache is keyed by alias, thus by tenant, and has no bound of its own."""
    if apps.is_installed("django.contrib.contenttypes"):
        manager: Any = apps.get_model("contenttypes", "ContentType").objects
        manager._cache = _RecentLabels()
