"""An admin, the same for tenants and the shared site, with all models registered."""

from django.contrib import admin
from django.urls import path

from tenantry.admin import DomainAdmin, TenantAdmin
from tests.customers.models import Domain, Tenant
from tests.geo.models import Country
from tests.shop.models import Author, Book, Tag

admin.site.register(Tenant, TenantAdmin)
admin.site.register(Domain, DomainAdmin)


@admin.register(Country)
class CountryAdmin(admin.ModelAdmin):
    """Shared."""

    ordering = ("pk",)
    search_fields = ("name",)


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    """A tenant's, with a link to what is shared."""

    ordering = ("pk",)
    search_fields = ("name",)


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    """A tenant's, with look-ups."""

    autocomplete_fields = ("author", "tags")


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """A tenant's."""

    ordering = ("pk",)
    search_fields = ("name",)


urlpatterns = [path("admin/", admin.site.urls)]
