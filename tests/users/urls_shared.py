"""What the shared site serves in the suites of people."""

from django.contrib import admin
from django.urls import include, path

from tests import urls_shared

urlpatterns = [
    *urls_shared.urlpatterns,
    path("people/", include("tenantry.users.urls_shared")),
    path("admin/", admin.site.urls),
]
