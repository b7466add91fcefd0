"""`allauth.headless`: a JWT holds in the tenant that it was issued in.

One private key signs for all tenants, and ids of users collide: each token therefore
names its tenant. In force where `allauth.headless` is installed, with nothing to
configure. All else that allauth signs, it signs with the tenant's key by itself.
"""

from __future__ import annotations

from typing import Any

from tenantry.context import ACTIVE
from tenantry.seams.substitution import wrap

__all__ = ["CLAIM", "install"]

CLAIM = "tenantry_tenant"


def install() -> None:
    """Add the tenant to what is signed, and ask for it of what is verified."""
    from allauth.headless.tokens.strategies.jwt import internal  # noqa: PLC0415

    wrap(internal, "create_token", create)
    wrap(internal, "decode_token", decode)


def create(original: Any, *args: Any, claims: Any = None, **facts: Any) -> Any:
    """Sign the claims, and the key of the tenant that is active."""
    tenant = ACTIVE.get()
    named = {} if tenant is None else {CLAIM: tenant.key}
    return original(*args, claims={**(claims or {}), **named}, **facts)


def decode(original: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the payload; None for a token of another tenant, or of none."""
    payload = original(*args, **kwargs)
    tenant = ACTIVE.get()
    if payload and payload.get(CLAIM) != (None if tenant is None else tenant.key):
        return None
    return payload
