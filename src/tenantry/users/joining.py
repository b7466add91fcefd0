"""Joining by e-mail domain: whoever has a mailbox at a tenant's domain may come in.

A manager claims a domain, proven by a mail to a mailbox there. Then whoever proves a
mailbox at just that domain may join, with the roles of the claim: by a link mailed to
it, which is an invitation that they asked for themselves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone

from tenantry.catalog.audit import record
from tenantry.catalog.models import State
from tenantry.catalog.people import EmailDomain, Invitation
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import InvitationRefused, NotInvited
from tenantry.users import mails
from tenantry.users.addresses import domain_of, is_same, normalized
from tenantry.users.base import owner_named
from tenantry.users.invitations import (
    OPEN,
    digest_of,
    new_token,
    pending,
    ref_of,
    send_link,
)
from tenantry.users.member_rows import is_shared
from tenantry.users.people import are_confined, people_of
from tenantry.users.providers import PUBLIC_PROVIDERS
from tenantry.users.roles import of_names

if TYPE_CHECKING:
    from tenantry.types import HasRef, TenantRef
    from tenantry.users.people import Person

__all__ = [
    "ask",
    "claim_domain",
    "domains_of",
    "join",
    "joinable",
    "release_domain",
    "verify_domain",
]

ADDRESSES = "account.EmailAddress"
VERIFY_PAGE = "tenantry_domain_verify"
# So that nobody fills a stranger's mailbox by our form.
ONE_MAIL_IN = timedelta(minutes=5)

# Whose domain it is.


def claim_domain(
    tenant: TenantRef | HasRef | str, email: str, *names: str, by: Any = None
) -> EmailDomain:
    """Mail a link to an address at the domain; who opens it as a manager has proven it.

    The domain is the address's. Claimed before, it gets these roles and a new link,
    and is not verified until that is opened. Several tenants may have one domain: a
    claim that would bar others lets anybody bar a whole company.

    Raises `ValidationError` for no usual address, and for one at a provider where
    anybody gets a mailbox; `NotPermitted` and `UnknownRole` as `invite`; and
    `InvitationRefused` for the owner's role.
    """
    ref = ref_of(tenant)
    domain = _claimable(email)
    people = people_of(ref)
    asked = people.roles(names)
    people.permit(by, *asked)
    if owner_named(asked):
        raise InvitationRefused(ref.key, "a domain cannot make its people owners.")
    token, digest = new_token()
    url = mails.link(ref, VERIFY_PAGE, token)
    values = {
        "roles": sorted(set(names)),
        "digest": digest,
        "created_at": timezone.now(),
        "verified_at": None,
    }
    _end_links(ref, domain)
    with override_tenant(None):
        claimed, _ = EmailDomain.objects.update_or_create(
            tenant_key=ref.key, domain=domain, defaults=values
        )
    record("domain.claimed", tenant=ref, actor=by, target=domain)
    mails.send(ref, "domain", normalized(email), url=url, domain=domain)
    return claimed


def _claimable(email: str) -> str:
    """Return the address's domain; raise `ValidationError` where it is nobody's own."""
    normalized(email)
    domain = domain_of(email)
    if domain is None or "." not in domain:
        msg = f"{email!r} is unusual: give an address such as you@example.com."
        raise ValidationError(msg, code="invalid")
    if domain in PUBLIC_PROVIDERS:
        msg = f"Anybody can have an address at {domain}: it cannot be a tenant's."
        raise ValidationError(msg, code="public")
    return domain


def verify_domain(
    tenant: TenantRef | HasRef | str, token: str, *, by: Any = None
) -> EmailDomain:
    """Let the domain of the token's mail hold from now on.

    Raises `NotInvited` for a token that is unknown, used, too old, or another tenant's,
    and `NotPermitted` where *by* does not manage the people or lacks a role of it.
    """
    ref = ref_of(tenant)
    people = people_of(ref)
    people.permit(by)
    now = timezone.now()
    with override_tenant(None):
        rows = EmailDomain.objects.filter(
            tenant_key=ref.key,
            digest=digest_of(token),
            created_at__gt=now - timedelta(days=conf.invitation_days),
            verified_at=None,
        )
        claimed = rows.first()
        if claimed is None:
            raise NotInvited
        people.permit(by, *people.roles(claimed.roles))
        if not rows.update(verified_at=now):
            raise NotInvited
    claimed.verified_at = now
    record("domain.verified", tenant=ref, actor=by, target=claimed.domain)
    return claimed


def release_domain(claimed: EmailDomain, *, by: Any = None) -> None:
    """End it: nobody joins by it any more, nor by links that are already mailed.

    Raises `NotPermitted` where *by* does not manage the people.
    """
    ref = ref_of(claimed.tenant_key)
    people_of(ref).permit(by)
    with override_tenant(None):
        EmailDomain.objects.filter(pk=claimed.pk).delete()
    _end_links(ref, claimed.domain)
    record("domain.released", tenant=ref, actor=by, target=claimed.domain)


def _end_links(ref: TenantRef, domain: str) -> None:
    """Withdraw the links that people have asked for by the domain."""
    with override_tenant(None):
        asked = Invitation.objects.filter(tenant_key=ref.key, domain=domain, **OPEN)
        asked.update(withdrawn_at=timezone.now())


def domains_of(tenant: TenantRef | HasRef | str) -> list[EmailDomain]:
    """Return the tenant's domains, verified or not."""
    with override_tenant(None):
        found = EmailDomain.objects.filter(tenant_key=ref_of(tenant).key)
        return list(found.order_by("domain"))


# Who may join by it.


def domain_for(ref: TenantRef, email: str) -> EmailDomain | None:
    """Return the verified domain by which the address may join, or None."""
    domain = domain_of(email)
    with override_tenant(None):
        return EmailDomain.objects.filter(
            tenant_key=ref.key, domain=domain or "", verified_at__isnull=False
        ).first()


def ask(tenant: TenantRef | HasRef | str, email: str) -> None:
    """Mail a link by which the address joins, where it is at a domain of the tenant.

    Where it is not, nothing happens; whoever asks is to be told the same. An address
    gets one mail in five minutes. Raises what the mail backend raises.
    """
    ref = ref_of(tenant)
    claimed = domain_for(ref, email)
    if claimed is None:
        return
    email = normalized(email)
    asked = [
        each for each in pending(ref) if each.domain and is_same(each.email, email)
    ]
    recent = timezone.now() - ONE_MAIL_IN
    if any(each.created_at > recent for each in asked):
        return
    with override_tenant(None):
        pks = [each.pk for each in asked]
        Invitation.objects.filter(pk__in=pks).update(withdrawn_at=timezone.now())
    invitation = Invitation(
        tenant_key=ref.key, email=email, domain=claimed.domain, roles=claimed.roles
    )
    send_link(ref, invitation, by=None, template="join")


def joinable(user: Any) -> list[str]:
    """Return the keys of the tenants that a shared user may join by `join`."""
    if not is_shared(user):
        return []
    domains = {domain_of(each) or "" for each in verified_addresses(user)} - {""}
    with override_tenant(None):
        rows = EmailDomain.objects.filter(domain__in=domains, verified_at__isnull=False)
        keys = sorted(set(rows.values_list("tenant_key", flat=True)))
    return [key for key in keys if _is_open(key, user)]


def _is_open(key: str, user: Any) -> bool:
    """Whether the tenant is served, has members, and the user is none of them."""
    entry = registry.by_key(key)
    if entry is None or entry.state != State.ACTIVE or are_confined(entry.ref):
        return False
    return people_of(entry.ref).of_user(user) is None


def join(tenant: TenantRef | HasRef | str, user: Any) -> Person:
    """Make a shared user a member by a verified address of theirs, with its roles.

    Verified are those that allauth has verified; what only stands in the account is
    not. Raises `NotInvited` where none is at a domain of the tenant, and
    `AlreadyAMember`.
    """
    ref = ref_of(tenant)
    if is_shared(user) and not are_confined(ref):
        for email in verified_addresses(user):
            claimed = domain_for(ref, email)
            if claimed is not None:
                names = [role.name for role in of_names(claimed.roles)]
                return people_of(ref).add(user, *names)
    raise NotInvited


def verified_addresses(user: Any) -> list[str]:
    """Return the addresses of a shared user that allauth has verified, if it is there.

    An address that somebody wrote into their account proves nothing.
    """
    if not (apps.is_installed("allauth.account") and conf.in_shared("account")):
        return []
    with override_tenant(None):
        addresses: Any = apps.get_model(ADDRESSES)
        found = addresses._base_manager.filter(user_id=user.pk, verified=True)
        return list(found.values_list("email", flat=True))
