"""Memberships in the admin of the shared site: changed by the acts, never past them.

A tenant's own admin does not show them: its people are managed on its pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponseRedirect

from tenantry.catalog.audit import record
from tenantry.exceptions import PeopleError
from tenantry.users.models import Membership, MembershipState
from tenantry.users.people import members_of
from tenantry.users.roles import OWNER, known

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

__all__ = ["MembershipAdmin"]

EXTRAS = ("groups", "permissions")


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """Offers the roles that the settings have, and those the member has anyway."""

    roles = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [*known(), *(self.instance.roles or ())]
        offered = [name for name in dict.fromkeys(names) if name != OWNER]
        roles: Any = self.fields["roles"]
        roles.choices = [(name, name) for name in offered]


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Members of all tenants. Ownership is transferred, and never lost."""

    actions = ("make_owner",)
    date_hierarchy = "joined_at"
    fields = ("tenant", "user", "state", "is_owner", "roles", *EXTRAS, "joined_at")
    filter_horizontal = EXTRAS
    form = MembershipForm
    list_display = ("user", "tenant", "state", "is_owner", "their_roles", "joined_at")
    list_filter = ("state", "is_owner")
    list_select_related = ("tenant", "user")
    raw_id_fields = ("tenant", "user")
    readonly_fields = ("is_owner", "joined_at")

    @admin.display(description="roles")
    def their_roles(self, row: Membership) -> str:
        """Return the names of the roles."""
        return ", ".join(row.roles) or "-"

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Search by tenant, and by what users of that model are called."""
        del request
        model: Any = self.opts.get_field("user").related_model
        names = {model.USERNAME_FIELD, model.get_email_field_name()}
        has = {field.name for field in model._meta.get_fields()}
        return ["tenant__key", *(f"user__{name}" for name in sorted(names & has))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Protect who is a member of what: those are other memberships."""
        given = super().get_readonly_fields(request, obj)
        return given if obj is None else [*given, "tenant", "user"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse for an owner."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and not (obj is not None and obj.is_owner)

    # By the acts.

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Say why an act was refused; nothing of it was done."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except PeopleError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(  # noqa: PLR0917  (Django's own signature)
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        """Let a user in, or change what they may do."""
        del request
        people, roles = members_of(obj.tenant), form.cleaned_data["roles"]
        if not change:
            people.add(obj.user, *roles)
        else:
            before = set(people.require(obj.user).roles)
            if gained := [name for name in roles if name not in before]:
                people.grant(obj.user, *gained)
            if lost := before - set(roles):
                people.revoke(obj.user, *sorted(lost))
        self._put(people, obj.user, form.cleaned_data["state"])
        obj.pk = type(obj)._base_manager.get(tenant=obj.tenant, user=obj.user).pk
        obj.refresh_from_db()

    def save_related(  # noqa: PLR0917  (Django's own signature)
        self, request: HttpRequest, form: Any, formsets: Any, change: Any
    ) -> None:
        """Write groups and permissions, and in the audit that they changed."""
        super().save_related(request, form, formsets, change)
        changed = [name for name in EXTRAS if name in form.changed_data]
        if changed:
            row = form.instance
            facts = {
                name: [str(x) for x in getattr(row, name).all()] for name in EXTRAS
            }
            record(
                "member.granted",
                tenant=row.tenant.ref,
                target=row.user,
                user_pk=str(row.user.pk),
                **facts,
            )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the member."""
        del request
        members_of(obj.tenant).remove(obj.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove each of the members."""
        for row in queryset.select_related("tenant", "user"):
            self.delete_model(request, row)

    @admin.action(description="Make the owner", permissions=["change"])
    def make_owner(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Transfer each tenant to the member."""
        for row in chosen.select_related("tenant", "user"):
            people = members_of(row.tenant)
            owners = [person.user for person in people.all() if person.is_owner]
            try:
                if owners:
                    people.transfer(owners[0], row.user)
                else:
                    people.grant(row.user, OWNER)
            except PeopleError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                text = f"The owner of {row.tenant} is {row.user} now."
                self.message_user(request, text, messages.SUCCESS)

    @staticmethod
    def _put(people: Any, user: Any, state: str) -> None:
        suspended = people.require(user).state == MembershipState.SUSPENDED
        if suspended and state == MembershipState.ACTIVE:
            people.resume(user)
        if not suspended and state == MembershipState.SUSPENDED:
            people.suspend(user)


def as_text(objects: Any) -> list[str]:
    """Return what the objects are called."""
    return [str(each) for each in objects]
