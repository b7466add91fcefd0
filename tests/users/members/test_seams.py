"""Each seam of people is in place, and what it stands on is as it was.

A test here fails where Django changes what we substitute; `test_flags`,
`test_permissions` and `test_login` try the behaviour, with and without.
"""

import inspect

import pytest
from django.contrib import auth
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.contrib.auth import backends
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db.models import Field, Model
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql import compiler
from django.forms import models as forms

from tenantry.seams import INSTALLED
from tenantry.users import account_seams, flags, seams
from tests.test_seams import parameters

SUBSTITUTED = {
    "users_are_read_and_checked_as_stored": [
        (Model, "refresh_from_db", "self, using, fields, from_queryset"),
        (Model, "clean_fields", "self, exclude"),
        (Model, "validate_constraints", "self, exclude"),
    ],
    "users_are_saved_as_stored": [
        (
            Model,
            "_save_table",
            "self, raw, cls, force_insert, force_update, using, update_fields",
        ),
    ],
    "tenants_change_no_columns_of_users": [
        (compiler.SQLUpdateCompiler, "as_sql", "self"),
        (compiler.SQLInsertCompiler, "as_sql", "self"),
    ],
    "permissions_are_the_memberships": [
        (backends.ModelBackend, "_get_user_permissions", "self, user_obj"),
        (backends.ModelBackend, "_get_group_permissions", "self, user_obj"),
        (
            backends.ModelBackend,
            "with_perm",
            "self, perm, is_active, include_superusers, obj",
        ),
    ],
    "forms_offer_members": [
        (
            forms.BaseModelForm,
            "__init__",
            (
                "self, data, files, auto_id, prefix, initial, error_class, "
                "label_suffix, empty_permitted, instance, use_required_attribute, "
                "renderer"
            ),
        ),
        (forms.ModelChoiceIterator, "__init__", "self, field"),
        (forms.ModelChoiceField, "to_python", "self, value"),
        (forms.ModelMultipleChoiceField, "_check_values", "self, value"),
    ],
    "the_admin_looks_up_members": [
        (
            Field,
            "get_choices",
            "self, include_blank, blank_choice, limit_choices_to, ordering",
        ),
        (AutocompleteJsonView, "get_queryset", "self"),
        (ForeignKeyRawIdWidget, "label_and_url_for_value", "self, value"),
    ],
    "members_are_authenticated": [
        (AbstractBaseUser, "check_password", "self, raw_password"),
        (AbstractBaseUser, "acheck_password", "self, raw_password"),
        (backends.AllowAllUsersModelBackend, "user_can_authenticate", "self, user"),
        (
            backends.AllowAllUsersRemoteUserBackend,
            "user_can_authenticate",
            "self, user",
        ),
    ],
    "users_are_loaded_with_their_membership": [
        (backends.ModelBackend, "get_user", "self, user_id"),
        (backends.ModelBackend, "aget_user", "self, user_id"),
    ],
    "sessions_end_with_the_membership": [
        (auth, "get_user", "request"),
        (auth, "aget_user", "request"),
    ],
}
# Each has a test of its own below.
OF_THEIR_OWN = {
    "users_are_what_their_membership_says",
    "forms_and_fixtures_have_what_is_stored",
}
EACH = [
    pytest.param(*place, id=f"{place[0].__name__}.{place[1]}")
    for places in SUBSTITUTED.values()
    for place in places
]


def test_every_seam_is_named_here_and_says_why_it_is_there():
    assert {seam.__name__ for seam in seams.SEAMS} == {*SUBSTITUTED, *OF_THEIR_OWN}
    assert all(len(seam.__doc__) > 20 for seam in seams.SEAMS)


@pytest.mark.parametrize(("owner", "name", "expected"), EACH)
def test_the_seam_is_in_place_and_djangos_own_is_as_it_was(owner, name, expected):
    original = getattr(vars(owner)[name], INSTALLED)
    while hasattr(original, INSTALLED):  # one of `tenantry.seams` is below it
        original = getattr(original, INSTALLED)
    assert original.__module__.startswith("django.")
    assert parameters(original) == expected.split(", ")


@pytest.mark.parametrize("name", ["authenticate", "aauthenticate"])
def test_credentials_go_through_hidden_from_error_reports(name):
    seam = vars(backends.ModelBackend)[name]
    original = getattr(seam, INSTALLED)
    assert [*inspect.signature(original).parameters] == [
        "self",
        "request",
        "username",
        "password",
        "kwargs",
    ]
    assert inspect.signature(seam) == inspect.signature(original)


def test_attributes_of_the_user_are_ours_before_djangos():
    for name in flags.ANSWERS:
        flag = inspect.getattr_static(User, name)
        assert type(flag) is flags.ColumnFlag
        assert type(flag.original) is DeferredAttribute
        assert (
            User._meta.get_field(name).value_from_object.func is account_seams._stored
        )
    for name in flags.CACHES:
        assert type(inspect.getattr_static(User, name)) is flags.Cache
        assert f'"{name}"' in inspect.getsource(backends.ModelBackend).replace(
            '"_%s_perm_cache" % from_name', '"_user_perm_cache" "_group_perm_cache"'
        )


def test_installing_twice_changes_nothing():
    before = Model.clean_fields
    seams.install()
    assert Model.clean_fields is before
