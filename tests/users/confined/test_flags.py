"""Where no user is shared, Django's own users and backends are as they are."""

import pytest
from django.contrib.auth import backends
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db.models import Model
from django.db.models.query_utils import DeferredAttribute

from tenantry.seams import INSTALLED


def test_users_are_djangos():
    for name in ("is_active", "is_staff", "is_superuser"):
        assert type(vars(User)[name]) is DeferredAttribute
        assert "value_from_object" not in vars(User._meta.get_field(name))
    assert "_perm_cache" not in vars(User)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (backends.ModelBackend, "authenticate"),
        (backends.ModelBackend, "get_user"),
        (backends.ModelBackend, "_get_user_permissions"),
        (backends.ModelBackend, "with_perm"),
        (backends.AllowAllUsersModelBackend, "user_can_authenticate"),
        (AbstractBaseUser, "check_password"),
        (Model, "clean_fields"),
        (Model, "_save_table"),
    ],
)
def test_what_members_need_is_not_substituted(owner, name):
    assert not hasattr(vars(owner)[name], INSTALLED)
