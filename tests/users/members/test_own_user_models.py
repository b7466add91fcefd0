"""User models of projects: without the columns, with properties in their place."""

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin, User
from django.db import connections, models
from django.db.models import Model

from tenantry import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.users import flags, lookup
from tests.users.members.standing import ADMIN, MEMBER, NOBODY, join, new_user
from tests.users.members.standing import flags as flags_of
from tests.world import replaced


def attributes(**given):
    return {"__module__": __name__, "Meta": type("Meta", (), META), **given}


META = {"app_label": "customers"}
KEY = {"email": models.CharField(max_length=50), "USERNAME_FIELD": "email"}


@pytest.fixture(scope="module")
def own():
    """Return user models, and forget them afterwards."""
    plain = type("Plain", (AbstractBaseUser,), attributes(**KEY))
    computed = type(
        "Computed",
        (AbstractBaseUser,),
        attributes(
            is_admin=models.BooleanField(default=False),
            is_staff=property(
                lambda self: self.is_admin,
                lambda self, value: setattr(self, "is_admin", value),
            ),
            is_superuser=property(lambda self: self.is_staff),
            email=models.CharField(max_length=50),
            USERNAME_FIELD="email",
        ),
    )
    mixed = type(
        "Mixed",
        (AbstractBaseUser, PermissionsMixin),
        attributes(
            groups=None,
            user_permissions=None,
            email=models.CharField(max_length=50),
            USERNAME_FIELD="email",
        ),
    )
    for model in (plain, computed, mixed):
        for name in flags.ANSWERS:
            setattr(model, name, flags.flag_of(model, name))
    yield {"plain": plain, "computed": computed, "mixed": mixed}
    for name in ("plain", "computed", "mixed"):
        del apps.all_models["customers"][name]
    apps.clear_cache()


@contextmanager
def is_the_user_model(model, standing):
    """Let the model be that of shared users, each of whom has that standing."""
    with (
        replaced(lookup, "shared_user_model", lambda: model),
        replaced(lookup, "_ask", lambda *_: None),
        replaced(lookup.Standing, "of", staticmethod(lambda _: standing)),
    ):
        yield


AS_ADMIN = lookup.Standing(admitted=True, staff=True, superuser=True)
AS_MEMBER = lookup.Standing(admitted=True)


@pytest.mark.parametrize("name", ["plain", "computed", "mixed"])
def test_in_a_tenant_the_membership_answers_for_each(both, own, name):
    user = own[name](pk=7)
    for standing, expected in (
        (AS_ADMIN, ADMIN),
        (AS_MEMBER, MEMBER),
        (lookup.Standing(), NOBODY),
    ):
        with is_the_user_model(own[name], standing), override_tenant(both[0]):
            lookup.forget(user)
            assert flags_of(user) == expected


def test_with_none_active_they_are_as_the_project_made_them(own):
    plain, computed = own["plain"](pk=7), own["computed"](pk=7, is_staff=True)
    assert plain.is_active
    assert own["plain"].is_active is True
    assert not hasattr(plain, "is_staff")
    assert not hasattr(own["plain"], "is_staff")
    assert flags_of(computed) == ADMIN
    assert isinstance(own["computed"].is_staff, property)
    with pytest.raises(AttributeError):
        computed.is_superuser = True
    with pytest.raises(AttributeError):
        del computed.is_staff
    plain.is_active = False
    assert not plain.is_active
    del plain.is_active
    assert plain.is_active
    with pytest.raises(AttributeError):
        del plain.is_active


def test_a_property_is_computed_from_what_is_stored(both, own):
    user = own["computed"](pk=7, is_admin=True)
    with (
        is_the_user_model(own["computed"], AS_MEMBER),
        override_tenant(both[0]),
    ):
        assert not user.is_superuser
        with flags.as_stored():
            assert user.is_superuser


def test_what_the_project_set_false_for_the_object_blocks_it_in_a_tenant(both, own):
    user = own["plain"](pk=7)
    user.is_active = False
    with is_the_user_model(own["plain"], AS_ADMIN), override_tenant(both[0]):
        assert not user.is_active


def test_only_columns_are_kept_from_change(own):
    names = {
        name: [field.name for field in flags.columns_of(model)]
        for name, model in own.items()
    }
    assert names == {"plain": [], "computed": [], "mixed": ["is_superuser"]}


@pytest.fixture
def children(both):
    """A model that inherits the users' table, with a table of its own."""
    meta = {"app_label": "customers"}
    child = type(
        "Child",
        (User,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (), meta),
            "nick": models.CharField(max_length=9),
        },
    )
    connection = connections["owner" if "owner" in connections.settings else "default"]
    with override_tenant(None), connection.schema_editor() as editor:
        editor.create_model(child)
    yield child
    with override_tenant(None):
        child.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.delete_model(child)
    del apps.all_models["customers"]["child"]
    apps.clear_cache()
    User._meta._expire_cache()


def test_a_child_of_the_users_model_is_the_same_user(both, children):
    user = new_user()
    with override_tenant(None):
        child = children(user_ptr_id=user.pk, nick="n")
        child.__dict__.update({k: v for k, v in user.__dict__.items() if k != "_state"})
        child.save()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        found = children.objects.get(pk=user.pk)
        assert flags_of(found) == ADMIN
        found.nick = "m"
        found.save()
        with pytest.raises(NotSupported):
            children.objects.update(is_staff=True)
    with override_tenant(None):
        found = children.objects.get(pk=user.pk)
        assert flags_of(found) == MEMBER
        assert found.nick == "m"
    assert issubclass(children, Model)
