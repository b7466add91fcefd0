"""Two roles for one database: one serves requests, the other owns and migrates tables.

`DATABASES` has an alias for each. Inside `as_owner()` the alias that serves leads to
the connection of the owner, which answers to the same name.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tenantry.conf import conf
from tenantry.isolation.handler import isolations

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTING: ContextVar[bool] = ContextVar("tenantry_as_owner", default=False)


@contextmanager
def as_owner(acting: bool = True) -> Iterator[None]:  # noqa: FBT001, FBT002  (one word)
    """Let aliases lead to the owners of their tables for a block."""
    token = ACTING.set(acting)
    try:
        yield
    finally:
        ACTING.reset(token)


class Owners(dict[str, str]):
    """The owner's alias, by the alias that serves; read from the placements."""

    def __missing__(self, alias: str) -> str:
        found = self[alias] = next(
            (
                isolation.owner_database
                for isolation in isolations.all()
                if isolation.database == alias and isolation.owner_database is not None
            ),
            alias,
        )
        return found


class Served(dict[str, str]):
    """The alias that serves, by the owner's; an alias that is no owner's is its own."""

    def __missing__(self, alias: str) -> str:
        found = self[alias] = next(
            (
                isolation.database
                for isolation in isolations.all()
                if isolation.owner_database == alias
            ),
            alias,
        )
        return found


class Homes(dict[str, str | None]):
    """The alias that serves a placement's tenants; None: each has its own database."""

    def __missing__(self, placement: str) -> str | None:
        isolation = isolations[placement]
        shared = isolation.database if isolation.shares_connection else None
        found = self[placement] = shared
        return found


class Residents(dict[str, bool]):
    """Whether tenants of a placement live on the alias's connection, by placement."""

    def __init__(self, alias: str) -> None:
        super().__init__()
        self.alias = alias

    def __missing__(self, placement: str) -> bool:
        isolation = isolations[placement]
        mine = self.alias in (isolation.database, isolation.owner_database)
        found = self[placement] = isolation.shares_connection and mine
        return found


class AllResidents(dict[str, Residents]):
    """The residents of each alias; asked several times at every statement."""

    def __missing__(self, alias: str) -> Residents:
        found = self[alias] = Residents(alias)
        return found


owners = Owners()
served = Served()
homes = Homes()
residents = AllResidents()
conf.on_change(owners.clear)
conf.on_change(served.clear)
conf.on_change(homes.clear)
conf.on_change(residents.clear)


def speaking(alias: str) -> str:
    """Return the alias by which to connect now, for an alias that serves."""
    return owners[alias] if ACTING.get() else alias
