"""Seams of sites and addresses: they are the active tenant's, as the catalog says."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation
from django.db import Error, connections
from django.db.models.signals import post_delete, post_save
from django.http.request import split_domain_port
from django.urls import base as urls

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import ACTIVE, override_tenant
from tenantry.exceptions import NotSupported, TenantNotFound
from tenantry.routing.absolute import address_of, with_port
from tenantry.routing.chain import chain
from tenantry.scopes.sites import (
    SitesByTenant,
    as_the_catalog_says,
    made_of_the_catalog,
)
from tenantry.seams.substitution import seam_of, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.catalog.registry import Entry
    from tenantry.types import TenantRef

LONGEST_NAME = 50  # of a Site's, in Django
# What is kept beside what Django keeps, by names that are no host and no id.
ANSWERED, OF_DOMAIN = "site of the tenant", "row of the domain"


@seam_of("sites")
def sites_are_the_tenants() -> None:
    """`SITE_CACHE` and `SITE_ID` are the process's; hosts and names the catalog's."""
    if not apps.is_installed("django.contrib.sites"):
        return
    from django.contrib.sites import models  # noqa: PLC0415  (has a model)

    kept = SitesByTenant()
    vars(models)["SITE_CACHE"] = kept

    def get_current(original: Any, self: Any, request: Any = None) -> Any:
        return _current(lambda: original(self, request), self, request)

    def clear_cache(original: Any, self: Any) -> None:
        del original, self
        kept.clear()

    def changed(**_: object) -> None:
        if ACTIVE.get() is None:  # a shared row, that tenants may be answered with
            kept.clear()

    wrap(models.SiteManager, "get_current", get_current)
    wrap(models.SiteManager, "clear_cache", clear_cache)
    for signal in (post_save, post_delete):
        signal.connect(changed, sender=models.Site, weak=False)


def _current(stored: Callable[[], Any], manager: Any, request: Any) -> Any:
    """Return the `Site` of the active tenant, or of the shared site."""
    tenant = ACTIVE.get()
    if tenant is None:
        if request is None or conf.in_shared("sites"):
            return stored()
        host = request.get_host()
        return made_of_the_catalog(
            manager.model, pk=conf.site_id, domain=host, name=host
        )
    entry = _entry(tenant.key)
    domain = None if entry is None else _domain(entry, request)
    if entry is None or not domain:
        return stored()
    if "sites" in conf.apps_of(tenant.kind):
        return _own(stored, manager, entry, domain)
    return _of_shared(stored, manager, entry, domain)


def _domain(entry: Entry, request: Any) -> str | None:
    """Return the tenant's primary host, or else the one that it was asked at."""
    try:
        host, _ = _asking(address_of, entry)
    except NotSupported:
        return None if request is None else str(request.get_host())
    return with_port(host)


def _own(stored: Any, manager: Any, entry: Entry, domain: str) -> Any:
    """Return the row in the tenant's own table, with an address that is its own."""
    try:
        site = stored()
    except manager.model.DoesNotExist:
        site = None if conf.site_id else manager.order_by("pk").first()
        if site is None:
            raise
    from django.contrib.sites import models  # noqa: PLC0415  (has a model)

    # An entry is another after any change of the catalog, a row after one of its own.
    kept: Any = models.SITE_CACHE
    known = kept.get(ANSWERED)
    if known is None or known[0] is not site or known[1:3] != (entry, domain):
        own = site.domain == domain or _asking(_leads_to, entry, site.domain)
        told = as_the_catalog_says(site, domain=domain, name=_name(entry), own=own)
        known = kept[ANSWERED] = (site, entry, domain, told)
    return known[3]


def _of_shared(stored: Any, manager: Any, entry: Entry, domain: str) -> Any:
    """Return the shared row that is the tenant's, or what the row would say.

    A row is the tenant's where `SITE_ID` is a setting of the tenant's, and where it has
    the tenant's domain.
    """
    with override_tenant(None):
        everybodys = conf.site_id
    if conf.site_id != everybodys:
        return stored()
    from django.contrib.sites import models  # noqa: PLC0415  (has a model)

    kept: Any = models.SITE_CACHE
    known = (OF_DOMAIN, domain)
    if known not in kept:
        kept[known] = manager.filter(domain__iexact=domain).first()
    return kept[known] or _made(manager, domain=domain, name=_name(entry))


def _made(manager: Any, *, domain: str, name: str) -> Any:
    return made_of_the_catalog(manager.model, pk=conf.site_id, domain=domain, name=name)


def _name(entry: Entry) -> str:
    return str(entry.instance())[:LONGEST_NAME]


def _leads_to(entry: Entry, domain: str) -> bool:
    """Whether the host is one of the tenant's."""
    host = split_domain_port(domain)[0]
    if any(found.tenant.ref == entry.ref for found in registry.by_host(host)):
        return True
    addresses = [resolver.address(entry) for resolver in chain()]
    return host in [address[0] for address in addresses if address is not None]


def _entry(key: str) -> Entry | None:
    try:
        return registry.remembered(key)
    except TenantNotFound:
        return None


def _asking(look: Callable[..., Any], *args: Any) -> Any:
    """Return what the catalog says, also where this thread may not ask the database.

    That is in async code, where what reverses a URL cannot wait, and in a transaction
    that failed.
    """
    try:
        return look(*args)
    except (SynchronousOnlyOperation, Error):
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(_closing, look, *args).result()


def _closing(look: Callable[..., Any], *args: Any) -> Any:
    try:
        return look(*args)
    finally:
        connections.close_all()


class _Prefixes:
    """Path prefixes of tenants, to be asked for at every reversed URL."""

    most = 10_000

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int, str]] = {}
        conf.on_change(self._known.clear)

    def __call__(self, tenant: TenantRef) -> str:
        """Return the tenant's prefix; empty where it has none, or no address."""
        now = time.monotonic()
        known = self._known.get(tenant.key)
        if known is None or now >= known[0] or known[1] != registry._generation:
            known = (
                now + conf.catalog_refresh_seconds,
                registry._generation,
                self._look(tenant),
            )
            if len(self._known) >= self.most:
                self._known.clear()
            self._known[tenant.key] = known
        return known[2]

    @staticmethod
    def _look(tenant: TenantRef) -> str:
        entry = _entry(tenant.key)
        try:
            return "" if entry is None else str(_asking(address_of, entry)[1])
        except NotSupported:
            return ""


@seam_of("sites")
def urls_outside_of_requests_have_the_prefix() -> None:
    """In tasks, mails and the shell nothing but the active tenant says the prefix."""
    prefix_of = _Prefixes()

    def get_script_prefix(original: Any) -> str:
        found: str = original()
        tenant = ACTIVE.get()
        if tenant is None or found != "/":
            return found
        prefix = prefix_of(tenant)
        # Django names the URLconf for as long as a request is served.
        if not prefix or hasattr(vars(urls)["_urlconfs"], "value"):
            return found
        return f"{prefix}/"

    wrap(urls, "get_script_prefix", get_script_prefix)


@seam_of("sites")
def sitemaps_remember_by_tenant() -> None:
    """A sitemap is one object for all requests, and keeps when it last changed."""
    if not apps.is_installed("django.contrib.sitemaps"):
        return
    from django.contrib.sitemaps import Sitemap  # noqa: PLC0415  (not all have it)

    kept = "_latest_lastmod_by_tenant"

    def read(sitemap: Any) -> Any:
        try:
            return vars(sitemap)[kept][ACTIVE.get()]
        except KeyError:
            raise AttributeError("latest_lastmod") from None

    def write(sitemap: Any, value: Any) -> None:
        vars(sitemap).setdefault(kept, {})[ACTIVE.get()] = value

    setattr(Sitemap, "latest_lastmod", property(read, write))  # noqa: B010  (no stub)
