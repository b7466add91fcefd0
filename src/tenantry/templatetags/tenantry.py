"""`{% load tenantry %}`: what templates of mails need where there is no request."""

from __future__ import annotations

from typing import Any

from django import template

from tenantry.catalog.registry import registry
from tenantry.context import require_tenant
from tenantry.routing.absolute import absolute_url

register = template.Library()


@register.simple_tag
def tenant_url(path_or_name: str = "/", *args: Any, **kwargs: Any) -> str:
    """Return an absolute URL of the active tenant: of a path, or of a URL name.

    Raises `NoActiveTenant`: a link of the shared site would lead to another's page.
    """
    tenant = registry.remembered(require_tenant().key)
    return absolute_url(tenant, path_or_name, *args, **kwargs)
