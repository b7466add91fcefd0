"""System checks of kinds and declared tenants; `checks` adds their ids and links."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import DEFAULT_DB_ALIAS, connections

from tenantry.catalog.registry import registry
from tenantry.catalog.validators import normalize_host, validate_slug
from tenantry.conf import Problem, conf
from tenantry.context import override_tenant
from tenantry.exceptions import InvalidIdentifier
from tenantry.isolation import isolations
from tenantry.lifecycle.declared import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.kinds import DeclaredTenant

SETTINGS = "The reference of settings shows how."


def of_kinds() -> Iterator[Problem]:
    """Yield what is wrong with KINDS; nothing else can be asked then."""
    try:
        _ = conf.kinds
    except ImproperlyConfigured as error:
        yield Problem("E050", str(error), SETTINGS)


def of_declared() -> Iterator[Problem]:
    """Yield what is wrong with DECLARED_TENANTS, without asking the database."""
    try:
        declared = conf.declared_tenants
    except ImproperlyConfigured as error:
        yield Problem("E051", str(error), SETTINGS)
        return
    for each in declared.values():
        for said in (*_of_names(each), *_of_domains(each)):
            where = f"TENANTRY['DECLARED_TENANTS'][{each.key!r}]"
            yield Problem("E051", f"{where}: {said}", "Correct it.")
    slugs = Counter(each.slug for each in declared.values())
    hosts = Counter(host for each in declared.values() for host in _hosts(each))
    for what, counted in (("slug", slugs), ("domain", hosts)):
        for name in (name for name, number in counted.items() if number > 1):
            yield Problem(
                "E051",
                f"TENANTRY['DECLARED_TENANTS'] gives the {what} {name!r} twice.",
                "Each leads to one tenant.",
            )


def _of_names(declared: DeclaredTenant) -> Iterator[str]:
    if declared.kind not in conf.kinds:
        yield f"there is no kind {declared.kind!r}; there are: {', '.join(conf.kinds)}."
    try:
        validate_slug(declared.slug)
    except ValidationError as error:
        yield f"its slug is {declared.slug!r}. {' '.join(error.messages)}"
    with suppress(ImproperlyConfigured, TypeError):  # E017 says so
        if declared.placement not in conf.placements:
            there = ", ".join(conf.placements)
            yield f"there is no placement {declared.placement!r}; there are: {there}."
            return
        try:
            isolations[declared.placement].location_for(declared.key)
        except InvalidIdentifier as error:
            yield str(error)


def _of_domains(declared: DeclaredTenant) -> Iterator[str]:
    if declared.domains and not conf.domain_model:
        yield "domains need a model: set DOMAIN_MODEL."
    for host in declared.domains:
        try:
            if normalize_host(host) in conf.shared_host_names:
                yield f"{host!r} is a host of the shared site."
        except ValidationError as error:
            yield " ".join(error.messages)


def _hosts(declared: DeclaredTenant) -> Iterator[str]:
    for host in declared.domains:
        with suppress(ValidationError):
            yield normalize_host(host)


def of_catalog() -> Iterator[Problem]:
    """Yield where the catalog and the settings differ; asks the database."""
    with override_tenant(None):
        connection = connections[DEFAULT_DB_ALIAS]
        model = registry.tenant_model
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        if model._meta.db_table not in tables:
            return
        rows = model._base_manager.exclude(kind__in=conf.kinds)
        orphans = Counter(rows.values_list("kind", flat=True))
    for kind, number in sorted(orphans.items()):
        yield Problem(
            "E054",
            f"{number} tenants are of kind {kind!r}, which TENANTRY['KINDS'] does not "
            "have: they cannot be used.",
            "Bring the kind back, or drop them: `manage.py tenants drop --where "
            f"kind={kind}`.",
        )
    for declared in missing():
        yield Problem(
            "W053",
            f"The declared tenant {declared.key!r} is not made yet.",
            "Make it: `manage.py tenants create --declared`.",
        )
