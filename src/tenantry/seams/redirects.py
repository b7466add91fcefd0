"""Seam of redirects: where a path prefix is all that parts tenants, `next` keeps to it.

Django holds a URL that a visitor gives (`next` of its logins and logouts, of languages,
of allauth) against the host, and a host may be that of many tenants.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from django.utils import http

from tenantry.routing.prefix import prefix_in_force
from tenantry.seams.substitution import seam, wrap


@seam
def urls_that_are_safe_are_the_tenants() -> None:
    """The function is imported by name everywhere; this is what it calls."""

    def is_safe(original: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        return original(url, *args, **kwargs) and not leaves(url, prefix_in_force())

    wrap(http, "_url_has_allowed_host_and_scheme", is_safe)


def leaves(url: str, prefix: str) -> bool:
    """Whether the URL leads out of the path prefix, if there is one."""
    if not prefix:
        return False
    # What is no whole path is below where the visitor is, or a query of it.
    path = unquote(urlsplit(urljoin(f"{prefix}/", url)).path)
    if ".." in unquote(url).replace("\\", "/").split("/"):
        return True
    return path != prefix and not path.startswith(f"{prefix}/")
