"""What the shared site serves where users are tenants' own: they sign up there alone.

Include it in place of `urls_shared`, whose other pages are for shared users.
"""

from __future__ import annotations

from tenantry.users.views import signup

urlpatterns = signup.of_shared_site
