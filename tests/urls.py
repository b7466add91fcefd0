"""What tenants serve in the tests."""

from django.contrib import admin
from django.urls import path

from tests import views

urlpatterns = [
    path("", views.authors, name="authors"),
    path("form/", views.form, name="form"),
    path("stream/", views.stream, name="stream"),
    path("astream/", views.astream, name="astream"),
    path("async/", views.concurrently, name="concurrently"),
    path("go/", views.go, name="go"),
    path("url/", views.urls, name="urls"),
    path("login/", views.log_in, name="log_in"),
    path("whoami/", views.whoami, name="whoami"),
    path("admin/", admin.site.urls),
]
