"""Pages: a tenant's e-mail domains, and joining by one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from tenantry.catalog.registry import registry
from tenantry.context import require_tenant
from tenantry.exceptions import NotInvited, PeopleError
from tenantry.users import joining as acts
from tenantry.users.invitations import ref_of
from tenantry.users.views.access import entrance, for_managers, text_of, to_login
from tenantry.users.views.members import PAGE, WRONG, RolesForm

if TYPE_CHECKING:
    from django.urls import URLPattern

    from tenantry.users.base import People

logger = logging.getLogger("tenantry.invitations")


class DomainForm(RolesForm):
    """An address at the domain, and the roles of those who join by it."""

    email = forms.EmailField(label="An address of yours at the domain")
    field_order = ("email", "roles")


class JoinForm(forms.Form):
    """Who wants to join."""

    email = forms.EmailField()


# For those who manage the people.


@PAGE
@for_managers
def domains(request: HttpRequest, people: People) -> HttpResponse:
    """Claim a domain; show the tenant's."""
    form = DomainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, names = form.cleaned_data["email"], form.cleaned_data["roles"]
        try:
            acts.claim_domain(people.tenant, email, *names, by=request.user)
        except PeopleError as error:
            form.add_error(None, text_of(error))
        except ValidationError as error:
            form.add_error("email", error)
        except OSError:
            logger.exception("A link to %r was not sent.", people.tenant.key)
            form.add_error(None, "The mail could not be sent. Try again later.")
        else:
            said = f"A link was sent to {email}."
            messages.success(request, said, fail_silently=True)
            return redirect("tenantry_domains")
    context = {"form": form, "domains": acts.domains_of(people.tenant)}
    status = WRONG if form.errors else None
    return render(request, "tenantry/domains.html", context, status=status)


@PAGE
@for_managers
def verify(request: HttpRequest, people: People, token: str) -> HttpResponse:
    """Let the domain hold, when the manager who opened the link says so."""
    if request.method == "POST":
        try:
            claimed = acts.verify_domain(people.tenant, token, by=request.user)
        except NotInvited:
            raise Http404 from None
        said = f"Whoever has an address at {claimed.domain} may join."
        messages.success(request, said, fail_silently=True)
        return redirect("tenantry_domains")
    response = render(request, "tenantry/domain_verify.html")
    # Not "no-referrer": the form would come without its origin, and be refused.
    response["Referrer-Policy"] = "same-origin"
    return response


@require_POST
@for_managers
def release(request: HttpRequest, people: People, pk: int) -> HttpResponse:
    """End a domain of the tenant's."""
    for claimed in acts.domains_of(people.tenant):
        if claimed.pk == pk:
            acts.release_domain(claimed, by=request.user)
            return redirect("tenantry_domains")
    raise Http404


# For those who want to join.


@PAGE
@login_not_required
@never_cache
@csrf_protect
def ask(request: HttpRequest) -> HttpResponse:
    """Mail a link to the address that is given; say the same of every address."""
    tenant = require_tenant()
    if not any(each.verified_at for each in acts.domains_of(tenant)):
        raise Http404
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            acts.ask(tenant, form.cleaned_data["email"])
        except OSError:
            # Told, it would tell that the address may join.
            logger.exception("A link to %r was not sent.", tenant.key)
        return render(request, "tenantry/join_sent.html")
    return render(request, "tenantry/join.html", {"form": form})


@PAGE
@login_not_required
@never_cache
@csrf_protect
def join(request: HttpRequest) -> HttpResponse:
    """On the shared site: show what a verified address lets the user join; join it."""
    if not request.user.is_authenticated:
        return to_login(request)
    keys = acts.joinable(request.user)
    if request.method == "POST":
        key = request.POST.get("tenant", "")
        if key not in keys:
            raise Http404
        acts.join(key, request.user)
        return redirect(entrance(ref_of(key)))
    tenants = [registry.remembered(key).instance() for key in keys]
    return render(request, "tenantry/joinable.html", {"tenants": tenants})


of_tenants: list[URLPattern] = [
    path("domains/", domains, name="tenantry_domains"),
    path("domains/<int:pk>/release/", release, name="tenantry_domain_release"),
    path("domains/verify/<str:token>/", verify, name="tenantry_domain_verify"),
    path("join/", ask, name="tenantry_join"),
]
of_shared_site: list[URLPattern] = [path("join/", join, name="tenantry_join")]
