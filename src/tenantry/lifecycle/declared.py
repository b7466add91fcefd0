"""Makes the tenants that the settings declare, and brings up to date those there are.

What is permanent (kind, placement) is reported where it differs, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.catalog.validators import allow_names, normalize_host
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import TenantryError
from tenantry.lifecycle.provision import provision, resume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.kinds import DeclaredTenant

FREE = ("name", "slug")
FIXED = ("kind", "placement")


@dataclass(slots=True)
class Outcome:
    """What was done for a declared tenant, and what could not be."""

    key: str
    done: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def missing() -> list[DeclaredTenant]:
    """Return the declared tenants that the catalog has no row of."""
    declared = conf.declared_tenants
    with override_tenant(None):
        rows = registry.tenant_model._base_manager.filter(key__in=declared)
        there = set(rows.values_list("key", flat=True))
    return [each for key, each in declared.items() if key not in there]


def make_declared() -> Iterator[Outcome]:
    """Make each declared tenant that is missing; bring each other up to date.

    An error of one stops no other: it is in its outcome. Raises `RuntimeError` inside
    an atomic block.
    """
    for declared in conf.declared_tenants.values():
        outcome = Outcome(declared.key)
        try:
            with override_tenant(None), allow_names(declared.key, declared.slug):
                _make(declared, outcome)
        except ValidationError as error:
            outcome.wrong.extend(error.messages)
        except TenantryError as error:
            outcome.wrong.append(str(error))
        yield outcome


def _make(declared: DeclaredTenant, outcome: Outcome) -> None:
    model = registry.tenant_model
    tenant = model._base_manager.filter(key=declared.key).first()
    if tenant is None:
        tenant = provision(
            model,
            domains=declared.domains,
            key=declared.key,
            **{name: getattr(declared, name) for name in (*FREE, *FIXED)},
        )
        outcome.done.append(f"is active, in {tenant.location}")
        return
    if tenant.state == State.PROVISIONING:
        tenant = resume(tenant.key)
        outcome.done.append("was left half-way, and is active")
    outcome.wrong += [
        f"{name} is {getattr(tenant, name)!r} for good, and declared as "
        f"{getattr(declared, name)!r}"
        for name in FIXED
        if getattr(tenant, name) != getattr(declared, name)
    ]
    _update(tenant, declared, outcome)
    _add_domains(tenant, declared, outcome)


def _update(tenant: Any, declared: DeclaredTenant, outcome: Outcome) -> None:
    changed = [
        name
        for name in FREE
        if name in declared.given and getattr(tenant, name) != getattr(declared, name)
    ]
    for name in changed:
        setattr(tenant, name, getattr(declared, name))
        outcome.done.append(f"{name} is now {getattr(declared, name)!r}")
    if changed:
        tenant.full_clean()
        tenant.save(update_fields=changed)


def _add_domains(tenant: Any, declared: DeclaredTenant, outcome: Outcome) -> None:
    model = registry.domain_model
    for host in declared.domains:
        name = normalize_host(host)
        found = model._base_manager.filter(host=name, path="").first()
        if found is None:
            model(tenant=tenant, host=name).save()
            outcome.done.append(f"has domain {name}")
        elif found.tenant_id != tenant.pk:
            outcome.wrong.append(f"domain {name} is {found.tenant.key!r}'s")
