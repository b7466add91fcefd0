"""What the shared site serves its staff: an admin, and ours."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import path

from tests import views
from tests.geo.models import Country
from tests.users import urls_shared

site = admin.AdminSite(name="staff")
site.register(Country, fields=["name"])

urlpatterns = [
    path("admin/", site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("whoami/", views.whoami),
    *urls_shared.urlpatterns,
]
