"""Seams of QuerySets and queries: each stays with the tenant it was made in."""

from __future__ import annotations

import functools
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet, expressions, query
from django.db.models.lookups import StartsWith
from django.db.models.manager import BaseManager
from django.db.models.sql import compiler
from django.db.models.sql.query import Query

from tenantry import guards
from tenantry.context import ACTIVE
from tenantry.seams.substitution import INSTALLED, seam, wrap


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
        if self.model is None:
            return self._db or DEFAULT_DB_ALIAS  # a RawQuerySet that is only shown
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
