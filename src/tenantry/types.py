"""The values that every floor passes around; nothing here touches a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

LABEL_PREFIX = "tenant:"
SHARED_ALIAS = "tenantry:shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRef:
    """What the machinery needs to know of a tenant: a frozen, hashable value.

    `label` is the tenant's database alias, stamped on every object read from it.
    """

    key: str
    placement: str = "default"
    location: str
    kind: str = "default"
    label: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the label once: it is read at every query."""
        object.__setattr__(self, "label", LABEL_PREFIX + self.key)

    def __str__(self) -> str:
        return self.key


class HasRef(Protocol):
    """Anything that stands for a tenant: a row of the tenant model, for one."""

    @property
    def ref(self) -> TenantRef:
        """The frozen value of this tenant."""
        ...


@dataclass(frozen=True, slots=True)
class RowsInTenant:
    """So many rows of a model in one tenant; None: in the shared half of its app.

    Where Django lists objects, as its admin does before it deletes, it stands for them:
    the objects themselves are read with their tenant active only.
    """

    _meta: Any
    key: str | None
    number: int

    @property
    def label(self) -> str:
        """The model, as `app_label.Model`."""
        return str(self._meta.label)

    def __str__(self) -> str:
        where = "the shared site" if self.key is None else f"tenant {self.key}"
        return f"{self.number} in {where}"
