"""Pages that Django caches, in each of its ways."""

import itertools

from django.http import HttpResponse
from django.template import Context, Template
from django.urls import path
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_cookie

from tenantry import get_tenant
from tests.shop.models import Author

rendered = itertools.count(1)
FRAGMENT = Template(
    "{% load cache %}{% cache 60 authors page %}{{ tenant }} {{ number }}{% endcache %}"
)


def answer():
    names = ",".join(Author.objects.order_by("pk").values_list("name", flat=True))
    return HttpResponse(f"{get_tenant()} {names} {next(rendered)}")


@cache_page(60)
def page(request):
    """Is cached whole."""
    return answer()


@cache_page(60, key_prefix="theirs")
@vary_on_cookie
@cache_control(max_age=30)
def varying(request):
    """Is cached by cookie, for as long as its header says."""
    return answer()


def fragment(request):
    """Has a cached part."""
    facts = {"page": 1, "tenant": get_tenant(), "number": next(rendered)}
    return HttpResponse(FRAGMENT.render(Context(facts)))


def plain(request):
    """Is cached by the middleware of the site, where there is one."""
    return answer()


urlpatterns = [
    path("page/", page),
    path("varying/", varying),
    path("fragment/", fragment),
    path("plain/", plain),
]
