"""What tenants serve: Wagtail, its admin, and a search."""

from django.http import HttpResponse
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls
from wagtail.models import Page


def search(request):
    """Return the titles of the live pages that are found."""
    found = Page.objects.live().search(request.GET["query"])
    return HttpResponse("|".join(page.title for page in found))


urlpatterns = [
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("search/", search),
    path("", include(wagtail_urls)),
]
