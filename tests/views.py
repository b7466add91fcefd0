"""Views that show whose data they see."""

import asyncio

from django import forms
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from tenantry import get_tenant
from tests.shop.models import Author, Book

EVERY_AUTHOR = Author.objects.all()


class BookForm(forms.Form):
    """Has a QuerySet at class level, as most projects do."""

    author = forms.ModelChoiceField(Author.objects.all())


def key():
    """Return the active tenant's key, or a dash."""
    return str(get_tenant() or "-")


def authors(request):
    """Show the tenant and its authors, by a QuerySet made at import."""
    names = ",".join(EVERY_AUTHOR.all().order_by("pk").values_list("name", flat=True))
    return HttpResponse(f"{request.tenant.key}|{key()}|{names}")


def form(request):
    """Show the form's choices."""
    return HttpResponse(BookForm()["author"])


def stream(request):
    """Send authors one by one, after the middleware has returned."""

    def rows():
        for author in Author.objects.order_by("pk").iterator(chunk_size=1):
            yield f"{key()}:{author.name};"

    return StreamingHttpResponse(rows())


async def astream(request):
    """Send authors one by one, asynchronously."""

    async def rows():
        async for author in Author.objects.order_by("pk"):
            await asyncio.sleep(0)
            yield f"{key()}:{author.name};"

    return StreamingHttpResponse(rows())


async def concurrently(request):
    """Ask for several things at once."""
    found = await asyncio.gather(
        *(Author.objects.order_by("pk").afirst() for _ in range(3))
    )
    return JsonResponse({"tenant": key(), "authors": [a.name for a in found]})


def go(request):
    """Redirect by name."""
    return redirect("authors")


def urls(request):
    """Show every sort of URL."""
    response = JsonResponse(
        {
            "reverse": reverse("urls"),
            "absolute": request.build_absolute_uri(),
            "path": request.path,
            "path_info": request.path_info,
        }
    )
    response.set_cookie("seen", "1")
    return response


def log_in(request):
    """Log the first user in."""
    user = User.objects.order_by("pk").first()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse(user.username)


def whoami(request):
    """Say who is logged in."""
    return HttpResponse(request.user.get_username() or "nobody")


def shared(request):
    """Show that no tenant is active."""
    return HttpResponse(f"shared|{request.tenant}|{key()}|{Book.__name__}")
