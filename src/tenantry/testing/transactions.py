"""Transactions around a test in the databases of its tenants, undone at its end."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from tenantry.context import override_tenant
from tenantry.isolation import isolations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.types import TenantRef


def apart(refs: Sequence[TenantRef]) -> list[TenantRef]:
    """Return the tenants that have connections of their own."""
    return [ref for ref in refs if not isolations[ref.placement].shares_connection]


def alias_of(ref: TenantRef | None) -> str:
    """Return the alias of the tenant's database, or of the shared one for None."""
    return DEFAULT_DB_ALIAS if ref is None else ref.label


def enter(ref: TenantRef | None) -> Any:
    """Begin a transaction of a test in the tenant's database; return its block."""
    block: Any = transaction.atomic(using=alias_of(ref))
    block._from_testcase = True  # noqa: SLF001  (as Django marks a TestCase's own)
    with override_tenant(ref):
        block.__enter__()
    return block


def roll_back(ref: TenantRef | None, block: Any) -> None:
    """Undo what was done in the block, and leave it."""
    with override_tenant(ref):
        transaction.set_rollback(True, using=alias_of(ref))
        block.__exit__(None, None, None)


@contextmanager
def rolled_back(refs: Sequence[TenantRef | None]) -> Iterator[None]:
    """Undo at the end what the block does in these tenants; None is the shared site."""
    with ExitStack() as stack:
        for ref in refs:
            stack.callback(roll_back, ref, enter(ref))
        yield
        for ref in refs:
            _check(ref)


def _check(ref: TenantRef | None) -> None:
    """Raise where deferred constraints are not met: nothing is ever committed."""
    with override_tenant(ref):
        connection = connections[alias_of(ref)]
        if connection.features.can_defer_constraint_checks and not (
            connection.needs_rollback
        ):
            connection.check_constraints()
