"""What the shared site serves where users are tenants' own."""

from django.urls import include, path

urlpatterns = [path("people/", include("tenantry.users.urls_signup"))]
