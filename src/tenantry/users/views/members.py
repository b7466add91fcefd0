"""Pages: the people of a tenant, one of them, handing over the ownership, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import get_script_prefix, path
from django.views.decorators.http import require_http_methods

from tenantry.exceptions import NotAMember, PeopleError
from tenantry.users.roles import OWNER, known
from tenantry.users.views.access import for_managers, for_people, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.urls import URLPattern

    from tenantry.users.base import People, Person

WRONG = 400
PAGE = require_http_methods(["GET", "HEAD", "POST"])


class RolesForm(forms.Form):
    """The roles that a person or an invitation has, of those that can be given."""

    roles = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args: Any, held: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in known() if name != OWNER]
        gone = [name for name in held if name not in names]
        field = self.fields["roles"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  (for mypy)
        field.choices = [(name, name) for name in [*names, *gone]]
        field.initial = list(held)


@PAGE
@for_people
def members(request: HttpRequest, people: People) -> HttpResponse:
    """Show who is there."""
    powers = people.powers(request.user)
    context = {
        "people": people.all(),
        "me": people.of_user(request.user),
        "manages": powers is not None and powers.manages,
    }
    return render(request, "tenantry/members.html", context)


@PAGE
@for_managers
def member(request: HttpRequest, people: People, pk: str) -> HttpResponse:
    """Change somebody's roles, suspend, resume or remove them."""
    person = _person(people, pk)
    form = RolesForm(request.POST or None, held=person.roles)
    context: dict[str, Any] = {"person": person, "form": form}
    if request.method != "POST":
        return render(request, "tenantry/member.html", context)
    act = request.POST.get("act")
    if act not in ACTS or not form.is_valid():
        context["error"] = "There is no such act, or no such role."
        return render(request, "tenantry/member.html", context, status=WRONG)
    try:
        done = ACTS[act](people, person, form, by=request.user)
    except NotAMember:
        raise Http404 from None
    except PeopleError as error:
        context["error"] = text_of(error)
        return render(request, "tenantry/member.html", context, status=WRONG)
    messages.success(request, done, fail_silently=True)
    return redirect("tenantry_members")


def _change(people: People, person: Person, form: RolesForm, *, by: Any) -> str:
    """Give and take roles, so that the person has the chosen ones and no others."""
    names = form.cleaned_data["roles"]
    given = [name for name in names if name not in person.roles]
    taken = [name for name in person.roles if name not in names]
    if given:
        people.grant(person.user, *given, by=by)
    if taken:
        people.revoke(person.user, *taken, by=by)
    return f"The roles of {person.name} are changed."


def _suspend(people: People, person: Person, _form: RolesForm, *, by: Any) -> str:
    people.suspend(person.user, by=by)
    return f"{person.name} is suspended."


def _resume(people: People, person: Person, _form: RolesForm, *, by: Any) -> str:
    people.resume(person.user, by=by)
    return f"{person.name} has access again."


def _remove(people: People, person: Person, _form: RolesForm, *, by: Any) -> str:
    people.remove(person.user, by=by)
    return f"{person.name} is removed."


ACTS: dict[str, Any] = {
    "roles": _change,
    "suspend": _suspend,
    "resume": _resume,
    "remove": _remove,
}


@PAGE
@for_people
def transfer(request: HttpRequest, people: People) -> HttpResponse:
    """Hand the ownership to somebody else; for the owner."""
    me = people.of_user(request.user)
    if me is None or not me.is_owner:
        raise Http404
    others = [each for each in people.all() if each.user_pk != me.user_pk]
    context: dict[str, Any] = {"people": others}
    if request.method == "POST":
        to = _person(people, request.POST.get("to", ""))
        try:
            people.transfer(me.user, to.user, by=request.user)
        except PeopleError as error:
            context["error"] = text_of(error)
            return render(request, "tenantry/transfer.html", context, status=WRONG)
        messages.success(request, f"{to.name} is the owner.", fail_silently=True)
        return redirect("tenantry_members")
    return render(request, "tenantry/transfer.html", context)


@PAGE
@for_people
def leave(request: HttpRequest, people: People) -> HttpResponse:
    """Leave the tenant, and be signed out of it."""
    me = people.of_user(request.user)
    if me is None:
        raise Http404
    context: dict[str, Any] = {"me": me}
    if request.method == "POST":
        try:
            people.leave(me.user)
        except PeopleError as error:
            context["error"] = text_of(error)
            return render(request, "tenantry/leave.html", context, status=WRONG)
        logout(request)
        return HttpResponseRedirect(get_script_prefix())
    return render(request, "tenantry/leave.html", context)


def _person(people: People, pk: str) -> Person:
    """Return the tenant's person of that primary key, and nobody else's."""
    try:
        return people.get(pk)
    except NotAMember:
        raise Http404 from None


of_tenants: list[URLPattern] = [
    path("members/", members, name="tenantry_members"),
    path("members/<str:pk>/", member, name="tenantry_member"),
    path("transfer/", transfer, name="tenantry_transfer"),
    path("leave/", leave, name="tenantry_leave"),
]
of_shared_site: list[URLPattern] = []
