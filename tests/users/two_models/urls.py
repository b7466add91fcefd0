"""What tenants serve where shared staff enter: the view that takes them, and ours."""

from django.urls import path

from tenantry.scopes.handover import receive
from tests.users import urls

urlpatterns = [*urls.urlpatterns, path("enter/", receive, name="tenantry_receive")]
