"""`assert_isolated`: canaries of another tenant, and nowhere in this one seen."""

from __future__ import annotations

import inspect
import logging
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models as django_models
from django.db.models.manager import BaseManager

from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant, require_tenant
from tenantry.testing.canaries import Canaries, tenant_models
from tenantry.testing.client import TenantClient
from tenantry.testing.paths import Pattern, links, patterns
from tenantry.testing.search import Search, body
from tenantry.testing.transactions import rolled_back

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tenantry.types import HasRef, TenantRef

MOST = 1_000
ERROR = 400
ANYBODY, SUPERUSER = "anybody", "superuser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to the tenant, and its answer."""

    path: str
    who: str
    status: int


@dataclass(slots=True)
class Report:
    """What `assert_isolated` has seen, and what it could not see.

    `telling` are the paths at which the other tenant saw its own canary: there a leak
    would have been seen.
    """

    visited: list[Visit] = field(default_factory=list)
    telling: set[str] = field(default_factory=set)
    models: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        well = sum(visit.status < ERROR for visit in self.visited)
        lines = [
            f"{len(self.visited)} requests, {well} of them answered; "  # noqa: ISC004
            f"{len(self.telling)} paths show the other tenant its own canary; "
            f"{len(self.models)} models.",
            *(f"skipped {name}: {reason}" for name, reason in self.skipped.items()),
        ]
        return "\n".join(lines)


def assert_isolated(
    *,
    urls: Iterable[str] | None = None,
    models: Iterable[type[Any] | str] | None = None,
    tenant: TenantRef | HasRef | str | None = None,
    other: TenantRef | HasRef | str,
    skip: Iterable[str] = (),
) -> Report:
    """Fail where a tenant sees anything of another; return what was looked at.

    Rows with a marker are made in both, under the same primary keys, and undone at the
    end. Each URL is requested by GET in the other tenant, then in the tenant, by
    anybody and by a superuser; body, headers and template context must be without the
    other's marker. Each manager of each model, and its methods without arguments, too.

    *urls* are paths, all of the URLconf and those that its pages link to unless given;
    *models* classes or labels, all of the tenant's unless given; `[]` leaves them out.
    *skip* are beginnings of paths. Fails as well where nothing could be looked at.
    """
    mine = as_ref(tenant) or require_tenant()
    theirs = as_ref(other)
    assert theirs is not None  # noqa: S101  (for the type: `other` is required)
    if theirs == mine:
        msg = f"{mine.key!r} was given as both tenants."
        raise ValueError(msg)
    with rolled_back([None, mine, theirs]), _quiet():
        look = Look(mine, theirs, tuple(skip))
        look.prepare(models)
        look.at_models()
        look.at_urls(urls)
    look.conclude(urls)
    return look.report


class Look:
    """One look at a project, from one tenant for another's canaries."""

    def __init__(self, mine: TenantRef, theirs: TenantRef, skip: Sequence[str]) -> None:
        self.mine, self.theirs = mine, theirs
        self.skip = tuple(skip)
        self.report = Report()
        token = secrets.token_hex(4)
        self.canaries = {
            ref: Canaries(ref, f"{mark}{token}")
            for ref, mark in ((mine, "own"), (theirs, "leak"))
        }
        self.search = Search(self.canaries[theirs].marker, theirs.label)
        self.wanted: list[type[Any]] = []
        self.given = False

    def prepare(self, given: Iterable[type[Any] | str] | None) -> None:
        """Make the canaries: of all models, as pages show more than what was named."""
        every = tenant_models(self.mine.kind)
        self.given = given is not None
        self.wanted = [
            apps.get_model(each) if isinstance(each, str) else each
            for each in (every if given is None else given)
        ]
        for canaries in self.canaries.values():
            canaries.make_all(dict.fromkeys([*self.wanted, *every]))
        self.report.skipped.update(self.canaries[self.theirs].skipped)
        self.report.skipped.update(self.canaries[self.mine].skipped)

    # Models.

    def at_models(self) -> None:
        """Ask every manager of every model."""
        for model in self.wanted:
            if model not in self.canaries[self.theirs].made:
                if self.given:
                    reason = self.report.skipped.get(model._meta.label, "")
                    self.report.leaks.append(
                        f"{model._meta.label}: no canary could be made ({reason})"
                    )
                continue
            self.report.models.append(model._meta.label)
            with override_tenant(self.mine):
                for name, value in _said(model):
                    if self.search.in_value(value):
                        self.report.leaks.append(
                            f"{model._meta.label}.{name} gives rows of "
                            f"{self.theirs.key!r}"
                        )

    # URLs.

    def at_urls(self, urls: Iterable[str] | None) -> None:
        """Request all of them in the other tenant, then in the tenant."""
        if urls is None:
            found = list(patterns(conf.urlconf_of(self.mine.kind)))
        else:
            found = [Pattern(route=path, paths=(path,)) for path in urls]
        if not found:
            return
        self._crawl(self.theirs, found, follow=urls is None)
        self._crawl(self.mine, found, follow=urls is None)

    def _crawl(self, ref: TenantRef, found: list[Pattern], *, follow: bool) -> None:
        clients = self._clients(ref)
        seen: dict[str, None] = {}
        linked: list[str] = []
        for pattern in found:
            if pattern.why_not:
                self.report.skipped[pattern.route] = pattern.why_not
            for path in pattern.paths:
                if self._leads_out(path):
                    self.report.skipped[path] = "left out"
                elif path not in seen:
                    seen[path] = None
                    linked += self._visit(ref, clients, path)
        for path in linked if follow else ():
            if path not in seen and not self._leads_out(path) and len(seen) < MOST:
                seen[path] = None
                linked += self._visit(ref, clients, path)

    def _leads_out(self, path: str) -> bool:
        return "logout" in path or path.startswith(self.skip or "\0")

    def _clients(self, ref: TenantRef) -> dict[str, TenantClient]:
        anybody = TenantClient(tenant=ref, raise_request_exception=False)
        user = self.canaries[ref].superuser()
        if user is None:
            self.report.skipped["a superuser"] = "none could be made"
            return {ANYBODY: anybody}
        powerful = TenantClient(tenant=ref, raise_request_exception=False)
        try:
            powerful.force_login(user)
        except Exception as error:  # noqa: BLE001  (a project may have no sessions)
            self.report.skipped["a superuser"] = f"{type(error).__name__}: {error}"
            return {ANYBODY: anybody}
        return {ANYBODY: anybody, SUPERUSER: powerful}

    def _visit(
        self, ref: TenantRef, clients: dict[str, TenantClient], path: str
    ) -> list[str]:
        """Request the path by everybody; return what the pages link to."""
        found: list[str] = []
        for who, client in clients.items():
            response: Any = client.get(path)
            with override_tenant(ref):
                where = self.search.in_response(response)
            if ref == self.theirs:
                self.report.telling.update([path] if where else [])
            else:
                visit = Visit(path=path, who=who, status=response.status_code)
                self._note(visit, where)
            found += links(body(response))
        return found

    def _note(self, visit: Visit, where: str) -> None:
        self.report.visited.append(visit)
        if where:
            self.report.leaks.append(
                f"GET {visit.path} ({visit.who}, {visit.status}) shows "
                f"{self.theirs.key!r} {where}"
            )

    # The end.

    def conclude(self, urls: Iterable[str] | None) -> None:
        """Raise where anything was seen, or nothing could be."""
        report = self.report
        if report.leaks:
            msg = f"Tenant {self.mine.key!r} is not isolated:\n  " + "\n  ".join(
                report.leaks
            )
            raise AssertionError(f"{msg}\n{report}")
        if not report.models and self.wanted:
            raise AssertionError(f"No model has a canary: nothing is proven.\n{report}")
        asked = urls is None or bool(report.visited)
        if asked and not any(visit.status < ERROR for visit in report.visited):
            raise AssertionError(f"No URL was answered: nothing is proven.\n{report}")


def _said(model: type[Any]) -> Iterator[tuple[str, Any]]:
    """Return what the model's managers give, by the name of the way."""
    managers = {manager.name: manager for manager in model._meta.managers}
    for name, manager in {"_base_manager": model._base_manager, **managers}.items():
        yield f"{name}.all()", manager.all()
        for method in _own_methods(manager):
            try:
                yield f"{name}.{method}()", getattr(manager, method)()
            except Exception:  # noqa: BLE001, S112  (it shows nothing)
                continue


def _own_methods(manager: Any) -> list[str]:
    """Return the methods without arguments that the project has added."""
    django = {*dir(BaseManager), *dir(django_models.QuerySet), *dir(object)}
    found = []
    for name in dir(type(manager)):
        if name.startswith("_") or name in django:
            continue
        method = getattr(manager, name, None)
        if not inspect.ismethod(method) or inspect.iscoroutinefunction(method):
            continue
        parameters = inspect.signature(method).parameters.values()
        if all(p.default is not p.empty or p.kind in (2, 4) for p in parameters):
            found.append(name)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Django from logging each page that is not there."""
    logger = logging.getLogger("django.request")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
