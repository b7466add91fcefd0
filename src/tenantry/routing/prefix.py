"""A path prefix in force: Django's script prefix, the request's paths, the cookies."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from django.urls import get_script_prefix, set_script_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


# Django's script prefix says as well where the project is mounted, prefix or not.
_of_tenant: ContextVar[str] = ContextVar("tenantry_prefix", default="")


def prefix_in_force() -> str:
    """Return the script prefix that a tenant's path prefix ends, without a slash."""
    return _of_tenant.get()


@contextmanager
def script_prefix(prefix: str) -> Iterator[None]:
    """Make `reverse()` put the prefix in front, in this thread or task only."""
    before = get_script_prefix()
    set_script_prefix(prefix)
    token = _of_tenant.set(prefix.rstrip("/"))
    try:
        yield
    finally:
        _of_tenant.reset(token)
        set_script_prefix(before)


def move_into_prefix(request: HttpRequest, prefix: str) -> None:
    """Give the request the paths that it would have if it were mounted there."""
    script_name = request.META.get("SCRIPT_NAME", "").rstrip("/") + prefix
    request.META["SCRIPT_NAME"] = script_name
    if hasattr(request, "script_name"):
        request.script_name = script_name
    request.path_info = request.path_info.removeprefix(prefix) or "/"
    request.META["PATH_INFO"] = request.path_info
    if "HTTP_COOKIE" in request.META:
        request.COOKIES = nearest_cookies(request.META["HTTP_COOKIE"])


def nearest_cookies(header: str) -> dict[str, str]:
    """Return the cookies, of two of one name that with the longer path.

    Browsers send that one first (RFC 6265, 5.4); Django would take the last, which is
    the shared site's.
    """
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name not in cookies:
            try:
                cookies[name] = SimpleCookie().value_decode(value)[0]
            except CookieError:
                cookies[name] = value
    return cookies


def keep_cookies_within(response: HttpResponseBase, prefix: str) -> None:
    """Bind the response's cookies to the prefix, unless they name a path already."""
    for morsel in response.cookies.values():
        if morsel["path"] in ("", "/"):
            morsel["path"] = prefix
