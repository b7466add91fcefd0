"""Invitations: a mail with a link that lets the holder of its address in, once.

The link's token is known to the mailbox alone: the row has its digest. It fits one
tenant, and one address.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone

from tenantry.catalog.audit import record
from tenantry.catalog.people import Invitation
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant
from tenantry.exceptions import (
    AlreadyAMember,
    InvitationRefused,
    NotInvited,
    OwnerRequired,
    TenantNotFound,
)
from tenantry.users import mails
from tenantry.users.addresses import accounts_of, is_same, normalized
from tenantry.users.base import ACTIVE, email_of, owner_named
from tenantry.users.people import are_confined, people_of
from tenantry.users.roles import of_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from tenantry.types import HasRef, TenantRef
    from tenantry.users.people import Person

__all__ = ["accept", "find", "invite", "pending", "resend", "withdraw"]

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
    _send(ref, invitation, by=by)
    return invitation


def resend(invitation: Invitation, *, by: Any = None) -> None:
    """Send it with a new link and a new term; the old link is dead.

    Raises `InvitationRefused` where it was accepted or withdrawn, and as `invite`.
    """
    ref = ref_of(invitation.tenant_key)
    _permit(ref, invitation.roles, by=by)
    _refuse_present(ref, invitation.email)
    _send(ref, invitation, by=by)


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


def find(token: str, tenant: TenantRef | HasRef | str | None) -> Invitation:
    """Return the invitation of a token that can be accepted at the tenant.

    With None, of any tenant: for the shared site alone. Raises `NotInvited` for a token
    that is unknown, used, withdrawn, too old, or another tenant's.
    """
    ref = as_ref(tenant)
    where = {} if ref is None else {"tenant_key": ref.key}
    now = timezone.now()
    with override_tenant(None):
        found = Invitation.objects.filter(
            digest=digest_of(token), expires_at__gt=now, **where, **OPEN
        ).first()
    if found is None:
        raise NotInvited
    return found


def sign_in(invitation: Invitation, request: HttpRequest, password: str) -> Any | None:
    """Return the account of the invited address with that password, or None.

    Asked where the tenant's users are: of shared ones with no tenant active, as who is
    no member yet cannot sign in there.
    """
    with override_tenant(home_of(invitation)):
        for account in accounts_of(invitation.email):
            user = authenticate(
                request, username=account.get_username(), password=password
            )
            if user is not None and user.pk == account.pk:
                return user
    return None


def has_account(invitation: Invitation) -> bool:
    """Whether there is an account of the address, where the tenant's users are.

    To be told to nobody but who holds the token.
    """
    with override_tenant(home_of(invitation)):
        return bool(accounts_of(invitation.email))


def accept(
    invitation: Invitation,
    *,
    user: Any = None,
    password: str | None = None,
    **fields: Any,
) -> Person:
    """Let somebody in: the account *user*, or a new one with the *password*; once.

    *fields* are further ones of a new account. Of any number that accept one invitation
    at once, one is let in. Only an account of the invited address will do: it is the
    address that the mail has proven.

    Raises `NotInvited` where it cannot be accepted any more, `InvitationRefused` where
    not by *user*, and what `People.create` raises.
    """
    ref = registry.ref(invitation.tenant_key)
    names = [role.name for role in of_names(invitation.roles)]
    if user is not None and not is_same(email_of(user), invitation.email):
        raise InvitationRefused(
            ref.key,
            f"the invitation is for {invitation.email}, and the account has another "
            "address. Sign in with the account of that address.",
        )
    with override_tenant(None), transaction.atomic():
        _claim(invitation)
        with override_tenant(ref):
            if user is None:
                people = people_of(ref)
                email = invitation.email
                person = people.create(email, *names, password=password, **fields)
            else:
                person = _let_in(ref, user, names)
        _supersede(invitation)
        record(
            "invitation.accepted",
            tenant=ref,
            actor=person.user,
            target=invitation.email,
            roles=names,
        )
    return person


def _let_in(ref: TenantRef, user: Any, names: Iterable[str]) -> Person:
    """Give somebody with an account the roles; one who was suspended stays so."""
    people = people_of(ref)
    person = people.of_user(user)
    if person is None:
        return people.add(user, *names)
    if person.state != ACTIVE:
        msg = f"{user} is {person.state} there, which an invitation does not end."
        raise InvitationRefused(ref.key, msg)
    return people.grant(user, *names)


def _claim(invitation: Invitation) -> None:
    """Mark it as accepted, in one statement: who comes second finds nothing."""
    now = timezone.now()
    # The digest too: a link that was replaced since it was read is dead.
    rows = Invitation.objects.filter(
        pk=invitation.pk, digest=invitation.digest, expires_at__gt=now, **OPEN
    )
    if not rows.update(accepted_at=now):
        raise NotInvited
    invitation.accepted_at = now


def _supersede(invitation: Invitation) -> None:
    """Withdraw the address's other invitations: who is removed later stays out."""
    others = [
        each.pk
        for each in pending(invitation.tenant_key)
        if is_same(each.email, invitation.email)
    ]
    Invitation.objects.filter(pk__in=others).update(withdrawn_at=timezone.now())


def _send(ref: TenantRef, invitation: Invitation, *, by: Any) -> None:
    """Give it a new token and term, write it, and mail the link."""
    token, digest = new_token()
    url = mails.link(ref, PAGE, token)
    now = timezone.now()
    invitation.invited_by = "" if by is None else str(by)
    invitation.expires_at = now + timedelta(days=conf.invitation_days)
    with override_tenant(None):
        if invitation.pk is None:
            invitation.digest = digest
            invitation.save()
        else:
            _renew(invitation, digest)
    email = invitation.email
    record(
        "invitation.sent", tenant=ref, actor=by, target=email, roles=invitation.roles
    )
    mails.send(ref, "invitation", email, url=url, invitation=invitation)


def _renew(invitation: Invitation, digest: str) -> None:
    """Write the new token; not where the old one is being used just now."""
    changed = {
        name: getattr(invitation, name) for name in ("roles", "invited_by", "expires_at")
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


def home_of(invitation: Invitation) -> TenantRef | None:
    """Return where the accounts of the invited are: the tenant, or None for shared."""
    ref = registry.ref(invitation.tenant_key)
    return ref if are_confined(ref) else None


def ref_of(tenant: TenantRef | HasRef | str) -> TenantRef:
    """Return the tenant's frozen value; raise `TenantNotFound`."""
    ref = as_ref(tenant)
    if ref is None:
        raise TenantNotFound(str(tenant))
    return ref
