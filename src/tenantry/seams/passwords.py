"""Seam of passwords: which are good enough, is for the tenant to say."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import password_validation

from tenantry import guards
from tenantry.conf import conf
from tenantry.context import ACTIVE, override_tenant
from tenantry.seams.substitution import seam_of, wrap

NAME = "AUTH_PASSWORD_VALIDATORS"
MOST = 1_000


class Policy:
    """A value of the setting: equal to one that says the same."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._text = repr(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(maxsize=MOST)
def validators_of(policy: Policy) -> list[Any]:
    """Return the validators; the policy is kept with them, and so are its objects."""
    return password_validation.get_password_validators(policy.value)


@seam_of("settings")
def password_policies_are_the_tenants() -> None:
    """Django keeps the validators that it made first, for all tenants.

    The password of a user of all tenants has to satisfy the project as well: the laxest
    tenant would else decide for the others.
    """
    kept: Any = password_validation.get_default_password_validators

    def validators(original: Any) -> Any:
        if ACTIVE.get() is None or NAME not in conf.declared_settings:
            with override_tenant(None):
                return original()
        found = list(validators_of(Policy(settings.AUTH_PASSWORD_VALIDATORS)))
        if guards.sides_now()[conf.auth_user_model.split(".")[0]].tenants:
            return found
        with override_tenant(None):
            project = settings.AUTH_PASSWORD_VALIDATORS
        of_tenant = {Policy(each) for each in settings.AUTH_PASSWORD_VALIDATORS}
        more = [each for each in project if Policy(each) not in of_tenant]
        return found + validators_of(Policy(more))

    def forget() -> None:
        kept.cache_clear()
        validators_of.cache_clear()

    wrap(password_validation, "get_default_password_validators", validators)
    vars(password_validation.get_default_password_validators)["cache_clear"] = forget
