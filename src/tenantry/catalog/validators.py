"""What a key, a slug and a host may be; hosts brought to one form."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import idna
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.deconstruct import deconstructible

from tenantry.conf import conf
from tenantry.exceptions import InvalidIdentifier
from tenantry.isolation import identifiers

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HOST_LENGTH = 253
SLUG = r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"
PORT = re.compile(r":\d*\Z")
ASCII_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z")
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+\Z")
# Scripts that are written together in one language.
TOGETHER = {
    *("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    *("HANGUL", "BOPOMOFO"),
}

validate_slug = RegexValidator(
    SLUG,
    "A slug is made of a-z, 0-9 and '-', and neither begins nor ends with '-': it "
    "becomes a subdomain or a path prefix.",
)


# Reserved names that are allowed for a block: those of the tenant declared so.
_ALLOWED: ContextVar[frozenset[str]] = ContextVar(
    "tenantry_allowed", default=frozenset()
)


@contextmanager
def allow_names(*names: str) -> Iterator[None]:
    """Let these reserved keys and slugs pass in the block, and no others."""
    token = _ALLOWED.set(_ALLOWED.get() | set(names))
    try:
        yield
    finally:
        _ALLOWED.reset(token)


@deconstructible
class NotReserved:
    """Refuses what `RESERVED_KEYS` lists, and what declared tenants have."""

    def __call__(self, value: str) -> None:
        """Raise `ValidationError` for a reserved key or slug."""
        if value not in conf.reserved_names or value in _ALLOWED.get():
            return
        if value in conf.reserved_keys:
            setting = "TENANTRY['RESERVED_KEYS']"
            msg = f"{value!r} is reserved ({setting}); choose another."
        else:
            msg = (
                f"{value!r} is a declared tenant's (TENANTRY['DECLARED_TENANTS']), "
                "made by `manage.py tenants create --declared`; choose another."
            )
        raise ValidationError(msg, code="reserved")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NotReserved)

    def __hash__(self) -> int:
        return hash(NotReserved)


def validate_kind(value: str) -> None:
    """Raise `ValidationError` unless the settings have the kind."""
    if value not in conf.kinds:
        msg = f"There is no kind {value!r}; there are: {', '.join(conf.kinds)}."
        raise ValidationError(msg, code="invalid")


def validate_key(value: str) -> None:
    """Raise `ValidationError` unless the value can be a tenant's key."""
    try:
        identifiers.validate_key(value)
    except InvalidIdentifier as error:
        raise ValidationError(str(error), code="invalid") from error


def normalize_host(host: str) -> str:
    """Return the host in the one form that is stored and compared.

    Lower case, without port and trailing dot, international names in ASCII (IDNA
    2008), IPv6 addresses in brackets and compressed. Raises `ValidationError`.
    """
    given = host
    host = host.strip()
    if "/" in host:
        msg = f"{given!r} is not a host name: give it without scheme and path."
        raise ValidationError(msg, code="invalid")
    if host.startswith("["):
        return _normalize_ipv6(given, host)
    host = PORT.sub("", host).rstrip(".") if host.count(":") < 2 else host  # noqa: PLR2004
    if host.count(":"):
        return _normalize_ipv6(given, f"[{host}]")
    if not host.isascii():
        _refuse_mixed_scripts(given, host)
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError as error:
            msg = f"{given!r} is not an international domain name: {error}."
            raise ValidationError(msg, code="invalid") from error
    host = host.lower()
    if len(host) > MAX_HOST_LENGTH or not ASCII_HOST.match(host):
        msg = f"{given!r} is not a host name."
        raise ValidationError(msg, code="invalid")
    return host


def _normalize_ipv6(given: str, host: str) -> str:
    address, bracket, port = host[1:].partition("]")
    try:
        if not bracket or (port and not PORT.match(port)):
            raise ValueError  # noqa: TRY301  (one message for all)
        return f"[{ipaddress.IPv6Address(address).compressed}]"
    except ValueError:
        msg = f"{given!r} is not an IPv6 address in brackets."
        raise ValidationError(msg, code="invalid") from None


def _refuse_mixed_scripts(given: str, host: str) -> None:
    """A label in two scripts is how one name is made to look like another."""
    for label in host.split("."):
        scripts = {
            unicodedata.name(char, "?").split()[0] for char in label if char.isalpha()
        }
        if len(scripts) > 1 and not scripts - {"LATIN"} <= TOGETHER:
            msg = (
                f"{given!r} mixes letters of several scripts "
                f"({', '.join(sorted(scripts))}), as look-alikes of other names do."
            )
            raise ValidationError(msg, code="homograph")


def normalize_path(path: str) -> str:
    """Return a domain's path prefix as `/a/b`, or empty. Raises `ValidationError`."""
    path = "/" + path.strip("/") if path.strip("/") else ""
    if path and (not PATH.match(path) or ".." in path.split("/")):
        msg = f"{path!r} is not a path prefix, such as '/eu' or '/t/acme'."
        raise ValidationError(msg, code="invalid")
    return path
