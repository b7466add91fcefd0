"""Invitations: a mail with a link that lets the holder of its address in, once.

The link's token is known to the mailbox alone: the row has its digest. It fits one
tenant, and one address.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tenantry.catalog.audit import record
from tenantry.catalog.people import EmailDomain, Invitation
from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant
from tenantry.exceptions import (
    AlreadyAMember,
    InvitationRefused,
    OwnerRequired,
    TenantNotFound,
)
from tenantry.users import mails
from tenantry.users.addresses import is_same, normalized
from tenantry.users.base import owner_named
from tenantry.users.people import people_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.types import HasRef, TenantRef

__all__ = ["invite", "pending", "resend", "withdraw"]

PAGE = "tenantry_accept"
OPEN = {"accepted_at": None, "withdrawn_at": None}


def new_token() -> tuple[str, str]:
    """Return a token for a mail, and the digest of it that is kept."""
    token = secrets.token_urlsafe(32)
    return token, digest_of(token)


def digest_of(token: str) -> str:
    """Return what is kept of a token: it can be recognized by it, and not made."""
    return sha256(token.encode()).hexdigest()


def invite(
    tenant: TenantRef | HasRef | str, email: str, *names: str, by: Any = None
) -> Invitation:
    """Mail somebody a link by which they join the tenant with those roles.

    It holds for `TENANTRY["INVITATION_DAYS"]`, and once. Of an address that is invited
    already, the roles and the link are replaced. *by* is the user of the tenant who
    invites; None is a command, which may give any role.

    Raises `AlreadyAMember` for an address that is among the people, `NotPermitted`
    where the inviter does not manage them or lacks a role, `UnknownRole`,
    `OwnerRequired` for a second owner, `ValidationError` for what is no address, and
    what the mail backend raises: the invitation is then there, and can be sent again.
    """
    ref = ref_of(tenant)
    email = normalized(email)
    _permit(ref, names, by=by)
    _refuse_present(ref, email)
    found = [
        each for each in pending(ref) if not each.domain and is_same(each.email, email)
    ]
    invitation = found[0] if found else Invitation(tenant_key=ref.key, email=email)
    invitation.roles = sorted(set(names))
    send_link(ref, invitation, by=by)
    return invitation


def resend(invitation: Invitation, *, by: Any = None) -> None:
    """Send it with a new link and a new term; the old link is dead.

    Raises `InvitationRefused` where it was accepted or withdrawn, and as `invite`.
    """
    ref = ref_of(invitation.tenant_key)
    _permit(ref, invitation.roles, by=by)
    _refuse_present(ref, invitation.email)
    send_link(ref, invitation, by=by)


def withdraw(invitation: Invitation, *, by: Any = None) -> None:
    """Make its link worthless, at once.

    Raises `InvitationRefused` where it was accepted or withdrawn before, and
    `NotPermitted` where *by* does not manage the people.
    """
    ref = ref_of(invitation.tenant_key)
    people_of(ref).permit(by)
    now = timezone.now()
    with override_tenant(None):
        rows = Invitation.objects.filter(pk=invitation.pk, **OPEN)
        if not rows.update(withdrawn_at=now):
            raise _ended(invitation)
    invitation.withdrawn_at = now
    record("invitation.withdrawn", tenant=ref, actor=by, target=invitation.email)


def pending(tenant: TenantRef | HasRef | str) -> list[Invitation]:
    """Return those neither accepted nor withdrawn, the newest first.

    Those too old to be accepted as well: they can be sent again.
    """
    with override_tenant(None):
        return list(Invitation.objects.filter(tenant_key=ref_of(tenant).key, **OPEN))


def send_link(
    ref: TenantRef, invitation: Invitation, *, by: Any, template: str = "invitation"
) -> None:
    """Give it a new token and term, write it, and mail the link."""
    token, digest = new_token()
    url = mails.link(ref, PAGE, token)
    now = timezone.now()
    invitation.invited_by = "" if by is None else str(by)
    invitation.expires_at = now + timedelta(days=conf.invitation_days)
    with override_tenant(None):
        if invitation._state.adding:
            invitation.digest = digest
            invitation.save()
        else:
            _renew(invitation, digest)
    email = invitation.email
    record(
        "invitation.sent", tenant=ref, actor=by, target=email, roles=invitation.roles
    )
    mails.send(ref, template, email, url=url, invitation=invitation)


def _renew(invitation: Invitation, digest: str) -> None:
    """Write the new token; not where the old one is being used just now."""
    changed = {
        name: getattr(invitation, name)
        for name in ("roles", "invited_by", "expires_at")
    }
    rows = Invitation.objects.filter(pk=invitation.pk, **OPEN)
    if not rows.update(digest=digest, **changed):
        raise _ended(invitation)
    invitation.digest = digest


def _permit(ref: TenantRef, names: Iterable[str], *, by: Any) -> None:
    """Raise unless *by* may give the roles, and they can be had."""
    people = people_of(ref)
    asked = people.roles(names)
    people.permit(by, *asked)
    if owner_named(asked) and any(person.is_owner for person in people.all()):
        raise OwnerRequired(
            ref.key,
            "it has an owner, and can have no second one. Invite with another role, "
            "then transfer it.",
        )


def _refuse_present(ref: TenantRef, email: str) -> None:
    for person in people_of(ref).find(email):
        raise AlreadyAMember(ref.key, email, state=person.state)


def _ended(invitation: Invitation) -> InvitationRefused:
    return InvitationRefused(
        invitation.tenant_key,
        f"the invitation of {invitation.email} was used or withdrawn. Invite anew.",
    )


def forget_invited(instance: Any, **_: object) -> None:
    """Delete the invitations and the e-mail domains of a tenant that is gone.

    Receives `post_delete` of the tenant model: the addresses are people's.
    """
    with override_tenant(None):
        for model in (Invitation, EmailDomain):
            model._base_manager.filter(tenant_key=instance.key).delete()


def ref_of(tenant: TenantRef | HasRef | str) -> TenantRef:
    """Return the tenant's frozen value; raise `TenantNotFound`."""
    ref = as_ref(tenant)
    if ref is None:
        raise TenantNotFound(str(tenant))
    return ref
