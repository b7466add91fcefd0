"""Where no user is shared, Django's own users and backends are as they are."""

from django.contrib import auth
from django.contrib.auth import backends
from django.contrib.auth.models import User
from django.db.models.query_utils import DeferredAttribute

from tenantry.seams import INSTALLED

# Seams that hold whoever the users are: sign-outs, and staff of a model of their own.
ALWAYS = {"aget_user", "_get_user_session_key", "_aget_user_session_key"}


def test_users_and_backends_are_djangos():
    assert type(vars(User)["is_active"]) is DeferredAttribute
    assert "_perm_cache" not in vars(User)
    for owner in (auth, backends.ModelBackend, backends.AllowAllUsersModelBackend):
        for name, value in vars(owner).items():
            assert not hasattr(value, INSTALLED) or name in ALWAYS, name
