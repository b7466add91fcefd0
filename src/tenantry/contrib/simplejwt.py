"""`djangorestframework-simplejwt`: a token holds in the tenant that it was issued in.

SimpleJWT reads its key once, so that all tenants sign with the same; and ids of users
collide. Each token therefore names its tenant. In force where `rest_framework` is
installed, with nothing to configure.
"""

from __future__ import annotations

from typing import Any

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from tenantry.context import ACTIVE
from tenantry.seams.substitution import wrap

__all__ = ["CLAIM", "install"]

CLAIM = "tenantry_tenant"


def install() -> None:
    """Add the tenant to what is signed, and ask for it of what is verified."""
    wrap(TokenBackend, "encode", encode)
    wrap(TokenBackend, "decode", decode)


def encode(original: Any, self: Any, payload: Any) -> Any:
    """Sign the payload, and the key of the tenant that is active."""
    tenant = ACTIVE.get()
    bare = {name: value for name, value in payload.items() if name != CLAIM}
    return original(self, bare if tenant is None else {**bare, CLAIM: tenant.key})


def decode(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the payload; `TokenBackendError` for one of another tenant, or of none.

    Tokens of another service, whose keys are fetched from `JWK_URL`, must name their
    tenant as well.
    """
    payload = original(self, *args, **kwargs)
    verify = kwargs.get("verify", args[1:] != (False,))
    tenant = ACTIVE.get()
    if verify and payload.get(CLAIM) != (None if tenant is None else tenant.key):
        raise TokenBackendError("Token is invalid")
    return payload
