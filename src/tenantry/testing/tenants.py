"""The tenants that tests use: made once in a process, handed out again and again.

They are real ones, copied from the template. Where the test database was kept from an
earlier run, so were they: then they are migrated, and made as new at their first use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from tenantry.catalog.models import State, UsedKey
from tenantry.catalog.registry import registry
from tenantry.conf import DEFAULT_PLACEMENT
from tenantry.context import override_tenant
from tenantry.isolation import isolations
from tenantry.kinds import DEFAULT_KIND
from tenantry.lifecycle.provision import make_location, remove_location
from tenantry.lifecycle.template import close_connection
from tenantry.signals import tenant_provisioned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.types import TenantRef

SHORT = 8


@dataclass(frozen=True, kw_only=True)
class Sort:
    """A sort of tenants: all of one sort are alike, and numbered."""

    kind: str = DEFAULT_KIND
    placement: str = DEFAULT_PLACEMENT
    fields: dict[str, Any] = field(default_factory=dict)

    def key(self, number: int) -> str:
        """Return the key of a tenant of this sort; the same in every run."""
        facts = (self.kind, self.placement, sorted(self.fields))
        if facts == (DEFAULT_KIND, DEFAULT_PLACEMENT, []):
            return f"test{number}"
        # A callable's repr is another in each process; its name is not.
        values = [
            (name, getattr(value, "__qualname__", repr(value)))
            for name, value in sorted(self.fields.items())
        ]
        digest = hashlib.sha256(repr((*facts, values)).encode()).hexdigest()
        return f"test{number}-{digest[:SHORT]}"

    def facts(self, number: int) -> dict[str, Any]:
        """Return what the tenant is provisioned with."""
        key = self.key(number)
        domains = [f"{key}.test"] if registry.domain_model is not None else []
        return {
            "key": key,
            "name": f"Test tenant {number}",
            "kind": self.kind,
            "placement": self.placement,
            "domains": domains,
            **{
                name: value(key) if callable(value) else value
                for name, value in self.fields.items()
            },
        }


class TestTenants:
    """Those of this process; `get` is how tests come by them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._placements: set[str] = set()

    def get(self, sort: Sort, count: int) -> list[Any]:
        """Return so many tenants of the sort, as rows; make those that are not there.

        Raises `RuntimeError` inside a transaction where one must be made.
        """
        with override_tenant(None):
            if not self._seen:
                self._begin()
            self._refuse_placement(sort.placement)
            return [self._one(sort, number) for number in range(1, count + 1)]

    def _begin(self) -> None:
        """Bring tenants up to date that a kept database has from an earlier run."""
        if registry.tenant_model._base_manager.filter(state=State.ACTIVE).exists():
            call_command("tenants", "migrate", verbosity=0)

    def _refuse_placement(self, placement: str) -> None:
        """Raise where its database is the real one, or shows everybody's rows."""
        if placement in self._placements:
            return
        isolation = isolations[placement]
        if not isolation.in_tests:
            msg = (
                f"Database {isolation.database!r} of placement {placement!r} is the "
                "real one: no test database was made of it. Name it: databases = "
                f"{{'default', {isolation.database!r}}} in the test case, or "
                "pytest.mark.django_db(databases=[...])."
            )
            raise ImproperlyConfigured(msg)
        found = [each for each in isolation.dangers() if each.level == "error"]
        if found:
            told = " ".join(f"{each.text} {each.next_step}" for each in found)
            msg = (
                f"Tests on placement {placement!r} would prove nothing. {told} Tests "
                "need the same two roles as production; the owner may create databases "
                "(CREATEDB)."
            )
            raise ImproperlyConfigured(msg)
        self._placements.add(placement)

    def _one(self, sort: Sort, number: int) -> Any:
        key = sort.key(number)
        row = registry.tenant_model._base_manager.filter(key=key).first()
        if row is not None and row.state != State.ACTIVE:
            row.drop(confirm=key)
            row = None
        if row is None:
            UsedKey.objects.filter(key=key).delete()
            row = registry.tenant_model.objects.provision(**sort.facts(number))
        elif key not in self._seen:
            as_new(row)
        self._seen.add(key)
        return row


def as_new(tenant: Any) -> None:
    """Give the tenant what it was provisioned with, and nothing else.

    Its tables are copied from the template again, its receivers of
    `tenant_provisioned` called again.
    """
    ref: TenantRef = tenant.ref
    with override_tenant(None):
        remove_location(ref)
        make_location(ref)
    with override_tenant(ref):
        tenant_provisioned.send(sender=type(tenant), tenant=tenant)
    close_connection(ref)


def drop_all_but(keys: Iterable[str]) -> None:
    """Drop the tenants that a test made, so that it may make them again."""
    with override_tenant(None):
        for row in registry.tenant_model._base_manager.exclude(key__in=keys):
            row.drop(confirm=row.key)
            UsedKey.objects.filter(key=row.key).delete()


def keys() -> list[str]:
    """Return the keys of the tenants that are there."""
    with override_tenant(None):
        return list(registry.tenant_model._base_manager.values_list("key", flat=True))


test_tenants = TestTenants()
