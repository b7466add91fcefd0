"""Sitemaps, feeds, robots, flat pages, password resets: an ordinary project's."""

from django.contrib.auth import views as auth
from django.contrib.flatpages import views as flatpages
from django.contrib.sitemaps import GenericSitemap, Sitemap
from django.contrib.sitemaps import views as sitemaps
from django.contrib.sites.shortcuts import get_current_site
from django.contrib.syndication.views import Feed
from django.http import HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from tests.shop.models import Author, Chapter


class Authors(Sitemap):
    """One page for each author."""

    def items(self):
        return Author.objects.order_by("pk")

    def location(self, item):
        return reverse("author", args=[item.pk])


class InLanguages(Authors):
    """The same, in two languages."""

    i18n = True
    alternates = True
    languages = ["de", "fr"]


class Chapters(GenericSitemap):
    """An object made at import, by a QuerySet made at import."""

    def location(self, item):
        return f"/chapters/{item.pk}/"


class Latest(Feed):
    """The authors, as a feed."""

    title = "Latest"
    link = "/"
    description = "Authors"

    def items(self):
        return Author.objects.order_by("pk")

    def item_link(self, item):
        return reverse("author", args=[item.pk])


@require_safe
def robots(request):
    """Say where the sitemap of this tenant is."""
    where = request.build_absolute_uri(reverse("sitemap"))
    return HttpResponse(f"Sitemap: {where}\n", content_type="text/plain")


def author(request, pk):
    """Show an author."""
    return HttpResponse(Author.objects.get(pk=pk).name)


def site(request):
    """Show which site this is."""
    found = get_current_site(request)
    return HttpResponse(f"{found.domain}|{found.name}")


MAPS = {
    "authors": Authors,
    "languages": InLanguages,
    "chapters": Chapters({"queryset": Chapter.objects.all(), "date_field": "written"}),
}
SITEMAP = "django.contrib.sitemaps.views.sitemap"
urlpatterns = [
    path("site/", site),
    path("author/<int:pk>/", author, name="author"),
    path("sitemap.xml", sitemaps.index, {"sitemaps": MAPS}, name="sitemap"),
    path("sitemap-<section>.xml", sitemaps.sitemap, {"sitemaps": MAPS}, name=SITEMAP),
    path("feed/", Latest()),
    path("robots.txt", robots),
    path("reset/", auth.PasswordResetView.as_view(success_url="/done/")),
    path("r/<uidb64>/<token>/", robots, name="password_reset_confirm"),
    path("page<path:url>", flatpages.flatpage),
]
