"""What the shared site serves for people: include it as `people/`, say."""

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
    *entry.of_shared_site,
    *members.of_shared_site,
    *invitations.of_shared_site,
    *joining.of_shared_site,
    *signup.of_shared_site,
    *impersonation.of_shared_site,
]
