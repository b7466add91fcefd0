"""Seams of Django's settings, and of what a tenant's time zone and language need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.utils import translation
from django.views.debug import SafeExceptionReporterFilter

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.scopes.localization import language_of, with_default
from tenantry.scopes.settings import read_from_tenants
from tenantry.seams.django_settings import read_by, read_by_django
from tenantry.seams.substitution import seam_of, wrap


@seam_of("settings")
def declared_settings_are_read_from_the_tenant() -> None:
    """`settings` is imported by name everywhere: its class changes, not it."""
    ours: set[str] = set()

    def declare() -> None:
        found = read_from_tenants()
        for name in ours - found.keys():
            read_by_django(name)
        for name, descriptor in found.items():
            read_by(name, descriptor)
        ours.clear()
        ours.update(found)

    declare()
    conf.on_change(declare)


@seam_of("settings")
def secrets_are_hidden_on_debug_pages() -> None:
    """Django hides by words in the name; what was declared a secret is one."""

    def cleanse_setting(original: Any, self: Any, key: Any, value: Any) -> Any:
        declared = conf.declared_settings.get(key) if isinstance(key, str) else None
        if declared is not None and declared.is_secret:
            return self.cleansed_substitute
        return original(self, key, value)

    wrap(SafeExceptionReporterFilter, "cleanse_setting", cleanse_setting)


@seam_of("settings")
def language_is_the_tenants_where_the_user_chose_none() -> None:
    """`LocaleMiddleware` would put the project's language over the tenant's."""

    def from_request(original: Any, request: Any, check_path: bool = False) -> Any:  # noqa: FBT001, FBT002
        language = language_of(ACTIVE.get())
        if language is None:
            return original(request, check_path)
        accepted = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
        asked = SimpleNamespace(
            path_info=request.path_info,
            COOKIES=request.COOKIES,
            META={"HTTP_ACCEPT_LANGUAGE": with_default(accepted, language)},
        )
        return original(asked, check_path)

    wrap(translation, "get_language_from_request", from_request)
