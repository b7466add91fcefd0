"""Pages of tenants that whoever acts as another opens."""

from asgiref.sync import sync_to_async
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path

from tenantry import bind_tenant
from tenantry.scopes.handover import hand_over
from tenantry.users.impersonation import not_impersonated
from tests.geo.models import Country
from tests.shop.models import Book, Note, Tag
from tests.world import in_threads

PAGE = "<html><body>hello{}</body></html>"


def page(request):
    """Show what the test put into the query."""
    return HttpResponse(PAGE.format(request.GET.get("with", "")))


async def apage(_request):
    """Write in the thread of an event loop."""
    await sync_to_async(Tag.objects.update)(name="changed")
    return HttpResponse(PAGE.format(" async"))


def raw(_request):
    """Answer with something that is no page."""
    return JsonResponse({"text": "</body>"})


def stream(_request):
    """Write while the answer is sent."""

    def parts():
        yield "<html><body>"
        Tag.objects.update(name="streamed")
        yield "</body></html>"

    return StreamingHttpResponse(parts())


def write(request):
    """Write in the way that the test asks for."""
    WAYS[request.GET["way"]]()
    return HttpResponse(PAGE.format(" written"))


def by_sql():
    """Write by a statement of one's own."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_tag SET name = %s WHERE id > %s", ["secret", 0])


def many():
    """Write by one statement for several rows of values."""
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE shop_tag SET name = %s", [["secret"], ["other"]])


def fail():
    """Do nothing."""
    raise ZeroDivisionError


def undone():
    """Change something, and take it back."""
    with transaction.atomic():
        Tag(pk=9, name="lost").save(force_insert=True)
        raise ZeroDivisionError


def then_undone():
    """Change something that stays; what follows is taken back."""
    Tag(pk=9, name="kept").save(force_insert=True)
    undone()


WAYS = {
    "save": lambda: Tag(pk=9, name="new").save(force_insert=True),
    "change": lambda: Tag.objects.first().save(),
    "delete": lambda: Tag.objects.first().delete(),
    "update": lambda: Tag.objects.update(name="other"),
    "bulk": lambda: Tag.objects.bulk_create([Tag(name="one"), Tag(name="two")]),
    "join": lambda: Book.objects.get().tags.add(Tag.objects.get()),
    "part": lambda: (WAYS["join"](), Book.objects.get().tags.clear()),
    "sql": by_sql,
    "many": many,
    "fail": fail,
    "undone": undone,
    "then_undone": then_undone,
    "shared": lambda: Country.objects.create(name="Utopia"),
    "thread": lambda: in_threads(bind_tenant(by_sql)),
    "read": lambda: list(Note.objects.all()),
}


def secret(_request):
    """Show what is closed by its name in the tests' settings."""
    return HttpResponse(PAGE.format(" secret"))


def email(request):
    """Change the user's own e-mail address."""
    request.user.email = "mine@example.com"
    request.user.save()
    return HttpResponse("changed")


def switch(request):
    """Log in as another user of the tenant."""
    boss = User.objects.get(username="boss")
    login(request, boss, "django.contrib.auth.backends.ModelBackend")
    return HttpResponse(PAGE.format(" boss"))


def enter(request):
    """Go on to another tenant, as a menu of one's tenants would."""
    return redirect(hand_over(request, request.GET["key"]))


urlpatterns = [
    path("enter/", enter, name="enter"),
    path("switch/", switch, name="switch"),
    path("page/", page, name="page"),
    path("apage/", apage, name="apage"),
    path("raw/", raw, name="raw"),
    path("stream/", stream, name="stream_page"),
    path("write/", write, name="write"),
    path("secret/", secret, name="account_secret"),
    path("closed/", not_impersonated(secret), name="closed"),
    path("email/", email, name="email"),
]
