"""The resolvers: each looks at one fact of a request and says which tenant it means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from tenantry.catalog.registry import Entry, normalized, registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a request means: a tenant, or with `tenant=None` the shared site.

    `prefix` is the part of the path that led to the tenant (`/t/acme`), `primary` the
    host and path of its primary domain where the request came by another one.
    """

    tenant: Entry | None
    prefix: str = ""
    primary: tuple[str, str] | None = None


SHARED = Resolution(tenant=None)


def host_of(request: HttpRequest) -> str | None:
    """Return the request's host in its one form, or None where it is no host.

    Asked once for each request: the result is kept on it.
    """
    try:
        return request._tenantry_host  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001
    except AttributeError:
        host = normalized(request._get_raw_host())  # type: ignore[attr-defined]  # noqa: SLF001
        request._tenantry_host = host  # type: ignore[attr-defined]  # noqa: SLF001
        return host


class Resolver(ABC):
    """One link of the chain. `resolve` returns None where the request is not its own.

    `OPTIONS` of the settings are the keyword arguments of the class, in lower case.
    """

    option_names: ClassVar[frozenset[str]] = frozenset()
    varies_by: tuple[str, ...] = ()
    """Headers that it looks at, beside `Host`: responses name them in `Vary`."""

    @abstractmethod
    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return whose request this is, or None."""

    def address(self, tenant: Entry) -> tuple[str | None, str] | None:
        """Return host and path prefix by which the tenant is reached, if by this.

        A host of None means: that of the shared site.
        """
        del tenant
        return None

    def leads_to_tenant(self, host: str) -> bool:
        """Whether the host alone leads to a tenant by this resolver."""
        del host
        return False

    def __str__(self) -> str:
        return type(self).__name__


class DomainResolver(Resolver):
    """By the request's host, and path prefix if its domain has one (`DOMAIN_MODEL`)."""

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant of the host's domain; the longest path prefix wins."""
        host = host_of(request)
        if host is None:
            return None
        for domain in registry.by_host(host):
            if not _is_below(request.path_info, domain.path):
                continue
            primary = None
            if not domain.is_primary:
                primary = registry.primary_domain(domain.tenant.ref.key)
                if primary == (host, domain.path):
                    primary = None
            return Resolution(tenant=domain.tenant, prefix=domain.path, primary=primary)
        return None

    def address(self, tenant: Entry) -> tuple[str | None, str] | None:
        """Return the tenant's primary domain."""
        return registry.primary_domain(tenant.ref.key)

    def leads_to_tenant(self, host: str) -> bool:
        """Whether a domain has that host."""
        return bool(registry.by_host(host))


class SubdomainResolver(Resolver):
    """By the slug in front of a base: `acme.example.com` with `BASE` `example.com`.

    The base itself is the shared site.
    """

    option_names = frozenset({"BASE"})

    def __init__(self, *, base: str = "") -> None:
        host = normalized(base)
        if host is None:
            msg = f"SubdomainResolver needs OPTIONS['BASE'], a host; it has {base!r}."
            raise ImproperlyConfigured(msg)
        self.base = host

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant of the subdomain, or the shared site for the base."""
        host = host_of(request)
        if host == self.base:
            return SHARED
        entry = self._find(host)
        return None if entry is None else Resolution(tenant=entry)

    def _find(self, host: str | None) -> Entry | None:
        slug, dot, rest = (host or "").partition(".")
        return registry.by_slug(slug) if dot and slug and rest == self.base else None

    def address(self, tenant: Entry) -> tuple[str | None, str] | None:
        """Return the slug in front of the base."""
        return f"{tenant.slug}.{self.base}", ""

    def leads_to_tenant(self, host: str) -> bool:
        """Whether a tenant has that subdomain."""
        return self._find(host) is not None

    def __str__(self) -> str:
        return f"SubdomainResolver({self.base})"


class PathResolver(Resolver):
    """By the slug that the path begins with: `/t/acme/…` with `PREFIX` `/t/`.

    URLs, redirects and cookies of the tenant then carry the prefix by themselves, as
    Django's script prefix.
    """

    option_names = frozenset({"PREFIX"})

    def __init__(self, *, prefix: str = "/") -> None:
        if not prefix.startswith("/") or not prefix.endswith("/"):
            msg = f"PathResolver's OPTIONS['PREFIX'] is {prefix!r}; write it as '/t/'."
            raise ImproperlyConfigured(msg)
        self.prefix = prefix

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant whose slug follows the prefix."""
        path = request.path_info
        if not path.startswith(self.prefix):
            return None
        slug = path.removeprefix(self.prefix).partition("/")[0]
        entry = registry.by_slug(slug) if slug else None
        if entry is None:
            return None
        return Resolution(tenant=entry, prefix=self.prefix + slug)

    def address(self, tenant: Entry) -> tuple[str | None, str] | None:
        """Return the prefix, on the shared site's host."""
        return None, self.prefix + tenant.slug

    def __str__(self) -> str:
        return f"PathResolver({self.prefix})"


class HeaderResolver(Resolver):
    """By a header that holds the tenant's key: `X-Tenant`, unless `NAME` is given.

    A client chooses the header: authenticate and authorize it, or let a gateway in
    front of Django set it. Responses vary by it, so that no cache keeps one tenant's
    page for another.
    """

    option_names = frozenset({"NAME"})

    def __init__(self, *, name: str = "X-Tenant") -> None:
        self.name = name
        self.varies_by = (name,)

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant whose key the header holds."""
        key = request.headers.get(self.name)
        entry = registry.by_key(key) if key else None
        return None if entry is None else Resolution(tenant=entry)

    def __str__(self) -> str:
        return f"HeaderResolver({self.name})"


class SessionResolver(Resolver):
    """By the tenant's key in a shared session: the user's choice (`NAME`, `tenant`).

    Sessions must be shared, and `SessionMiddleware` before `TenantMiddleware`.
    """

    option_names = frozenset({"NAME"})

    def __init__(self, *, name: str = "tenant") -> None:
        self.name = name

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant whose key the session holds."""
        session = getattr(request, "session", None)
        if session is None:
            msg = (
                "SessionResolver needs a session: put SessionMiddleware before "
                "TenantMiddleware, and 'sessions' in SHARED_APPS."
            )
            raise ImproperlyConfigured(msg)
        key = session.get(self.name)
        entry = registry.by_key(key) if key else None
        return None if entry is None else Resolution(tenant=entry)

    def __str__(self) -> str:
        return f"SessionResolver({self.name})"


class CallableResolver(Resolver):
    """A function of the project's: takes the request, returns a tenant, key or None.

    It may also return `SHARED`, to end the chain with the shared site.
    """

    def __init__(self, function: Callable[[HttpRequest], Any]) -> None:
        self.function = function

    def resolve(self, request: HttpRequest) -> Resolution | None:
        """Return the tenant that the function names."""
        answer = self.function(request)
        if answer is None or isinstance(answer, Resolution):
            return answer
        key = answer if isinstance(answer, str) else answer.ref.key
        entry = registry.by_key(key)
        return None if entry is None else Resolution(tenant=entry)

    def __str__(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


def _is_below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + "/")
