"""Reads the `TENANTRY` setting: once, and again after `override_settings`.

The only module that reads Django's settings. Mistakes are kept in `problems` for the
system checks.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.encoding import force_bytes

from tenantry.declared_settings import (
    ACTIVATED,
    DeclaredSetting,
    Mistake,
    read_settings,
)
from tenantry.kinds import (
    DEFAULT_KIND,
    DeclaredTenant,
    Kind,
    named,
    read_declared,
    read_kinds,
)
from tenantry.options import ISOLATIONS, OPTIONS
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS

DEFAULT_PLACEMENT = "default"
# Labels that need not be listed: our own, and the one that Django asks the router about
# for the table of `DatabaseCache`, which is no app's.
OWN_LABELS = frozenset({"tenantry", "tenantry_users", "django_cache"})


@dataclass(slots=True)
class Problem:
    """A mistake in the settings, told by `manage.py check`."""

    id: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class Placement:
    """A named home for tenants, as written in the settings."""

    alias: str
    backend: str
    database: str
    options: dict[str, Any] = field(hash=False)


class Conf:
    """The `TENANTRY` setting, parsed. Attributes of it are options in lower case."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The setting, with defaults; wrong keys and types become problems."""
        given = getattr(django_settings, "TENANTRY", None)
        if not isinstance(given, dict):
            self.problems.append(
                Problem("E001", "TENANTRY is missing or not a dict.", "See the README.")
            )
            given = {}
        for name in given.keys() - OPTIONS.keys():
            near = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = (
                f"Did you mean {near[0]!r}?"
                if near
                else f"Known: {', '.join(OPTIONS)}."
            )
            self.problems.append(
                Problem("E002", f"TENANTRY has an unknown option {name!r}.", hint)
            )
        values = {}
        for name, option in OPTIONS.items():
            value = given.get(name, option.default)
            if name in given and not isinstance(value, option.type):
                self.problems.append(
                    Problem(
                        "E003",
                        f"TENANTRY[{name!r}] is {value!r}, of the wrong type: it takes "
                        f"{named(option.type)}.",
                        option.text,
                    )
                )
                value = option.default
            values[name] = value
        if "ISOLATION" in given and "PLACEMENTS" in given:
            self.problems.append(
                Problem(
                    "E027",
                    "TENANTRY has both ISOLATION and PLACEMENTS.",
                    "ISOLATION is the short form of one placement: keep one of them.",
                )
            )
        return values

    def __getattr__(self, name: str) -> Any:
        """Return an option by its name in lower case."""
        try:
            value = self.raw[name.upper()]
        except KeyError:
            raise AttributeError(name) from None
        self.__dict__[name] = value
        return value

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The kinds of tenants by name; TENANT_APPS are those of `default`."""
        apps = frozenset(self.raw["TENANT_APPS"])
        default = Kind(name=DEFAULT_KIND, tenant_apps=apps)
        return {DEFAULT_KIND: default, **read_kinds(self.raw["KINDS"])}

    def kind(self, name: str) -> Kind:
        """Return a kind; raise `ImproperlyConfigured` where the settings lack it."""
        try:
            return self.kinds[name]
        except KeyError:
            msg = (
                f"There is no kind {name!r} in TENANTRY['KINDS']; there are: "
                f"{', '.join(self.kinds)}."
            )
            raise ImproperlyConfigured(msg) from None

    def apps_of(self, kind: str) -> frozenset[str]:
        """Return the labels of apps with tables in each tenant of the kind."""
        return self.kind(kind).tenant_apps

    def urlconf_of(self, kind: str) -> str:
        """Return what tenants of the kind serve."""
        return self.kind(kind).urlconf or self.root_urlconf

    @cached_property
    def urlconfs(self) -> frozenset[str]:
        """Every URLconf that a request may be served by."""
        kinds = {kind.urlconf or self.root_urlconf for kind in self.kinds.values()}
        return frozenset(kinds | {self.raw["SHARED_URLCONF"] or self.root_urlconf})

    @cached_property
    def declared_tenants(self) -> dict[str, DeclaredTenant]:
        """The tenants that belong to the code, by key."""
        return read_declared(self.raw["DECLARED_TENANTS"], placement=DEFAULT_PLACEMENT)

    @cached_property
    def reserved_names(self) -> frozenset[str]:
        """Keys and slugs that no customer's tenant may take."""
        declared = self.declared_tenants
        slugs = (each.slug for each in declared.values())
        return frozenset((*self.raw["RESERVED_KEYS"], *declared, *slugs))

    @cached_property
    def tenant_apps(self) -> frozenset[str]:
        """Labels of apps with tables in tenants of any kind."""
        return frozenset().union(*(kind.tenant_apps for kind in self.kinds.values()))

    @cached_property
    def shared_apps(self) -> frozenset[str]:
        """Labels of apps with tables in the shared database; tenantry is one.

        So is that of the table of a cache: keys in it name their tenant.
        """
        return frozenset(self.raw["SHARED_APPS"]) | OWN_LABELS

    @cached_property
    def both_apps(self) -> frozenset[str]:
        """Labels of shared apps that tenants have too, of some kind at least."""
        return self.tenant_apps & self.shared_apps

    @cached_property
    def placements(self) -> dict[str, Placement]:
        """The placements by alias; the short form makes one, named `default`."""
        given = self.raw["PLACEMENTS"]
        if given is None:
            isolation = self.raw["ISOLATION"] or "database"
            if isolation not in ISOLATIONS:
                msg = (
                    f"TENANTRY['ISOLATION'] is {isolation!r}; available: "
                    f"{', '.join(sorted(ISOLATIONS))}."
                )
                raise ImproperlyConfigured(msg)
            given = {DEFAULT_PLACEMENT: {"BACKEND": ISOLATIONS[isolation]}}
        return {alias: self._placement(alias, value) for alias, value in given.items()}

    @staticmethod
    def _placement(alias: str, value: object) -> Placement:
        if not isinstance(value, dict):
            msg = f"TENANTRY['PLACEMENTS'][{alias!r}] is {value!r}, not a dict."
            raise ImproperlyConfigured(msg)
        unknown = value.keys() - {"BACKEND", "DATABASE", "OPTIONS"}
        if unknown or "BACKEND" not in value:
            msg = (
                f"TENANTRY['PLACEMENTS'][{alias!r}] takes BACKEND (required), DATABASE "
                f"and OPTIONS; it has {', '.join(sorted(value)) or 'nothing'}."
            )
            raise ImproperlyConfigured(msg)
        return Placement(
            alias=alias,
            backend=value["BACKEND"],
            database=value.get("DATABASE", "default"),
            options=dict(value.get("OPTIONS", {})),
        )

    @cached_property
    def resolvers(self) -> list[dict[str, Any]]:
        """The resolver chain; with DEBUG, `<slug>.localhost` works in addition."""
        chain = [
            {"BACKEND": None, "OPTIONS": {}, **given}
            if isinstance(given, dict)
            else {"BACKEND": given, "OPTIONS": {}}
            for given in self.raw["RESOLVERS"]
        ]
        local = {
            "BACKEND": "tenantry.routing.SubdomainResolver",
            "OPTIONS": {"BASE": "localhost"},
        }
        if self.debug and local not in chain:
            chain.append(local)
        return chain

    @property
    def debug(self) -> bool:
        """Whether Django runs in DEBUG mode."""
        return bool(django_settings.DEBUG)

    @property
    def databases(self) -> dict[str, dict[str, Any]]:
        """Django's own DATABASES."""
        return dict(django_settings.DATABASES)

    @property
    def middleware(self) -> list[str]:
        """Django's own MIDDLEWARE."""
        return list(django_settings.MIDDLEWARE)

    @property
    def database_routers(self) -> list[Any]:
        """Django's own DATABASE_ROUTERS."""
        return list(django_settings.DATABASE_ROUTERS)

    @property
    def templates(self) -> list[dict[str, Any]]:
        """Django's own TEMPLATES."""
        return list(django_settings.TEMPLATES)

    @property
    def site_id(self) -> Any:
        """Django's own SITE_ID; the active tenant's, where that is its setting."""
        return getattr(django_settings, "SITE_ID", None)

    @property
    def session_engine(self) -> str:
        """Django's own SESSION_ENGINE."""
        return str(django_settings.SESSION_ENGINE)

    @property
    def secret_keys(self) -> list[str | bytes]:
        """Django's own SECRET_KEY, then its SECRET_KEY_FALLBACKS."""
        return [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]

    @property
    def authentication_backends(self) -> list[str]:
        """Django's own AUTHENTICATION_BACKENDS."""
        return list(django_settings.AUTHENTICATION_BACKENDS)

    @property
    def login_url(self) -> str:
        """Django's own LOGIN_URL: a name, a path, or a whole URL."""
        return str(django_settings.LOGIN_URL)

    @property
    def session_cookie_domain(self) -> str | None:
        """Django's own SESSION_COOKIE_DOMAIN."""
        value: str | None = django_settings.SESSION_COOKIE_DOMAIN
        return value

    @property
    def caches(self) -> dict[str, dict[str, Any]]:
        """Django's own CACHES."""
        return dict(django_settings.CACHES)

    @property
    def chose_caches(self) -> bool:
        """Whether the project has CACHES of its own, and not Django's default."""
        return bool(django_settings.is_overridden("CACHES"))

    @property
    def auth_user_model(self) -> str:
        """Django's own AUTH_USER_MODEL."""
        return str(django_settings.AUTH_USER_MODEL)

    @property
    def shared_user_model(self) -> str:
        """The model of shared users: AUTH_USER_MODEL unless given."""
        return self.raw["SHARED_USER_MODEL"] or self.auth_user_model

    @cached_property
    def _settings(self) -> tuple[dict[str, DeclaredSetting], list[Mistake]]:
        given = self.raw["SETTINGS"]  # the first look sets Django's settings up
        # Without any tenant's: past what hands those out.
        return read_settings(given, django_settings._wrapped)  # noqa: SLF001

    @property
    def declared_settings(self) -> dict[str, DeclaredSetting]:
        """The settings that tenants may have values of their own for, by name."""
        return self._settings[0]

    @property
    def mistakes_of_settings(self) -> list[Mistake]:
        """What is wrong with TENANTRY['SETTINGS']."""
        return self._settings[1]

    @cached_property
    def activated_settings(self) -> frozenset[str]:
        """Which of time zone and language a tenant may have of its own."""
        if not self.has_scope("settings"):
            return frozenset()
        return ACTIVATED & self.declared_settings.keys()

    @property
    def secrets_keys(self) -> list[bytes]:
        """What tenants' secrets are encrypted with, the newest first."""
        project: Any = django_settings._wrapped  # noqa: SLF001
        given = self.raw["SECRETS_KEYS"] or [
            project.SECRET_KEY,
            *project.SECRET_KEY_FALLBACKS,
        ]
        return [force_bytes(each) for each in given]

    @property
    def mailers(self) -> dict[str, Any] | None:
        """Django's own MAILERS, from Django 6.1 on; None where there are none."""
        return getattr(django_settings, "MAILERS", None)

    @property
    def storages(self) -> dict[str, dict[str, Any]]:
        """Django's own STORAGES."""
        given: Any = django_settings.STORAGES
        return dict(given)

    @property
    def media_root(self) -> str:
        """Django's own MEDIA_ROOT."""
        return str(django_settings.MEDIA_ROOT)

    @property
    def staticfiles_finders(self) -> list[str]:
        """Django's own STATICFILES_FINDERS."""
        return list(django_settings.STATICFILES_FINDERS)

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Django's own TASKS, which Django 5.2 has from a package."""
        return dict(getattr(django_settings, "TASKS", None) or {})

    @property
    def channel_layers(self) -> dict[str, dict[str, Any]]:
        """The CHANNEL_LAYERS of Channels."""
        return dict(getattr(django_settings, "CHANNEL_LAYERS", None) or {})

    def has_scope(self, name: str) -> bool:
        """Whether the service of Django knows the tenant."""
        return name in self.scopes

    @cached_property
    def shared_host_names(self) -> tuple[str, ...]:
        """The hosts of the shared site, in lower case.

        Unless SHARED_HOSTS says otherwise: the exact names in ALLOWED_HOSTS, where
        tenants' hosts need not be, and the local machine's in DEBUG.
        """
        given = self.raw["SHARED_HOSTS"]
        if not given:
            given = [
                host
                for host in django_settings.ALLOWED_HOSTS
                if host[:1] not in ("*", ".")
            ]
            if self.debug:
                given += ["localhost", "127.0.0.1", "[::1]"]
        return tuple(dict.fromkeys(host.lower() for host in given))

    @cached_property
    def exempt_paths(self) -> tuple[str, ...]:
        """Path prefixes served without a tenant: those given, and static files.

        Django keeps the first value of STATIC_URL and MEDIA_URL that it computes,
        script prefix and all: so both are read here, before a tenant's is in force.
        """
        _ = django_settings.MEDIA_URL
        paths = tuple(self.raw["EXEMPT_PATHS"])
        static = self.static_url
        if static and static.startswith("/") and static != "/":
            paths = (*paths, static)
        return paths

    @property
    def root_urlconf(self) -> str:
        """Django's own ROOT_URLCONF: what tenants serve whose kind has none."""
        return str(django_settings.ROOT_URLCONF)

    @property
    def static_url(self) -> str | None:
        """Django's own STATIC_URL, as written."""
        value = django_settings.STATIC_URL
        return str(value) if value else None

    @cached_property
    def scheme(self) -> str:
        """Scheme of absolute URLs made outside a request."""
        return str(self.raw["URL_SCHEME"] or ("http" if self.debug else "https"))

    def in_tenants(self, app_label: str) -> bool:
        """Whether the app has tables in tenants, of some kind at least."""
        return app_label in self.tenant_apps

    def in_shared(self, app_label: str) -> bool:
        """Whether the app has tables in the shared database."""
        return app_label in self.shared_apps


class _Current:
    """Hands out the one `Conf`, made anew when a setting it read has changed."""

    def __init__(self) -> None:
        self._conf = Conf()
        self._listeners: list[Any] = []
        # Names of the databases before a test runner puts its own in their place.
        self.real_names: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conf, name)

    def on_change(self, listener: Any) -> None:
        """Call the listener after the setting changed, to drop what it derived."""
        self._listeners.append(listener)

    def reset(self) -> None:
        """Read the settings again at the next use."""
        self._conf = Conf()
        for listener in self._listeners:
            listener()


conf = _Current()
WATCHED = {
    "TENANTRY",
    "DEBUG",
    "ROOT_URLCONF",
    "DATABASES",
    "ALLOWED_HOSTS",
    "STATIC_URL",
}


def _setting_changed(*, setting: str, **_: object) -> None:
    if setting in WATCHED:
        conf.reset()


def is_reserved_alias(alias: str) -> bool:
    """Whether a project may not use the alias in DATABASES: it is ours."""
    return alias == SHARED_ALIAS or alias.startswith(LABEL_PREFIX)


def connect() -> None:
    """Listen for changed settings; called when the app is ready."""
    for alias, database in django_settings.DATABASES.items():
        conf.real_names.setdefault(alias, str(database.get("NAME", "")))
    setting_changed.connect(_setting_changed, dispatch_uid="tenantry.conf")
