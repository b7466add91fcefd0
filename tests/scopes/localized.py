"""URLs of views that tell the time zone and the language in force."""

import asyncio

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone, translation


def told():
    """Return time zone and language, and a word in that language."""
    word = translation.gettext("Monday")
    zone = timezone.get_current_timezone_name()
    return f"{zone}|{translation.get_language()}|{word}"


def plain(_request):
    return HttpResponse(told())


async def asynchronous(_request):
    await asyncio.sleep(0)
    return HttpResponse(told())


def streamed(_request):
    return StreamingHttpResponse(told() + ";" for _ in range(2))


async def astreamed(_request):
    async def parts():
        for _ in range(2):
            await asyncio.sleep(0)
            yield told() + ";"

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("plain/", plain),
    path("async/", asynchronous),
    path("stream/", streamed),
    path("astream/", astreamed),
]
