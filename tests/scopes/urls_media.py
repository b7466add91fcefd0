"""What tenants and the shared site serve where files are tried."""

from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.urls import path

from tenantry.scopes.storage import serve_media


def upload(request):
    """Save what is sent, and answer with its address."""
    file = request.FILES["file"]
    return HttpResponse(default_storage.url(default_storage.save(file.name, file)))


async def upload_async(request):
    """As `upload`, in an event loop."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(upload)(request)


urlpatterns = [
    path("upload/", upload),
    path("aupload/", upload_async),
    path("media/<path:path>", serve_media),
]
