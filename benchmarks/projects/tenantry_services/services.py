"""The URLs of the ordinary shop, and one page that uses each service of Django once."""

import logging

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.http import JsonResponse
from django.urls import path
from shop.models import Product
from shop.urls import urlpatterns as ordinary

logger = logging.getLogger("shop")


def services(_request):
    name = Product.objects.get(pk=1).name
    cache.set("name", name)
    logger.info("asked for %s", name)
    answer = {
        "names": [cache.get("name")],
        "from": settings.DEFAULT_FROM_EMAIL,
        "photo": default_storage.url("photos/1.png"),
        "token": signing.loads(signing.dumps(1)),
    }
    return JsonResponse(answer)


urlpatterns = [*ordinary, path("services/", services)]
