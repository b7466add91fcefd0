"""Who can be chosen in a tenant: its members, and none of the other accounts."""

from types import SimpleNamespace

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.contrib.auth.models import User
from django.db.models import Field
from django.forms import modelform_factory
from django.forms import models as form_models

from tenantry import override_tenant
from tests.users.members.standing import join, leave, new_user
from tests.world import without_seam

ChooseForm = modelform_factory(LogEntry, fields=["user"])


class SeveralForm(forms.Form):
    """Chooses several users."""

    users = forms.ModelMultipleChoiceField(User.objects.all())


@pytest.fixture
def ours(both):
    """A member of the first tenant."""
    found = new_user()
    join(found, both[0])
    return found


@pytest.fixture
def theirs(both):
    """A member of the second tenant alone."""
    found = new_user()
    join(found, both[1])
    return found


def names(form):
    """Return the names that the form's field lists."""
    (field,) = form.fields.values()
    return {label for value, label in field.choices if value}


@pytest.mark.parametrize("form", [ChooseForm, SeveralForm])
def test_a_form_lists_members_alone(  # noqa: PLR0917
    both, ours, theirs, form
):
    with override_tenant(both[0]):
        listed = names(form())
    assert ours.username in listed
    assert theirs.username not in listed
    with override_tenant(None):
        assert {ours.username, theirs.username} <= names(form())


def test_without_the_seam_a_form_lists_everybody(both, ours, theirs):
    with (
        without_seam(form_models.ModelChoiceIterator, "__init__"),
        override_tenant(both[0]),
    ):
        assert {ours.username, theirs.username} <= names(ChooseForm())


@pytest.mark.parametrize(
    ("form", "field", "many"),
    [(ChooseForm, "user", False), (SeveralForm, "users", True)],
)
def test_a_form_takes_members_alone(  # noqa: PLR0917
    both, ours, theirs, form, field, many
):
    def errors(user):
        value = [user.pk] if many else user.pk
        return form({field: value}).errors

    with override_tenant(both[0]):
        assert errors(ours) == {}
        assert set(errors(theirs)) == {field}


@pytest.mark.parametrize(
    ("form", "field", "owner", "name"),
    [
        (ChooseForm, "user", form_models.ModelChoiceField, "to_python"),
        (SeveralForm, "users", form_models.ModelMultipleChoiceField, "_check_values"),
    ],
)
def test_without_the_seam_a_form_takes_anybody(  # noqa: PLR0917
    both, theirs, form, field, owner, name
):
    value = theirs.pk if form is ChooseForm else [theirs.pk]
    with without_seam(owner, name), override_tenant(both[0]):
        assert form({field: value}).errors == {}


def test_the_value_of_a_row_stays_when_the_member_has_left(both, ours, theirs):
    with override_tenant(both[0]):
        row = LogEntry(pk=1, user_id=ours.pk)
        leave(ours)
        assert names(ChooseForm(instance=row)) >= {ours.username}
        assert ChooseForm({"user": ours.pk}, instance=row).errors == {}
        assert ChooseForm({"user": theirs.pk}, instance=row).errors
        assert ChooseForm({"user": ours.pk}).errors


def test_one_form_lists_in_each_tenant_its_members(both, ours, theirs):
    for tenant, there, away in ((both[0], ours, theirs), (both[1], theirs, ours)):
        with override_tenant(tenant):
            listed = names(ChooseForm())
        assert there.username in listed
        assert away.username not in listed


def look_up():
    """Return the names that the admin's look-up finds."""
    model_admin = SimpleNamespace(
        get_queryset=lambda _: User.objects.all(),
        get_search_results=lambda _, rows, __: (rows, False),
    )
    view = AutocompleteJsonView()
    view.request, view.term = None, ""
    view.model_admin, view.source_field = model_admin, LogEntry._meta.get_field("user")
    return {user.username for user in view.get_queryset()}


def filtered():
    """Return the names in the admin's filter beside a list."""
    return {label for _, label in LogEntry._meta.get_field("user").get_choices()}


@pytest.mark.parametrize(
    ("show", "owner", "name"),
    [
        (look_up, AutocompleteJsonView, "get_queryset"),
        (filtered, Field, "get_choices"),
    ],
)
def test_the_admin_shows_members_alone(  # noqa: PLR0917
    both, ours, theirs, show, owner, name
):
    with override_tenant(both[0]):
        assert ours.username in show()
        assert theirs.username not in show()
        with without_seam(owner, name):
            assert theirs.username in show()
    assert {ours.username, theirs.username} <= show()


def shown_for(user):
    """Return the name that the admin shows beside a key that was typed."""
    field = LogEntry._meta.get_field("user")
    widget = ForeignKeyRawIdWidget(field.remote_field, admin.site)
    return widget.label_and_url_for_value(user.pk)[0]


def test_the_name_behind_a_key_is_a_members(both, ours, theirs):
    with override_tenant(both[0]):
        assert (shown_for(ours), shown_for(theirs)) == (ours.username, "")


def test_without_the_seam_it_is_anybodys(both, theirs):
    with (
        without_seam(ForeignKeyRawIdWidget, "label_and_url_for_value"),
        override_tenant(both[0]),
    ):
        assert shown_for(theirs) == theirs.username
