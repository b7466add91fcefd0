"""What tenants serve for people: include it as `people/`, say."""

from __future__ import annotations

from tenantry.users.views import (
    entry,
    impersonation,
    invitations,
    joining,
    members,
    signup,
)

urlpatterns = [
    *entry.of_tenants,
    *members.of_tenants,
    *invitations.of_tenants,
    *joining.of_tenants,
    *signup.of_tenants,
    *impersonation.of_tenants,
]
