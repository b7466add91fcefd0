"""The active tenant: one frozen value in one ContextVar, and the ways to change it.

Threads start with no tenant (`bind_tenant` carries it), asyncio tasks and both modes of
`sync_to_async` inherit it. Nothing else holds it: what depends on the tenant asks here
at the moment of use, so there is nothing to restore.
"""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from tenantry.exceptions import NoActiveTenant
from tenantry.types import TenantRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from tenantry.types import HasRef

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "activate",
    "bind_tenant",
    "deactivate",
    "get_tenant",
    "override_tenant",
    "require_tenant",
]

ACTIVE: ContextVar[TenantRef | None] = ContextVar("tenantry_active", default=None)


# Where an error keeps which tenant was active as it was raised: it is told of later.
TENANT_OF_ERROR = "_tenantry_active"

# The blocks entered and not yet left, oldest first, each with what it will restore.
_ENTERED: ContextVar[tuple[tuple[override_tenant, TenantRef | None], ...]] = ContextVar(
    "tenantry_entered", default=()
)


# What upper floors keep that `bind_tenant` carries along with the tenant.
CARRIED: list[ContextVar[Any]] = []


class Hooks:
    """What upper floors lend to this one, set when Django's apps are ready."""

    find_by_key: Callable[[str], TenantRef] | None = None
    before_activation: Callable[[TenantRef | None], None] | None = None


def get_tenant() -> TenantRef | None:
    """Return the active tenant, or None where none is (the shared site)."""
    return ACTIVE.get()


def require_tenant() -> TenantRef:
    """Return the active tenant; raise `NoActiveTenant` where none is."""
    tenant = ACTIVE.get()
    if tenant is None:
        raise NoActiveTenant
    return tenant


def as_ref(tenant: TenantRef | HasRef | str | None) -> TenantRef | None:
    """Return the frozen value of a tenant given as a row, a value or a key.

    Raises `TenantNotFound` for an unknown key and `TypeError` for anything else.
    """
    if tenant is None or isinstance(tenant, TenantRef):
        return tenant
    if isinstance(tenant, str):
        if Hooks.find_by_key is None:
            msg = "Tenants can be named by key once Django's apps are ready."
            raise TypeError(msg)
        return Hooks.find_by_key(tenant)
    ref: object = getattr(tenant, "ref", None)
    if isinstance(ref, TenantRef):
        return ref
    msg = f"Expected a tenant, its key, or None (shared); got {tenant!r}."
    raise TypeError(msg)


class override_tenant:  # noqa: N801  (a context manager, named as Django names its own)
    """Make a tenant the active one for a block; None means shared (no tenant).

    Works as `with`, `async with` and decorator of functions, coroutine functions,
    generators and asynchronous generators. The previous tenant is always back after
    the block. One instance may be entered any number of times, by any number of
    threads and tasks: it holds no state but a stack that is itself in the context.

    Raises `TenantNotFound` for an unknown key.
    """

    def __init__(self, tenant: TenantRef | HasRef | str | None) -> None:
        self._tenant = tenant

    def _enter(self, ref: TenantRef | None) -> TenantRef | None:
        _ENTERED.set((*_ENTERED.get(), (self, ACTIVE.get())))
        ACTIVE.set(ref)
        return ref

    def __enter__(self) -> TenantRef | None:
        return self._enter(as_ref(self._tenant))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered = _ENTERED.get()
        if exc is not None and TENANT_OF_ERROR not in exc.__dict__:
            exc.__dict__[TENANT_OF_ERROR] = ACTIVE.get()
        if entered and entered[-1][0] is self:
            ACTIVE.set(entered[-1][1])
            _ENTERED.set(entered[:-1])
            return
        mine = max(
            (i for i, (block, _) in enumerate(entered) if block is self), default=-1
        )
        if mine < 0:
            msg = f"{self!r} is left in a context that it was not entered in."
            raise RuntimeError(msg)
        previous = entered[mine][1]
        above = entered[mine + 1 :]
        if above:
            # A generator was closed while a block entered later is still open: that
            # block stays in force, and will restore what this one would have.
            above = ((above[0][0], previous), *above[1:])
        else:
            ACTIVE.set(previous)
        _ENTERED.set(entered[:mine] + above)

    async def __aenter__(self) -> TenantRef | None:
        if isinstance(self._tenant, str):
            from asgiref.sync import sync_to_async  # noqa: PLC0415  (async use only)

            return self._enter(await sync_to_async(as_ref)(self._tenant))
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function, so that each call runs with the tenant active."""
        return _run_with(lambda: self, function)

    def __repr__(self) -> str:
        return f"override_tenant({self._tenant!r})"


def activate(tenant: TenantRef | HasRef | str) -> Token[TenantRef | None]:
    """Make a tenant the active one until `deactivate()`; for shells and workers.

    Prefer `override_tenant`, which always restores. Raises `ActivationRefused` inside
    an open transaction of a tenant.
    """
    ref = as_ref(tenant)
    if Hooks.before_activation is not None:
        Hooks.before_activation(ref)
    return ACTIVE.set(ref)


def deactivate() -> None:
    """Make no tenant active. Raises `ActivationRefused` as `activate` does."""
    if Hooks.before_activation is not None:
        Hooks.before_activation(None)
    ACTIVE.set(None)


def bind_tenant(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function bound to the tenant that is active now (or to none).

    For threads, executors and callbacks, which do not inherit the context:
    `executor.submit(bind_tenant(work), ...)`.
    """
    tenant = ACTIVE.get()
    carried = [(each, each.get()) for each in CARRIED if each.get(None) is not None]
    if carried:
        return _run_with(lambda: _Carrying(tenant, carried), function)
    return _run_with(lambda: override_tenant(tenant), function)


class _Carrying(override_tenant):
    """Has variables of upper floors in force beside the tenant; entered once."""

    def __init__(
        self, tenant: TenantRef | None, carried: list[tuple[ContextVar[Any], Any]]
    ) -> None:
        super().__init__(tenant)
        self._carried = carried
        self._before: list[tuple[ContextVar[Any], Any]] = []

    def _enter(self, ref: TenantRef | None) -> TenantRef | None:
        for variable, value in self._carried:
            self._before.append((variable, variable.get(None)))
            variable.set(value)
        return super()._enter(ref)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for variable, value in self._before:
            variable.set(value)
        super().__exit__(exc_type, exc, traceback)


def _run_with(
    block: Callable[[], override_tenant], function: Callable[P, R]
) -> Callable[P, R]:
    """Wrap the function so that its body, whatever its sort, runs in the block.

    Generators get the tenant around each step, and only there: between two steps the
    caller's own tenant is active.
    """
    call: Callable[..., Any] = function
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with block():
                return await call(*args, **kwargs)

    elif inspect.isasyncgenfunction(function):

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return keep_tenant_async(call(*args, **kwargs), block)

    elif inspect.isgeneratorfunction(function):

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return keep_tenant(call(*args, **kwargs), block)

    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with block():
                return call(*args, **kwargs)

    functools.update_wrapper(wrapper, function)
    return cast("Callable[P, R]", wrapper)


class keep_tenant:  # noqa: N801  (used as a function)
    """Iterate with the block entered around each step, and left between the steps.

    Forwards `close()`, so that a response or a caller that stops early ends the inner
    iterator with its own tenant active.
    """

    def __init__(self, iterable: Any, block: Callable[[], Any]) -> None:
        self._iterator = iter(iterable)
        self._block = block

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        with self._block():
            return next(self._iterator)

    def send(self, value: Any) -> Any:
        """Send a value into the generator, with its tenant active."""
        with self._block():
            return self._iterator.send(value)

    def throw(self, error: BaseException) -> Any:
        """Raise an error inside the generator, with its tenant active."""
        with self._block():
            return self._iterator.throw(error)

    def close(self) -> None:
        """Close the inner iterator, with its tenant active."""
        close = getattr(self._iterator, "close", None)
        if close is not None:
            with self._block():
                close()


class keep_tenant_async:  # noqa: N801  (used as a function)
    """The asynchronous twin of `keep_tenant`."""

    def __init__(self, iterable: Any, block: Callable[[], Any]) -> None:
        self._iterator = aiter(iterable)
        self._block = block

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        with self._block():
            return await anext(self._iterator)

    async def aclose(self) -> None:
        """Close the inner iterator, with its tenant active."""
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            with self._block():
                await close()
