"""What tenants serve where logins of shared users are handed over to them."""

from django.urls import path

from tenantry.scopes.handover import receive
from tests import urls

urlpatterns = [*urls.urlpatterns, path("enter/", receive, name="tenantry_receive")]
