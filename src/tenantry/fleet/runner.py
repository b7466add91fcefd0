"""Runs one action over many tenants, each active in turn; one engine for all."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.connections import close_temporary
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.types import TenantRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one tenant in a run; `seconds` is wall time."""

    key: str
    seconds: float
    result: Any = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the action succeeded."""
        return self.error is None


Action = Callable[["TenantRef"], Any]
Watch = Callable[[Step], None]


def run(
    refs: Sequence[TenantRef],
    action: Action,
    *,
    jobs: int = 1,
    watch: Watch | None = None,
) -> list[Step]:
    """Call the action for each tenant, with that tenant active; return the steps.

    An error of one tenant stops no other: it is in its step. With *jobs* above one the
    tenants are shared among that many threads, each with connections of its own; steps
    come in the order in which they end.
    """
    if jobs <= 1:
        return [_watched(_step(ref, action), watch) for ref in refs]
    steps: list[Step] = []
    with ThreadPoolExecutor(jobs, thread_name_prefix="tenantry") as executor:
        waiting: list[Future[Step]] = [
            executor.submit(_step_in_thread, ref, action) for ref in refs
        ]
        steps.extend(_watched(each.result(), watch) for each in as_completed(waiting))
    return steps


def _watched(step: Step, watch: Watch | None) -> Step:
    if watch is not None:
        watch(step)
    return step


def _step(ref: TenantRef, action: Action) -> Step:
    begun = time.perf_counter()
    try:
        with override_tenant(ref):
            result = action(ref)
    except Exception as error:  # noqa: BLE001  (reported for its tenant)
        return Step(key=ref.key, seconds=time.perf_counter() - begun, error=error)
    return Step(key=ref.key, seconds=time.perf_counter() - begun, result=result)


def _step_in_thread(ref: TenantRef, action: Action) -> Step:
    """As `_step`; closes what would stay open in a thread that nobody owns."""
    try:
        return _step(ref, action)
    finally:
        close_temporary()
