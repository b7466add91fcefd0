"""Mails of a tenant to people: its sender, its templates, links to its own site.

The project's mail server carries secrets of shared accounts: whoever runs a server of a
tenant's own would read them there, and be that user in every tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import NoReverseMatch

from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.scopes.localization import localized
from tenantry.users.people import are_confined

if TYPE_CHECKING:
    from tenantry.types import TenantRef


def send(tenant: TenantRef, template: str, to: str, **context: Any) -> None:
    """Send a mail of two templates of that name, its subject and its text.

    They are `tenantry/<template>_subject.txt` and `tenantry/<template>.txt`, rendered
    with the tenant active and in its language: by its sender, and by templates of its
    own where it has some. They know the `tenant`. Raises what the mail backend raises.
    """
    context["tenant"] = registry.remembered(tenant.key).instance()
    with override_tenant(tenant), localized():
        subject = render_to_string(f"tenantry/{template}_subject.txt", context)
        body = render_to_string(f"tenantry/{template}.txt", context)
        sender = settings.DEFAULT_FROM_EMAIL
    with override_tenant(carrier(tenant)):
        send_mail(" ".join(subject.split()), body, sender, [to])


def carrier(tenant: TenantRef | None) -> TenantRef | None:
    """Return whose mail server carries secrets of accounts that sign in at the tenant.

    None is the project's: theirs who are shared are of more than one tenant.
    """
    return tenant if tenant is not None and are_confined(tenant) else None


def link(tenant: TenantRef, name: str, *args: Any) -> str:
    """Return the absolute URL of one of our pages at the tenant.

    Raises `ImproperlyConfigured` where its URLconf lacks the page.
    """
    try:
        return str(registry.remembered(tenant.key).instance().url(name, *args))
    except NoReverseMatch as error:
        msg = (
            f"Tenant {tenant.key!r} has no URL named {name!r}. Add to its URLconf: "
            "path('people/', include('tenantry.users.urls'))."
        )
        raise ImproperlyConfigured(msg) from error
