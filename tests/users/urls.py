"""What tenants serve in the suites of people."""

from django.urls import include, path

from tests import urls

urlpatterns = [
    *urls.urlpatterns,
    path("people/", include("tenantry.users.urls")),
    path("pages/", include("tests.users.pages")),
]
