"""What the shared site serves in the tests."""

from django.urls import path

from tests import views

urlpatterns = [
    path("", views.shared, name="shared"),
    path("url/", views.urls, name="urls"),
]
