"""Accepting an invitation: who holds its token is let in, once, as its address.

An account that there is signs in with its password; who has none makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone

from tenantry.catalog.audit import record
from tenantry.catalog.people import Invitation
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant
from tenantry.exceptions import InvitationRefused, NotInvited
from tenantry.users.accounts import of_email
from tenantry.users.addresses import is_same
from tenantry.users.base import ACTIVE, email_of
from tenantry.users.invitations import OPEN, digest_of, pending
from tenantry.users.people import are_confined, people_of
from tenantry.users.roles import of_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from tenantry.types import HasRef, TenantRef
    from tenantry.users.people import Person

__all__ = ["accept", "accounts_of", "find", "sign_in"]


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
    for account in accounts_of(invitation):
        with override_tenant(home_of(invitation)):
            name = account.get_username()
            user = authenticate(request, username=name, password=password)
        if user is not None and user.pk == account.pk:
            return user
    return None


def accounts_of(invitation: Invitation) -> list[Any]:
    """Return the accounts of the invited address, where the tenant's users are.

    Those of a tenant's own users who were removed come back as new ones. To be told to
    nobody but who holds the token.
    """
    email, home = invitation.email, home_of(invitation)
    if home is None:
        with override_tenant(None):
            found = of_email(apps.get_model(conf.shared_user_model), email)
    else:
        found = [person.user for person in people_of(home).find(email)]
    # A database compares more loosely than we do: accents, or the dotless i.
    return [user for user in found if is_same(email_of(user), email)]


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


def home_of(invitation: Invitation) -> TenantRef | None:
    """Return where the accounts of the invited are: the tenant, or None for shared."""
    ref = registry.ref(invitation.tenant_key)
    return ref if are_confined(ref) else None
