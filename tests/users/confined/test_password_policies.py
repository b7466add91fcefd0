"""What a tenant says of passwords and sessions holds in that tenant alone."""

import threading
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator as tokens
from django.core.exceptions import ValidationError
from django.test import override_settings

from tenantry import override_tenant
from tests.users.browser import Browser, at, log_in
from tests.world import in_threads, without_seam

DECLARED = [
    "AUTH_PASSWORD_VALIDATORS",
    "LOGIN_REDIRECT_URL",
    "SESSION_COOKIE_AGE",
    "PASSWORD_RESET_TIMEOUT",
]
MINE = "django.contrib.auth.password_validation."
SHORT, LONG = "ab1-cd2", "ab1-cd2-ef3-gh4-ij5"


def at_least(length):
    """Return a policy of that length."""
    entry = {"NAME": f"{MINE}MinimumLengthValidator"}
    return [{**entry, "OPTIONS": {"min_length": length}}]


@pytest.fixture
def declared(tenants):
    """Tenants may have policies; the first has a strict one, the second a lax one."""
    a, b = tenants
    with override_settings(TENANTRY={**settings.TENANTRY, "SETTINGS": DECLARED}):
        a.set_settings(AUTH_PASSWORD_VALIDATORS=at_least(12))
        b.set_settings(AUTH_PASSWORD_VALIDATORS=at_least(4))
        yield
        for each in tenants:
            each.set_settings(**dict.fromkeys(each.settings))


def change(tenant, new):
    """Change Ann's password by the page; return whether it was taken."""
    browser = Browser()
    old = f"pw of {tenant.key}"
    log_in(browser, tenant, "ann", old)
    answer = browser.post(
        at(tenant, "/people/password/"),
        old_password=old,
        new_password1=new,
        new_password2=new,
    )
    taken = b"is changed" in answer.content
    assert taken or b"too short" in answer.content
    with override_tenant(tenant):
        user = User.objects.get(username="ann")
        assert user.check_password(new) is taken
        user.set_password(old)
        user.save()
    return taken


@pytest.mark.usefixtures("declared")
def test_each_tenant_has_its_policy_by_the_page(tenants):
    strict, lax = tenants
    for _ in range(2):
        assert not change(strict, SHORT)
        assert change(lax, SHORT)
        assert change(strict, LONG)


@pytest.mark.usefixtures("declared")
def test_control_django_keeps_the_first_policy_for_all(tenants):
    strict, lax = tenants
    with without_seam(password_validation, "get_default_password_validators"):
        password_validation.get_default_password_validators.cache_clear()
        try:
            assert not change(strict, SHORT)
            assert not change(lax, SHORT)
        finally:
            password_validation.get_default_password_validators.cache_clear()


@pytest.mark.usefixtures("declared")
def test_threads_at_once_have_theirs(tenants):
    barrier = threading.Barrier(6)

    def valid(tenant):
        def ask():
            barrier.wait()
            with override_tenant(tenant):
                try:
                    password_validation.validate_password(SHORT)
                except ValidationError:
                    return False
            return True

        return ask

    found = in_threads(*[valid(each) for each in tenants * 3])
    assert found == [False, True] * 3


@pytest.mark.usefixtures("declared")
def test_a_policy_of_the_project_holds_where_a_tenant_has_none(tenants):
    tenants[0].set_settings(AUTH_PASSWORD_VALIDATORS=None)
    with override_settings(AUTH_PASSWORD_VALIDATORS=at_least(30)):
        assert not change(tenants[0], LONG)
        assert change(tenants[1], LONG)
    assert change(tenants[0], SHORT)


@pytest.mark.usefixtures("declared")
def test_a_changed_policy_holds_from_then_on(tenants):
    assert change(tenants[1], SHORT)
    tenants[1].set_settings(AUTH_PASSWORD_VALIDATORS=at_least(12))
    assert not change(tenants[1], SHORT)


@pytest.mark.parametrize(
    "policy",
    [
        [{"NAME": "os.system", "OPTIONS": {"command": "true"}}],
        [{"NAME": "builtins.open"}],
        ["os.system"],
        [{"NAME": ["x"]}],
        [{"NAME": f"{MINE}MinimumLengthValidator", "OPTIONS": {"other": 1}}],
        [{"NAME": f"{MINE}MinimumLengthValidator", "OPTIONS": {"min_length": "x"}}],
        [{"NAME": f"{MINE}MinimumLengthValidator", "OPTIONS": "min_length"}],
        [
            {
                "NAME": f"{MINE}CommonPasswordValidator",
                "OPTIONS": {"password_list_path": "/etc/passwd"},
            }
        ],
    ],
)
@pytest.mark.usefixtures("declared")
def test_a_tenant_names_neither_code_nor_files(tenants, policy):
    with pytest.raises(ValidationError, match="AUTH_PASSWORD_VALIDATORS of tenant"):
        tenants[0].set_settings(AUTH_PASSWORD_VALIDATORS=policy)


@pytest.mark.usefixtures("declared")
def test_what_follows_a_login_is_for_the_tenant_to_say(tenants):
    a, b = tenants
    a.set_settings(LOGIN_REDIRECT_URL="/whoami/")
    for tenant, path in ((a, "/whoami/"), (b, "/")):
        answer = Browser().ask(
            "post",
            at(tenant, "/people/login/"),
            {"username": "ann", "password": f"pw of {tenant.key}"},
        )
        assert answer["Location"] == path


@pytest.mark.usefixtures("declared")
def test_how_long_sessions_last_is_for_the_tenant_to_say(tenants):
    a, b = tenants
    a.set_settings(SESSION_COOKIE_AGE=60)
    for tenant, age in ((a, 60), (b, settings.SESSION_COOKIE_AGE)):
        browser = Browser()
        log_in(browser, tenant, "ann", f"pw of {tenant.key}")
        cookie = browser.client(at(tenant, "/")).cookies["sessionid"]
        assert int(cookie["max-age"]) == age


@pytest.mark.usefixtures("declared")
def test_how_long_a_link_is_good_is_for_the_tenant_to_say(tenants):
    a, b = tenants
    a.set_settings(PASSWORD_RESET_TIMEOUT=60)
    later = datetime.now() + timedelta(minutes=2)  # noqa: DTZ005  (Django's own way)
    for tenant, good in ((a, False), (b, True)):
        with override_tenant(tenant):
            user = User.objects.get(username="ann")
            token = tokens.make_token(user)
            with mock.patch.object(tokens, "_now", return_value=later):
                assert tokens.check_token(user, token) is good
