"""What the shared site serves, where no tenant is active: the list of shops."""

from django.urls import path

from tenantry.demo.customers import views

urlpatterns = [path("", views.index, name="index")]
