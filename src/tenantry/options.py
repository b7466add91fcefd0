"""The options of the `TENANTRY` setting: each has a type, a default, a line of text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ISOLATIONS = {
    "schema": "tenantry.isolation.SchemaIsolation",
    "database": "tenantry.isolation.DatabaseIsolation",
    "row": "tenantry.isolation.RowIsolation",
}
# Services of Django that are substituted so that they know the tenant.
SCOPES = ("sessions", "settings", "signing", "sites", "tasks")


@dataclass(frozen=True, slots=True)
class Option:
    """One key of the `TENANTRY` setting."""

    type: type | tuple[type, ...]
    default: Any
    text: str


OPTIONS: dict[str, Option] = {
    "TENANT_MODEL": Option(str, None, "The tenant model, as 'app_label.Model'."),
    "DOMAIN_MODEL": Option(
        (str, type(None)), None, "The domain model; needed by DomainResolver."
    ),
    "SHARED_APPS": Option((list, tuple), (), "Labels of apps without a tenant."),
    "TENANT_APPS": Option((list, tuple), (), "Labels of apps that each tenant has."),
    "KINDS": Option(dict, {}, "Kinds of tenants with apps and URLs of their own."),
    "DECLARED_TENANTS": Option(dict, {}, "Tenants that belong to the code, by key."),
    "ISOLATION": Option(
        str, None, "Short form of PLACEMENTS: 'schema', 'database' or 'row'."
    ),
    "PLACEMENTS": Option(dict, None, "Named homes for tenants, by alias."),
    "RESOLVERS": Option(
        (list, tuple),
        ("tenantry.routing.DomainResolver",),
        "What turns a request into a tenant, in order; the first match wins.",
    ),
    "SHARED_URLCONF": Option(
        (str, type(None)), None, "URLconf of the shared site; ROOT_URLCONF if unset."
    ),
    "SHARED_HOSTS": Option(
        (list, tuple), (), "Hosts of the shared site ('.example.com' for all below)."
    ),
    "EXEMPT_PATHS": Option(
        (list, tuple), (), "Path prefixes served without looking for a tenant."
    ),
    "EXEMPT_HOSTS": Option(
        (list, tuple), (), "Hosts served without looking for a tenant (health checks)."
    ),
    "RESERVED_KEYS": Option(
        (list, tuple),
        ("www", "api", "admin", "static", "media", "mail", "localhost"),
        "Keys and slugs that no tenant may take.",
    ),
    "REDIRECT_TO_PRIMARY": Option(
        bool,
        default=False,
        text="Redirect a tenant's other domains to its primary one.",
    ),
    "NOT_FOUND_VIEW": Option(
        str,
        "tenantry.routing.views.not_found",
        "View for a request that no resolver matches; called with the request.",
    ),
    "UNAVAILABLE_VIEW": Option(
        str,
        "tenantry.routing.views.unavailable",
        "View for a tenant that is not active; called with request and tenant.",
    ),
    "URL_SCHEME": Option(
        (str, type(None)), None, "Scheme of `tenant.url()`; 'http' in DEBUG, 'https'."
    ),
    "URL_PORT": Option(
        (int, type(None)), None, "Port of `tenant.url()`, where not the scheme's own."
    ),
    "SCOPES": Option(
        (list, tuple),
        SCOPES,
        "Services of Django that know the tenant by themselves: "
        f"{', '.join(SCOPES)}; read when Django starts.",
    ),
    "SETTINGS": Option(
        (dict, list, tuple),
        {},
        "Settings that tenants may have values of their own for.",
    ),
    "SECRETS_KEYS": Option(
        (list, tuple),
        (),
        "What tenants' secrets are encrypted with, the newest first; SECRET_KEY and "
        "its fallbacks if unset.",
    ),
    "CSRF_TRUST_OWN_DOMAINS": Option(
        bool,
        default=False,
        text="Take forms that a tenant's pages at another of its domains send.",
    ),
    "EMAIL_BACKEND": Option(
        str,
        "django.core.mail.backends.smtp.EmailBackend",
        "What TenantEmailBackend sends by.",
    ),
    "STATIC_DIR": Option(
        (str, Path, type(None)),
        None,
        "Folder with `<key>/static/` of tenants that have static files of their own.",
    ),
    "SHARED_USER_MODEL": Option(
        (str, type(None)),
        None,
        "Model of shared users who are members of tenants; AUTH_USER_MODEL if unset.",
    ),
    "ROLES": Option(
        dict,
        {"admin": {"STAFF": True, "SUPERUSER": True, "MANAGES": True}, "member": {}},
        "What members may do, by the name of the role; beside them is the owner.",
    ),
    "SIGNUP": Option(
        (str, type(None)),
        None,
        "What signing up makes: 'account', 'tenant' (an account with a tenant of its "
        "own); unset: nobody signs up.",
    ),
    "INVITATION_DAYS": Option((int, float), 7, "Days until an invitation expires."),
    "DELETION_GRACE_DAYS": Option(
        (int, float), 30, "Days until an account that its user deleted is deleted."
    ),
    "IMPERSONATION_MINUTES": Option(
        (int, float), 30, "Minutes until an impersonation ends by itself."
    ),
    "IMPERSONATION_BLOCKED": Option(
        (list, tuple),
        (
            "*password*",
            "account_*",
            "tenantry_account_*",
            "socialaccount_*",
            "mfa_*",
            "tenantry_leave",
            "tenantry_transfer",
            "tenantry_logout_everywhere",
        ),
        "Names of URLs that are closed while somebody acts as another; `*` for any.",
    ),
    "CATALOG_REFRESH_SECONDS": Option(
        (int, float), 4, "Seconds until a process asks whether the catalog changed."
    ),
}
