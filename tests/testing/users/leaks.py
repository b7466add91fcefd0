"""Views and managers of a user's project that leak, each in its own way."""

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

from tests.shop.models import Author

_cache = {}


def cached(request):
    """Keep the first tenant's page for everybody: the classic mistake."""
    if "page" not in _cache:
        _cache["page"] = ", ".join(Author.objects.values_list("name", flat=True))
    return HttpResponse(_cache["page"])


def one(request, pk):
    """Show one author, kept by primary key alone."""
    if pk not in _cache:
        _cache[pk] = Author.objects.get(pk=pk)
    response = HttpResponse("an author")
    response["X-Author"] = _cache[pk].name
    return response


def fine(request):
    return HttpResponse(", ".join(Author.objects.values_list("name", flat=True)))


urlpatterns = [
    path("fine/", fine),
    path("inner/", include([path("one/<int:pk>/", one)])),
    path("cached/", cached),
    path("admin/", admin.site.urls),
]
