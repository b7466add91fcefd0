"""Who acts as whom: one value in one ContextVar, in force during a request."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.context import CARRIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tenantry.types import TenantRef

__all__ = ["ACTING", "Acting", "Impersonator", "acting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonator:
    """The shared user who acts as another: `request.impersonator`."""

    pk: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """An impersonation, and the user of the tenant that it lends."""

    pk: int
    tenant: TenantRef
    user: Any
    impersonator: Impersonator
    expires_at: datetime


ACTING: ContextVar[Acting | None] = ContextVar("tenantry_acting", default=None)
CARRIED.append(ACTING)


@contextmanager
def acting(who: Acting | None) -> Iterator[None]:
    """Let what is done in the block be done by them; None: nobody acts as another."""
    before = ACTING.get()
    ACTING.set(who)
    try:
        yield
    finally:
        # By its value: a generator may be closed in another context.
        ACTING.set(before)
