"""E-mail addresses, brought to the one form in which they are compared and written to.

What two addresses are compared by is what mail is sent to: of an address that reads one
way here and another way on a mail server, somebody else would get the mail.
"""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tenantry.catalog.people import NAME_LENGTH
from tenantry.catalog.validators import normalize_host

# No quotes, no `%` or `!` (routes of old), no `=?` (encoded words): mail servers read
# such as an address at another domain.
PLAIN_LOCAL_PART = re.compile(r"[a-z0-9_+'-]+(\.[a-z0-9_+'-]+)*\Z", re.IGNORECASE)


def normalized(email: str) -> str:
    """Return the address with its domain in one form: lower case, in ASCII.

    The local part stays as it is. Raises `ValidationError` for what is no address, and
    for one at an IP address.
    """
    email = email.strip()
    validate_email(email)
    local, _, domain = email.rpartition("@")
    if domain.startswith("[") or ":" in domain:
        msg = f"{email!r} is at an IP address, not at a domain."
        raise ValidationError(msg, code="invalid")
    found = f"{local}@{normalize_host(domain)}"
    if len(found) > NAME_LENGTH:
        msg = f"{email!r} is longer than {NAME_LENGTH} characters."
        raise ValidationError(msg, code="invalid")
    return found


def comparable(email: str) -> str | None:
    """Return what is equal for two writings of one address; None for no address.

    Letters a-z are compared without case, all others as they are: folding those
    makes one person's address of another's.
    """
    try:
        local, _, domain = normalized(email).rpartition("@")
    except ValidationError:
        return None
    folded = "".join(each.lower() if each.isascii() else each for each in local)
    return f"{folded}@{domain}"


def is_same(one: str, other: str) -> bool:
    """Whether both are the same address."""
    found = comparable(one)
    return found is not None and found == comparable(other)


def domain_of(email: str) -> str | None:
    """Return the domain at which the address surely is; None where that is open.

    By it strangers are let in, so what is unusual in front of the `@` counts as nobody.
    """
    found = comparable(email)
    if found is None:
        return None
    local, _, domain = found.rpartition("@")
    return domain if PLAIN_LOCAL_PART.match(local) else None
