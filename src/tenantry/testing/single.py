"""`assert_single_tenant`: a block's statements are all of one tenant."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.db.backends.utils import CursorWrapper

from tenantry.context import as_ref, get_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.types import HasRef, TenantRef

SHOWN = 200


@contextmanager
def assert_single_tenant(
    tenant: TenantRef | HasRef | str | None = None,
) -> Iterator[dict[str, str]]:
    """Fail where statements of more than one tenant are executed in the block.

    Of all threads. With *tenant*: of any but that one. Statements without a tenant, of
    the shared site, are nobody's. Gives a dict of the first statement by tenant's key.
    """
    first: dict[str, str] = {}
    real: Any = CursorWrapper._execute_with_wrappers  # type: ignore[attr-defined]  # noqa: SLF001

    def execute(self: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        active = get_tenant()
        if active is not None:
            first.setdefault(active.key, str(sql))
        return real(self, sql, *args, **kwargs)

    expected = as_ref(tenant)
    with mock.patch.object(CursorWrapper, "_execute_with_wrappers", execute):
        yield first
    wanted = {expected.key} if expected is not None else set(list(first)[:1])
    if first.keys() - wanted:
        lines = [f"  {key}: {sql[:SHOWN]}" for key, sql in first.items()]
        msg = (
            f"Statements of {len(first)} tenants were executed"
            f"{f', not of {expected.key!r} alone' if expected else ''}; the first of "
            "each:\n" + "\n".join(lines)
        )
        raise AssertionError(msg)
