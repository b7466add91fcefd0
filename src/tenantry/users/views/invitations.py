"""Pages: inviting, the invitations that are open, and accepting one.

The link in the mail only notes its token in the session and leads on: a scanner that
opens it uses nothing up, and the token is in no address that a page could pass on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, get_script_prefix, path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.context import get_tenant
from tenantry.exceptions import NotInvited, NotSupported, PeopleError
from tenantry.routing.absolute import shared_url
from tenantry.users import acceptance
from tenantry.users import invitations as acts
from tenantry.users.addresses import is_same
from tenantry.users.base import email_of
from tenantry.users.impersonation import not_impersonated
from tenantry.users.invitation_forms import (
    ConsentForm,
    NewAccountForm,
    PasswordForm,
)
from tenantry.users.views.access import entrance, for_managers, text_of, to_login
from tenantry.users.views.members import PAGE, WRONG, RolesForm

if TYPE_CHECKING:
    from django.urls import URLPattern

    from tenantry.catalog.people import Invitation
    from tenantry.users.base import People

logger = logging.getLogger("tenantry.invitations")

NOT_SENT = "The mail could not be sent. Try again later: it is among the open ones."
TOKEN = "_tenantry_invitation"  # noqa: S105  (its name in the session)


class InviteForm(RolesForm):
    """Whom to invite, and with which roles."""

    email = forms.EmailField()
    field_order = ("email", "roles")


# For those who manage the people.


@PAGE
@for_managers
def invite(request: HttpRequest, people: People) -> HttpResponse:
    """Invite somebody; show the invitations that are open."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, names = form.cleaned_data["email"], form.cleaned_data["roles"]
        try:
            acts.invite(people.tenant, email, *names, by=request.user)
        except PeopleError as error:
            form.add_error(None, text_of(error))
        except ValidationError as error:
            form.add_error("email", error)
        except OSError:
            logger.exception("An invitation to %r was not sent.", people.tenant.key)
            form.add_error(None, NOT_SENT)
        else:
            messages.success(request, f"{email} is invited.", fail_silently=True)
            return redirect("tenantry_invite")
    context = {"form": form, "invitations": acts.pending(people.tenant)}
    status = WRONG if form.errors else None
    return render(request, "tenantry/invite.html", context, status=status)


@require_POST
@for_managers
def withdraw(request: HttpRequest, people: People, pk: int) -> HttpResponse:
    """Withdraw an invitation."""
    invitation = _open(people, pk)
    try:
        acts.withdraw(invitation, by=request.user)
    except PeopleError as error:
        messages.error(request, text_of(error), fail_silently=True)
    return redirect("tenantry_invite")


@require_POST
@for_managers
def resend(request: HttpRequest, people: People, pk: int) -> HttpResponse:
    """Send an invitation again, with a new link."""
    invitation = _open(people, pk)
    try:
        acts.resend(invitation, by=request.user)
    except PeopleError as error:
        messages.error(request, text_of(error), fail_silently=True)
    except OSError:
        logger.exception("An invitation to %r was not sent.", people.tenant.key)
        messages.error(request, NOT_SENT, fail_silently=True)
    return redirect("tenantry_invite")


def _open(people: People, pk: int) -> Invitation:
    """Return the tenant's open invitation of that primary key, and no other's."""
    for invitation in acts.pending(people.tenant):
        if invitation.pk == pk:
            return invitation
    raise Http404


# For the invited.


@require_safe
@login_not_required
@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Note the token of the mail's link, and lead on to a page without it."""
    try:
        _find(token)
    except NotInvited:
        return _gone(request)
    request.session[TOKEN] = token
    response = redirect("tenantry_accept_form")
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_post_parameters()
@PAGE
@login_not_required
@never_cache
@csrf_protect
@not_impersonated
def accept(request: HttpRequest) -> HttpResponse:
    """Let the invited in: by the password of their account, or by a new account."""
    try:
        invitation = _find(request.session.get(TOKEN, ""))
        form = _form(request, invitation)
        if request.method == "POST" and form.is_valid():
            return _let_in(request, invitation, form)
    except NotInvited:
        return _gone(request)
    except PeopleError as error:
        form.add_error(None, text_of(error))
    except (ValidationError, IntegrityError) as error:
        taken = "That cannot be: some of it may be somebody else's."
        form.add_error(None, getattr(error, "messages", taken))
    context = {
        "form": form,
        "invitation": invitation,
        "shared_site": _at_shared_site(request, form),
    }
    return render(request, "tenantry/accept.html", context)


def _at_shared_site(request: HttpRequest, form: Any) -> str | None:
    """Return where a shared account accepts that signs in by more than a password."""
    if not isinstance(form, PasswordForm) or acceptance.home_of(form.invitation):
        return None
    try:
        return shared_url("tenantry_accept", request.session[TOKEN])
    except (NoReverseMatch, NotSupported):
        return None


def _form(request: HttpRequest, invitation: Invitation) -> Any:
    """Return what the invited is asked for."""
    given = request.POST if request.method == "POST" else None
    if _is_invited(request, invitation):
        return ConsentForm(given)
    if acceptance.accounts_of(invitation):
        return PasswordForm(given, request=request, invitation=invitation)
    return NewAccountForm(given, email=invitation.email)


def _let_in(request: HttpRequest, invitation: Invitation, form: Any) -> HttpResponse:
    """Accept, sign in and lead to the tenant's first page."""
    if isinstance(form, ConsentForm):
        acceptance.accept(invitation, user=request.user)
    elif isinstance(form, PasswordForm):
        person = acceptance.accept(invitation, user=form.signed_in)
        login(request, person.user, backend=form.signed_in.backend)
    else:
        fields = form.account_fields()
        person = acceptance.accept(invitation, **fields)
        name = person.user.get_username()
        user = authenticate(request, username=name, password=fields["password"])
        if user is not None:  # else it takes more than a password to sign in here
            login(request, user)
    request.session.pop(TOKEN, None)
    return HttpResponseRedirect(get_script_prefix())


def _is_invited(request: HttpRequest, invitation: Invitation) -> bool:
    """Whether who is signed in here is the invited, and needs no password."""
    user = request.user
    return user.is_authenticated and is_same(email_of(user), invitation.email)


def _find(token: str) -> Invitation:
    """Return the invitation; on the shared site, of any tenant that is in service."""
    tenant = get_tenant()
    invitation = acceptance.find(token, tenant)
    if tenant is None:
        entry = registry.by_key(invitation.tenant_key)
        served = entry is not None and entry.state == State.ACTIVE
        if not served or acceptance.home_of(invitation) is not None:
            raise NotInvited
    return invitation


def _gone(request: HttpRequest) -> HttpResponse:
    response = render(request, "tenantry/not_invited.html", status=404)
    response["Referrer-Policy"] = "no-referrer"
    return response


# On the shared site, for accounts that sign in there: by single sign-on, say.


@PAGE
@login_not_required
@never_cache
@csrf_protect
def accept_signed_in(request: HttpRequest) -> HttpResponse:
    """Let in who is signed in at the shared site, where they are the invited."""
    try:
        invitation = _find(request.session.get(TOKEN, ""))
        if not request.user.is_authenticated:
            return to_login(request)
        context = {
            "invitation": invitation,
            "form": ConsentForm(),
            "is_invited": _is_invited(request, invitation),
        }
        if request.method == "POST" and context["is_invited"]:
            acceptance.accept(invitation, user=request.user)
            del request.session[TOKEN]
            return redirect(entrance(acts.ref_of(invitation.tenant_key)))
    except NotInvited:
        return _gone(request)
    return render(request, "tenantry/accept_signed_in.html", context)


of_tenants: list[URLPattern] = [
    path("invitations/", invite, name="tenantry_invite"),
    path(
        "invitations/<int:pk>/withdraw/", withdraw, name="tenantry_invitation_withdraw"
    ),
    path("invitations/<int:pk>/resend/", resend, name="tenantry_invitation_resend"),
    path("accept/", accept, name="tenantry_accept_form"),
    path("accept/<str:token>/", follow, name="tenantry_accept"),
]
of_shared_site: list[URLPattern] = [
    path("accept/", accept_signed_in, name="tenantry_accept_form"),
    path("accept/<str:token>/", follow, name="tenantry_accept"),
]
