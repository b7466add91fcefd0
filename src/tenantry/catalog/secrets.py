"""Encrypts tenants' secrets at rest, each for its tenant and name alone.

The key of each value is derived from the project's, the tenant's key and the setting's
name: what is copied to another row, or to another name, cannot be decrypted there.
"""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from tenantry.conf import conf
from tenantry.exceptions import UnusableSetting

SEALED = "$secret"
MASK = "********"


def is_sealed(value: Any) -> bool:
    """Whether this is what `seal` makes."""
    return isinstance(value, dict) and value.keys() == {SEALED}


def seal(key: str, name: str, value: Any) -> dict[str, str]:
    """Return the value encrypted, for that tenant's setting of that name.

    Raises `ImproperlyConfigured` where the library for it is missing.
    """
    fernet, _ = _fernet(key, name)
    return {SEALED: fernet.encrypt(json.dumps(value).encode()).decode()}


def unseal(key: str, name: str, sealed: Any) -> Any:
    """Return what was encrypted; raise `UnusableSetting` where it was not for this."""
    if not is_sealed(sealed):
        raise UnusableSetting(key, name, "it is a secret, and stored as plain text")
    fernet, invalid = _fernet(key, name)
    try:
        return json.loads(fernet.decrypt(str(sealed[SEALED]).encode()))
    except invalid as error:
        raise UnusableSetting(
            key,
            name,
            "it was encrypted for another tenant or setting, or with a key that is no "
            "longer among SECRET_KEY and SECRET_KEY_FALLBACKS (TENANTRY["
            "'SECRETS_KEYS'] where given)",
        ) from error


def _fernet(key: str, name: str) -> tuple[Any, Any]:
    """Return what encrypts and decrypts, and the error of what it cannot decrypt."""
    try:
        from cryptography.fernet import (  # noqa: PLC0415  (where secrets are declared)
            Fernet,
            InvalidToken,
            MultiFernet,
        )
    except ImportError as error:
        msg = (
            f"{name} is a secret, kept encrypted, and the library for it is missing: "
            "pip install 'django-tenantry[secrets]'."
        )
        raise ImproperlyConfigured(msg) from error
    label = f"tenantry.secrets\0{key}\0{name}".encode()
    keys = (hmac.digest(secret, label, "sha256") for secret in conf.secrets_keys)
    made = MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in keys])
    return made, InvalidToken
