"""`django.contrib.sites` for the active tenant: which `Site` is its, and what it says.

A tenant's address is in the catalog, and a `Site` follows it: a link in a mail leads to
the tenant, whatever the row says that its tables were made with.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, NoReturn

from tenantry.context import ACTIVE
from tenantry.exceptions import NotSupported

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SitesByTenant", "as_the_catalog_says", "made_of_the_catalog"]

MOST = 10_000


class SitesByTenant(MutableMapping[Any, Any]):
    """What Django keeps in `SITE_CACHE`: each tenant's apart, the most recent ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, Any], Any] = OrderedDict()

    @staticmethod
    def _key(name: Any) -> tuple[str | None, Any]:
        tenant = ACTIVE.get()
        return (None if tenant is None else tenant.key, name)

    def __getitem__(self, name: Any) -> Any:
        return self._kept[self._key(name)]

    def __setitem__(self, name: Any, site: Any) -> None:
        self._kept[self._key(name)] = site
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def __delitem__(self, name: Any) -> None:
        del self._kept[self._key(name)]

    def __iter__(self) -> Iterator[Any]:
        mine = self._key(None)[0]
        return iter([name for key, name in list(self._kept) if key == mine])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def clear(self) -> None:
        """Forget all sites, of every tenant."""
        self._kept.clear()


def as_the_catalog_says(site: Any, *, domain: str, name: str, own: bool) -> Any:
    """Return the tenant's row of `Site` with the tenant's domain and name.

    *own* says that the row's domain leads to the tenant: then the row stands. Others,
    such as the `example.com` that Django makes, are answered with a copy.
    """
    if own and site.name != site.domain:
        return site
    found = copy.copy(site)
    found.domain = site.domain if own else domain
    found.name = name
    return found


def made_of_the_catalog(model: Any, *, pk: Any, domain: str, name: str) -> Any:
    """Return a `Site` that is no row, for a tenant whose sites are shared."""
    site = model(pk=pk, domain=domain, name=name)
    site.save = site.delete = _refuse
    return site


def _refuse(*_: Any, **__: Any) -> NoReturn:
    msg = (
        "This Site is no row: it says what the catalog says of the tenant. Change the "
        "tenant's name or its domains."
    )
    raise NotSupported(msg)
