"""System checks: each mistake in the settings, with an id, a hint and a link.

The letter is the level: E is an error, W a warning. Ids are never reused; the list is
in `docs/reference/checks.md`.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  (Django's name)
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from tenantry import guards
from tenantry.catalog.models import DomainRow, TenantRow
from tenantry.conf import (
    DEFAULT_PLACEMENT,
    OWN_LABELS,
    Problem,
    conf,
    is_reserved_alias,
)
from tenantry.exceptions import InvalidIdentifier
from tenantry.file_checks import of_files
from tenantry.isolation import isolations
from tenantry.kind_checks import of_catalog, of_declared, of_kinds
from tenantry.kinds import DEFAULT_KIND
from tenantry.neighbour_checks import of_pointers, of_sign_on
from tenantry.routing.chain import chain
from tenantry.service_checks import of_services
from tenantry.users.checks import of_users

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCS = "https://django-tenantry.readthedocs.io/reference/checks/"
MIDDLEWARE = "tenantry.middleware.TenantMiddleware"
BASES = {TenantRow: "AbstractTenant", DomainRow: "AbstractDomain"}
ROUTER = "tenantry.routers.TenantRouter"
UNREADABLE = {"E001", "E050"}  # nothing else can be asked
DATABASE_SESSIONS = (
    "django.contrib.sessions.backends.db",
    "django.contrib.sessions.backends.cached_db",
)


def check_settings(**_: object) -> list[CheckMessage]:
    """Check the TENANTRY setting and what it needs of the others."""
    found = list(_of_conf())
    if any(problem.id in UNREADABLE for problem in found):
        return _messages(found)
    found += _router()
    found += _middleware()
    found += _apps()
    found += _databases()
    found += _placements()
    found += _resolvers()
    found += _imports()
    found += of_declared()
    found += of_services()
    found += of_files()
    found += of_sign_on()
    found += of_users()
    return _messages(found)


def check_models(**_: object) -> list[CheckMessage]:
    """Check the tenant and domain models, and the relations across the boundary."""
    if any(problem.id in UNREADABLE for problem in _of_conf()):
        return []
    found = [*_tenant_model(), *_domain_model(), *_sessions(), *_relations()]
    return _messages(found)


def check_catalog(
    *, databases: Sequence[str] | None = None, **_: object
) -> list[CheckMessage]:
    """Check the catalog against the settings, where the database may be asked."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or _messages(
        [*_of_conf(), *_tenant_model(), *of_declared()]
    ):
        return []
    return _messages([*of_catalog(), *of_pointers()])


def check_databases(
    databases: Sequence[str] | None = None, **_: object
) -> list[CheckMessage]:
    """Check the roles and policies of row isolation, in the databases named."""
    if any(problem.id in UNREADABLE for problem in _of_conf()):
        return []
    try:
        made = isolations.all()
    except (ImproperlyConfigured, TypeError):
        return []  # E017 says so
    return _messages(
        [
            Problem(
                "E044" if finding.level == "error" else "W045",
                f"Placement {isolation.placement.alias!r}: {finding.text}",
                finding.next_step,
            )
            for isolation in made
            if isolation.database in (databases or ())
            for finding in isolation.dangers()
        ]
    )


def _messages(problems: list[Problem]) -> list[CheckMessage]:
    return [
        (Error if problem.id[0] == "E" else Warning)(
            problem.text,
            hint=f"{problem.hint} See {DOCS}#{problem.id.lower()}",
            id=f"tenantry.{problem.id}",
        )
        for problem in problems
    ]


def _of_conf() -> Iterator[Problem]:
    _ = conf.raw
    yield from conf.problems
    yield from of_kinds()


def _router() -> Iterator[Problem]:
    routers = conf.database_routers
    if ROUTER not in routers:
        yield Problem(
            "E004",
            f"DATABASE_ROUTERS does not hold {ROUTER!r}.",
            f"Set DATABASE_ROUTERS = [{ROUTER!r}].",
        )
    elif routers[0] != ROUTER:
        yield Problem(
            "W005",
            f"{ROUTER!r} is not the first of DATABASE_ROUTERS.",
            "A router before it may send a tenant's model elsewhere: put it first.",
        )


def _middleware() -> Iterator[Problem]:
    names = conf.middleware
    if MIDDLEWARE not in names:
        yield Problem(
            "W006",
            f"MIDDLEWARE does not hold {MIDDLEWARE!r}: requests have no tenant.",
            "Put it first in MIDDLEWARE.",
        )
        return
    position = names.index(MIDDLEWARE)
    early = [name for name in names[:position] if _needs_tenant(name)]
    if early:
        yield Problem(
            "E007",
            f"{early[0]!r} is before {MIDDLEWARE!r} and works with tenants' tables.",
            "Put TenantMiddleware before it.",
        )


def _needs_tenant(name: str) -> bool:
    """Whether the middleware reads tables of an app that tenants have."""
    needs = {
        "django.contrib.sessions.middleware.SessionMiddleware": "sessions",
        "django.contrib.auth.middleware.AuthenticationMiddleware": "auth",
        "django.contrib.sites.middleware.CurrentSiteMiddleware": "sites",
        "django.contrib.redirects.middleware.RedirectFallbackMiddleware": "redirects",
        "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware": "flatpages",
    }
    return bool(conf.in_tenants(needs.get(name, "")))


def _apps() -> Iterator[Problem]:
    labels = {config.label for config in apps.get_app_configs()}
    for config in apps.get_app_configs():
        known = conf.in_tenants(config.label) or conf.in_shared(config.label)
        if not known and next(config.get_models(), None) is not None:
            yield Problem(
                "E008",
                f"App {config.label!r} has models and is neither in SHARED_APPS nor in "
                "TENANT_APPS of any kind.",
                f"Add {config.label!r} to the list of those who own its rows.",
            )
    for label in sorted((conf.shared_apps | conf.tenant_apps) - labels - OWN_LABELS):
        near = difflib.get_close_matches(label, labels, n=1)
        yield Problem(
            "E009",
            f"{label!r}, in SHARED_APPS or TENANT_APPS, is no installed app's label.",
            f"Did you mean {near[0]!r}?" if near else "Labels, not module paths.",
        )
    for label in sorted(OWN_LABELS & conf.tenant_apps):
        yield Problem(
            "E015",
            f"{label!r} is in TENANT_APPS: its tables, the catalog's or a cache's, "
            "are shared.",
            "Remove it from TENANT_APPS.",
        )


def _databases() -> Iterator[Problem]:
    for alias in conf.databases:
        if is_reserved_alias(alias):
            yield Problem(
                "E016",
                f"DATABASES has an alias {alias!r}, of a form that tenantry uses.",
                "Give it a name without 'tenant:' or 'tenantry:' in front.",
            )


def _placements() -> Iterator[Problem]:
    try:
        made = isolations.all()
    except (ImproperlyConfigured, TypeError) as error:
        yield Problem("E017", str(error), "The reference of settings shows how.")
        return
    if DEFAULT_PLACEMENT not in conf.placements:
        yield Problem(
            "W034",
            f"No placement is named {DEFAULT_PLACEMENT!r}: a new tenant must name one.",
            f"Name the usual one {DEFAULT_PLACEMENT!r}.",
        )
    for isolation in made:
        if isolation.database not in conf.databases:
            yield Problem(
                "E018",
                f"Placement {isolation.placement.alias!r} names the database "
                f"{isolation.database!r}, which DATABASES does not have.",
                f"There are: {', '.join(conf.databases)}.",
            )
            continue
        if isolation.database != DEFAULT_DB_ALIAS and not (
            isolation.supports_remote_shared
        ):
            yield Problem(
                "E032",
                f"Placement {isolation.placement.alias!r} is on "
                f"{isolation.database!r}, and {type(isolation).__name__} needs the "
                "shared tables on the same database.",
                f"Set its DATABASE to {DEFAULT_DB_ALIAS!r}.",
            )
        yield from isolation.problems()
        try:
            isolation.location_for("tenantry-check")
        except InvalidIdentifier as error:
            yield Problem("E017", str(error), "The reference of settings shows how.")


def _resolvers() -> Iterator[Problem]:
    try:
        made = chain()
    except (ImproperlyConfigured, TypeError) as error:
        yield Problem("E019", str(error), "The reference of settings shows how.")
        return
    kinds = [type(resolver).__name__ for resolver in made]
    if (
        "DomainResolver" in kinds
        and not conf.domain_model
        and len(conf.raw["RESOLVERS"]) == 1
    ):
        yield Problem(
            "E020",
            "DomainResolver is in RESOLVERS, and DOMAIN_MODEL is not set.",
            "Set DOMAIN_MODEL, or choose other RESOLVERS.",
        )
    if "SessionResolver" in kinds and not conf.in_shared("sessions"):
        yield Problem(
            "E021",
            "SessionResolver needs shared sessions, and 'sessions' is not in "
            "SHARED_APPS.",
            "Add 'sessions' to SHARED_APPS, or resolve otherwise.",
        )
    yield from _paths_first(kinds[: len(conf.raw["RESOLVERS"])])


def _paths_first(kinds: list[str]) -> Iterator[Problem]:
    """Find a chain by which all tenants are served at the host of each."""
    if "PathResolver" not in kinds:
        return
    later = {"DomainResolver", "SubdomainResolver"}.intersection(
        kinds[kinds.index("PathResolver") :]
    )
    if later:
        yield Problem(
            "W081",
            f"PathResolver is before {min(later)} in RESOLVERS: at the host of one "
            "tenant, others are served below their prefixes, and to browsers the pages "
            "of all these are of one site.",
            f"Put PathResolver after {min(later)}.",
        )


def _imports() -> Iterator[Problem]:
    """What is imported at the first request, or the first failure, is tried now."""
    for option in ("NOT_FOUND_VIEW", "UNAVAILABLE_VIEW"):
        try:
            import_string(conf.raw[option])
        except ImportError as error:
            yield Problem("E028", f"TENANTRY[{option!r}]: {error}.", "Mend the path.")
    urlconfs = {"TENANTRY['SHARED_URLCONF']": conf.shared_urlconf}
    for kind in conf.kinds.values():
        urlconfs[f"TENANTRY['KINDS'][{kind.name!r}]['URLCONF']"] = kind.urlconf
    for where, urlconf in urlconfs.items():
        try:
            if urlconf:
                import_module(urlconf)
        except ImportError as error:
            yield Problem("E028", f"{where}: {error}.", "Mend the path.")


def _tenant_model() -> Iterator[Problem]:
    yield from _model("TENANT_MODEL", conf.tenant_model, base=TenantRow, code="E023")


def _domain_model() -> Iterator[Problem]:
    if conf.domain_model:
        yield from _model(
            "DOMAIN_MODEL", conf.domain_model, base=DomainRow, code="E024"
        )


def _model(
    option: str, name: str | None, *, base: type[Any], code: str
) -> Iterator[Problem]:
    try:
        model = apps.get_model(name or "")
    except (LookupError, ValueError):
        yield Problem(
            code,
            f"TENANTRY[{option!r}] is {name!r}, which is no installed model.",
            "Write it as 'app_label.Model'.",
        )
        return
    label = model._meta.app_label
    if not issubclass(model, base):
        yield Problem(
            code,
            f"TENANTRY[{option!r}] is {name!r}, which does not inherit {BASES[base]}.",
            f"Let it inherit tenantry.models.{BASES[base]}.",
        )
    if conf.in_tenants(label) or not conf.in_shared(label):
        yield Problem(
            "E025",
            f"App {label!r} of {name!r} must be in SHARED_APPS and not in TENANT_APPS.",
            "The catalog is shared: tenants are found by it.",
        )


def _sessions() -> Iterator[Problem]:
    """Sessions and users belong on one side, or a user id is another person's."""
    if not apps.is_installed("django.contrib.sessions"):
        return
    if conf.session_engine not in DATABASE_SESSIONS:
        return
    users = conf.auth_user_model.partition(".")[0]
    if not apps.is_installed("django.contrib.auth"):
        return
    for kind in conf.kinds:
        sessions, people = (guards.sides[kind][label] for label in ("sessions", users))
        if sessions != people:
            of_kind = "" if kind == DEFAULT_KIND else f", for tenants of kind {kind!r}"
            yield Problem(
                "E026",
                f"'sessions' and the users' app {users!r} are not in the same lists"
                f"{of_kind}: a session would name a user id that is somebody else's on "
                "the other side.",
                "Put both in TENANT_APPS, both in SHARED_APPS, or both in both.",
            )


def _relations() -> Iterator[Problem]:
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            # A name: of a model that is not installed, which Django's own check tells.
            if field.is_relation and not isinstance(
                field.related_model, str | type(None)
            ):
                yield from _of_shared(field)
                yield from _of_tenants(field)


def _of_shared(field: Any) -> Iterator[Problem]:
    """Yield what is wrong with a shared model's reference to something of tenants."""
    own, target = (each._meta.app_label for each in (field.model, field.related_model))
    if not conf.in_shared(own):
        return
    if conf.in_tenants(target) and not conf.in_shared(target):
        yield Problem(
            "E031",
            f"{field} is shared and refers to {field.related_model.__name__}, "
            "which each tenant has its own of.",
            "Put both apps in the same list.",
        )
    if own in OWN_LABELS:
        return  # what is followed with no tenant active only
    kinds = (guards.sides[kind] for kind in conf.kinds)
    if conf.in_shared(target) and any(
        sides[target].tenants and not sides[own].tenants for sides in kinds
    ):
        yield Problem(
            "W033",
            f"{field} is shared and refers to the shared "
            f"{field.related_model.__name__}; while a tenant is active it is "
            "looked up among the tenant's.",
            "Follow it inside `with override_tenant(None): ...`, or put both "
            "apps in the same lists.",
        )


def _of_tenants(field: Any) -> Iterator[Problem]:
    """Yield what is wrong with a tenant model's reference to what tenants have not."""
    own, target = (each._meta.app_label for each in (field.model, field.related_model))
    kinds = [kind for kind in conf.kinds if guards.sides[kind][own].tenants]
    if not kinds or not _is_enforced(field):
        return
    name = field.related_model.__name__
    lacking = [kind for kind in kinds if guards.sides[kind][target].elsewhere]
    if lacking:
        yield Problem(
            "E052",
            f"{field} refers to {name}, and tenants of kind "
            f"{', '.join(map(repr, lacking))} have the app {own!r} without {target!r}.",
            f"Add {target!r} to the kind's TENANT_APPS, or declare the field with "
            "db_constraint=False.",
        )


def _is_enforced(field: Any) -> bool:
    return bool(getattr(field, "db_constraint", False))
