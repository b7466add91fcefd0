"""What the shared site serves, where no tenant is active: the list of shops."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from tenantry.demo.customers import views

urlpatterns: list[URLPattern | URLResolver] = [path("", views.index, name="index")]
if settings.DEMO_USERS != "confined":
    urlpatterns += [
        path("people/", include("tenantry.users.urls_shared")),
        path("admin/", admin.site.urls),
    ]
