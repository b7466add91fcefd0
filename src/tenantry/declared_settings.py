"""Which settings tenants may have values of their own for, as the project declares."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import global_settings
from django.contrib.auth.password_validation import (
    get_password_validators,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import check_for_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MISSING: Any = object()
"""Stands for no value at all; None may be one."""

# Activated for each request and task, never read from the tenant: Django keeps the
# first value that it reads.
ACTIVATED = frozenset({"TIME_ZONE", "LANGUAGE_CODE"})

# Of Django's own settings, those that it reads whenever it needs them.
READ_AT_USE = ACTIVATED | {
    *("ADMINS", "MANAGERS", "DEFAULT_FROM_EMAIL", "SERVER_EMAIL"),
    *("EMAIL_SUBJECT_PREFIX", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER"),
    *("EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_TIMEOUT"),
    *("LOGIN_URL", "LOGIN_REDIRECT_URL", "LOGOUT_REDIRECT_URL"),
    "AUTH_PASSWORD_VALIDATORS",
    *("PASSWORD_RESET_TIMEOUT", "SESSION_COOKIE_AGE", "SESSION_SAVE_EVERY_REQUEST"),
    *("SESSION_EXPIRE_AT_BROWSER_CLOSE", "SESSION_COOKIE_SAMESITE"),
    *("DATA_UPLOAD_MAX_MEMORY_SIZE", "DATA_UPLOAD_MAX_NUMBER_FIELDS"),
    *("DATA_UPLOAD_MAX_NUMBER_FILES", "X_FRAME_OPTIONS"),
}
REASONS = {
    "SECRET_KEY": "the scope 'signing' derives one for each tenant",
    "SECRET_KEY_FALLBACKS": "the scope 'signing' derives them for each tenant",
    "DATABASES": "a tenant's database follows from its placement",
    "CACHES": "Django makes a cache once; the cache's KEY_FUNCTION knows the tenant",
    "STORAGES": "Django makes a storage once; a storage that knows the tenant is one",
    "MAILERS": "it would hold secrets; give the EMAIL_ settings, and the mailer the "
    "BACKEND 'tenantry.scopes.mail.TenantEmailBackend'",
    "EMAIL_BACKEND": "a tenant does not choose code; its connection is set by the "
    "other EMAIL_ settings",
    "CSRF_TRUSTED_ORIGINS": "Django keeps what it read first; see "
    "TENANTRY['CSRF_TRUST_OWN_DOMAINS']",
    "TENANTRY": "it says what a tenant is",
    # Of other libraries, what they keep for the whole process.
    "OAUTH2_PROVIDER": "django-oauth-toolkit keeps what it read first",
    "REST_FRAMEWORK": "Django REST framework keeps what it read first",
    "SIMPLE_JWT": "SimpleJWT keeps what it read first",
}
KEPT = "Django reads it when it starts, or keeps what it read first"

# The project's user and password are not for a server that a tenant names, and they are
# not sent in the clear to the project's because a tenant says so.
SERVER = "EMAIL_HOST"
LOGIN = ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")
ENCRYPTION = ("EMAIL_USE_TLS", "EMAIL_USE_SSL")

KEYS = ("TYPE", "DEFAULT", "SECRET", "VALIDATORS", "HELP")
TYPES = (bool, int, float, str, list, tuple, dict)
# Where the project's own value does not tell.
KNOWN_TYPES: dict[str, type] = {
    "EMAIL_TIMEOUT": int,
    "SITE_ID": int,
    "LOGOUT_REDIRECT_URL": str,
    "TIME_ZONE": str,
}
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY)\Z")
NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")
LINE_BREAK = re.compile(r"[\r\n]")
MAX_PORT = 65535
OF_DJANGO = {
    f"django.contrib.auth.password_validation.{name}Validator"
    for name in (
        "UserAttributeSimilarity",
        "MinimumLength",
        "CommonPassword",
        "NumericPassword",
    )
}
FILE_OPTION = "password_list_path"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSetting:
    """A name that tenants may have a value of their own for."""

    name: str
    type: type
    default: Any = MISSING
    """The value where neither the tenant nor the project has one."""

    is_secret: bool = False
    validators: tuple[Callable[[Any], None], ...] = ()
    text: str = ""

    def checked(self, value: Any) -> Any:
        """Return the value in its type; raise `ValidationError` where it is not one."""
        made = as_type(value, self.type)
        if made is MISSING:
            shown = type(value).__name__ if self.is_secret else repr(value)
            msg = f"{shown} is not of type {self.type.__name__}"
            raise ValidationError(msg)
        for validate in self.validators:
            validate(made)
        return made

    def from_text(self, text: str) -> Any:
        """Return what is meant by words of a command line; not checked yet."""
        if self.type is str:
            return text
        import json  # noqa: PLC0415  (commands only)

        try:
            return json.loads(text)
        except ValueError:
            return text


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a declaration."""

    id: str
    text: str
    hint: str


def as_type(value: Any, wanted: type) -> Any:
    """Return the value as one of that type, or MISSING where it is none."""
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is tuple and isinstance(value, list):
        return tuple(value)
    if wanted is int and isinstance(value, bool):
        return MISSING
    return value if isinstance(value, wanted) else MISSING


def read_settings(
    given: Any, project: Any
) -> tuple[dict[str, DeclaredSetting], list[Mistake]]:
    """Return what TENANTRY['SETTINGS'] declares, and what is wrong with it.

    *project* are Django's settings, without any tenant's.
    """
    declared, mistakes = {}, []
    entries = given.items() if isinstance(given, dict) else [(n, {}) for n in given]
    for name, spec in entries:
        found = list(_mistakes(name, spec, project))
        mistakes += found
        if not found:
            declared[name] = _declared(name, spec, project)
    mistakes += _left_behind(declared)
    return declared, mistakes


def _declared(name: str, spec: dict[str, Any], project: Any) -> DeclaredSetting:
    return DeclaredSetting(
        name=name,
        type=_type_of(name, spec, project) or str,
        default=spec.get("DEFAULT", MISSING),
        is_secret=spec.get("SECRET", bool(SECRET_NAME.search(name))),
        validators=(*_validators(name, project), *spec.get("VALIDATORS", ())),
        text=str(spec.get("HELP", "")),
    )


def _validators(name: str, project: Any) -> tuple[Callable[[Any], None], ...]:
    """Return what every value of one of Django's own settings has to pass."""
    if name == "AUTH_PASSWORD_VALIDATORS":
        return (PasswordPolicy(getattr(project, name, ())),)
    return VALIDATORS.get(name, ())


def _type_of(name: str, spec: dict[str, Any], project: Any) -> type | None:
    """Return the type given, or that of the value there is without a tenant."""
    if "TYPE" in spec:
        return spec["TYPE"] if spec["TYPE"] in TYPES else None
    if name in KNOWN_TYPES:
        return KNOWN_TYPES[name]
    value = getattr(project, name, spec.get("DEFAULT"))
    return next((each for each in TYPES if isinstance(value, each)), None)


def _mistakes(name: Any, spec: Any, project: Any) -> Iterator[Mistake]:
    where = f"TENANTRY['SETTINGS'][{name!r}]"
    if not isinstance(name, str) or not NAME.match(name):
        yield Mistake("E064", f"{where} is no name of a setting.", "Write A_NAME.")
        return
    if not isinstance(spec, dict):
        yield Mistake("E064", f"{where} is {spec!r}, not a dict.", f"It takes {KEYS}.")
        return
    for key in spec.keys() - set(KEYS):
        near = difflib.get_close_matches(str(key), KEYS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(KEYS)}."
        yield Mistake("E064", f"{where} has an unknown key {key!r}.", hint)
    reason = reason_against(name)
    if reason is not None:
        yield Mistake(
            "E065",
            f"{where} cannot be the tenant's: {reason}.",
            "Remove it. What of Django's may be: " + ", ".join(sorted(READ_AT_USE)),
        )
        return
    yield from _mistakes_of_type(where, spec, _type_of(name, spec, project))


def _mistakes_of_type(
    where: str, spec: dict[str, Any], made: type | None
) -> Iterator[Mistake]:
    names = ", ".join(each.__name__ for each in TYPES)
    if made is None and "TYPE" in spec:
        text = f"{where}: TYPE {spec['TYPE']!r} cannot be stored."
        yield Mistake("E064", text, f"Give one of these types, unquoted: {names}.")
    elif made is None:
        text = f"{where}: its type is not known, as there is no value of it to go by."
        yield Mistake("E064", text, f"Give a DEFAULT, or a TYPE: {names}.")
    elif "DEFAULT" in spec and as_type(spec["DEFAULT"], made) is MISSING:
        text = f"{where}: DEFAULT {spec['DEFAULT']!r} is not of type {made.__name__}."
        yield Mistake("E064", text, "Correct one of them.")


def _left_behind(declared: dict[str, Any]) -> Iterator[Mistake]:
    """Find what the project would hand over to a server that a tenant names."""
    for name in LOGIN:
        if SERVER in declared and name not in declared:
            yield Mistake(
                "E065",
                f"TENANTRY['SETTINGS'] has {SERVER} without {name}: the project's "
                f"{name} would be sent to a tenant's server.",
                f"Add {name!r}.",
            )
    for name in ENCRYPTION:
        if name in declared and SERVER not in declared:
            yield Mistake(
                "E065",
                f"TENANTRY['SETTINGS'] has {name} without {SERVER}: a tenant has a say "
                "in how its own server is spoken to, and in no other's.",
                f"Add {SERVER!r}, or remove {name!r}.",
            )


def reason_against(name: str) -> str | None:
    """Return why a setting cannot differ among tenants, or None where it can."""
    if name in READ_AT_USE:
        return None
    return REASONS.get(name) or (KEPT if hasattr(global_settings, name) else None)


def one_line(value: str) -> None:
    """Refuse what would become another header of a mail."""
    if LINE_BREAK.search(value):
        raise ValidationError("it has a line break")


def address(value: str) -> None:
    """Refuse what is no address of mail, with or without a name before it."""
    one_line(value)
    named = re.search(r"<([^<>]*)>\s*\Z", value)
    validate_email(named[1] if named else value)


def port(value: int) -> None:
    """Refuse what is no port."""
    if not 0 < value <= MAX_PORT:
        raise ValidationError(f"{value} is no port")


def time_zone(value: str) -> None:
    """Refuse what is no time zone."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(f"{value!r} is no time zone") from error


def language(value: str) -> None:
    """Refuse a language that Django has no translations for."""
    if not check_for_language(value):
        raise ValidationError(f"{value!r} is no language that Django knows")


class PasswordPolicy:
    """Refuses validators of passwords that are not Django's, nor the project's own.

    Django imports what is named, and calls it with the options: a tenant does not
    choose code. Nor does it name files to read.
    """

    def __init__(self, of_project: Iterable[dict[str, Any]]) -> None:
        self._names = {str(each.get("NAME")) for each in of_project} | OF_DJANGO

    def __call__(self, value: list[Any]) -> None:
        """Raise `ValidationError` where a tenant may not have that policy."""
        for entry in value:
            if not isinstance(entry, dict) or str(entry.get("NAME")) not in self._names:
                msg = f"{entry!r} is no entry with a NAME of {sorted(self._names)}"
                raise ValidationError(msg)
            options = entry.get("OPTIONS", {})
            if not isinstance(options, dict) or FILE_OPTION in options:
                raise ValidationError(f"{options!r} are no options that it may have")
        try:
            made = get_password_validators(value)
            with suppress(ValidationError):
                validate_password("some password", password_validators=made)
        except Exception as error:
            raise ValidationError(f"it cannot be used: {error}") from error


VALIDATORS: dict[str, tuple[Callable[[Any], None], ...]] = {
    "DEFAULT_FROM_EMAIL": (address,),
    "SERVER_EMAIL": (address,),
    "EMAIL_SUBJECT_PREFIX": (one_line,),
    "EMAIL_HOST": (one_line,),
    "EMAIL_PORT": (port,),
    "TIME_ZONE": (time_zone,),
    "LANGUAGE_CODE": (language,),
}
