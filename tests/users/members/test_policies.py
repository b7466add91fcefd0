"""The password of a shared user is good enough for the project, and for the tenant."""

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import override_settings

from tenantry import override_tenant

NAME = "django.contrib.auth.password_validation.MinimumLengthValidator"


def at_least(length):
    """Return a policy of that length."""
    return [{"NAME": NAME, "OPTIONS": {"min_length": length}}]


def is_good(password):
    try:
        validate_password(password)
    except ValidationError:
        return False
    return True


def test_no_tenant_makes_it_weaker_for_the_others(tenants):
    strict, lax = tenants
    declared = {**settings.TENANTRY, "SETTINGS": ["AUTH_PASSWORD_VALIDATORS"]}
    with override_settings(TENANTRY=declared, AUTH_PASSWORD_VALIDATORS=at_least(8)):
        strict.set_settings(AUTH_PASSWORD_VALIDATORS=at_least(12))
        lax.set_settings(AUTH_PASSWORD_VALIDATORS=[])
        found = []
        for place in (None, strict, lax):
            with override_tenant(place):
                found.append([is_good("x" * length) for length in (4, 8, 12)])
    assert found == [
        [False, True, True],
        [False, False, True],
        [False, True, True],
    ]
