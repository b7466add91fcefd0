"""What every tenant serves: its shop and its own admin."""

from django.contrib import admin
from django.urls import include, path

from tenantry.demo.shop import views
from tenantry.scopes.storage import TenantMediaView

urlpatterns = [
    path("", views.home, name="home"),
    path("products/<int:pk>/", views.product, name="product"),
    path("basket/", views.basket, name="basket"),
    path("checkout/", views.checkout, name="checkout"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("media/<path:path>", TenantMediaView.as_view()),
    path("people/", include("tenantry.users.urls")),
    path("admin/", admin.site.urls),
]
