"""A project that has no page to sign out everywhere pays nothing for it."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.test import override_settings

from tenantry import override_tenant
from tenantry.catalog import sign_outs
from tenantry.exceptions import NotSupported, WrongTenant
from tenantry.models import SignOut
from tenantry.users.sign_out import sign_out_everywhere
from tests.world import replaced, two_tenants, without_seam

WITH_PAGES = override_settings(ROOT_URLCONF="tests.users.urls")


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made
        SignOut.objects.all().delete()


@pytest.fixture
def own(tenants):
    """A user of the first tenant."""
    with override_tenant(tenants[0]):
        user = User.objects.create_user("own", password="pw")
        yield user
        user.delete()


def refuse(*_):
    raise AssertionError("the database was asked")


def test_without_the_pages_no_query_is_spent_and_hashes_are_djangos(own):
    assert not sign_outs.are_counted()
    with replaced(sign_outs, "_asked", refuse):
        digest = own.get_session_auth_hash()
        assert sign_outs.look_up(User, "1") is None
    with without_seam(AbstractBaseUser, "_get_session_auth_hash"):
        assert own.get_session_auth_hash() == digest


def test_without_the_pages_it_is_refused_and_what_is_missing_is_named(own):
    with pytest.raises(NotSupported, match=r"tenantry\.users\.urls"):
        sign_out_everywhere(own)
    assert not SignOut.objects.exists()


@WITH_PAGES
def test_the_hash_is_djangos_until_somebody_signs_out(own):
    assert sign_outs.are_counted()
    with without_seam(AbstractBaseUser, "_get_session_auth_hash"):
        django = own.get_session_auth_hash()
    assert own.get_session_auth_hash() == django
    seen = {django}
    for _ in range(2):
        sign_out_everywhere(own)
        seen.add(own.get_session_auth_hash())
    assert len(seen) == 3


@WITH_PAGES
def test_keys_that_rotate_do_not_bring_a_session_back(own):
    before = own.get_session_auth_hash()
    sign_out_everywhere(own)
    now = own.get_session_auth_hash()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["tests"]):
        fallbacks = list(own.get_session_auth_fallback_hash())
    assert now in fallbacks
    assert before not in fallbacks


@WITH_PAGES
def test_a_user_of_another_tenant_is_refused(own, tenants):
    with override_tenant(tenants[1]), pytest.raises(WrongTenant):
        sign_out_everywhere(own)


@WITH_PAGES
def test_who_was_never_saved_has_no_number():
    with replaced(sign_outs, "_asked", refuse):
        assert User(username="new").get_session_auth_hash()
