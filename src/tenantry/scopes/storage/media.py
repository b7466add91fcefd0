"""Serves a tenant's files: by itself, or by handing over to the web server.

The path in the URL is a name in the active tenant's folder, so no request can ask for
another's. What a customer uploaded is never run as a page of the tenant's site: only
types that do nothing are shown, the rest is downloaded.
"""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseNotModified
from django.utils.http import content_disposition_header, http_date
from django.views.generic import View
from django.views.static import was_modified_since

if TYPE_CHECKING:
    from django.core.files.storage import Storage
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

ACCEL, SENDFILE = "x-accel", "x-sendfile"
INLINE = (
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/vnd.microsoft.icon",
    "application/pdf",
    "text/plain",
    "audio/",
    "video/",
)


class TenantMediaView(View):
    """Serve the active tenant's file of the `path` in the URL; 404 where it has none.

    `path("media/<path:path>", TenantMediaView.as_view())` reads the file itself. With
    `sendfile="x-accel"` (nginx) or `"x-sendfile"` (Apache) the web server does, and
    answers ranges and conditional requests.
    """

    http_method_names = ["get", "head", "options"]
    storage = "default"
    sendfile: str | None = None
    internal = "/protected/"
    """The `internal` location of nginx, whose root is that of the storage."""
    inline: tuple[str, ...] = INLINE
    """Types that a browser may show; those that end in `/` stand for all below."""
    cache_control = "private"

    def has_permission(self, request: HttpRequest, path: str) -> bool:  # noqa: ARG002
        """Whether the visitor may have the file; override it to ask for a login."""
        return True

    def get(self, request: HttpRequest, path: str) -> HttpResponseBase:
        """Answer with the file, or with where the web server finds it."""
        storage = storages[self.storage]
        if not path or path.endswith("/") or not self.has_permission(request, path):
            raise Http404
        try:
            response = self._response(request, storage, path)
        except (FileNotFoundError, IsADirectoryError, SuspiciousFileOperation) as error:
            raise Http404 from error
        kind, shown = self._kind(path)
        if response.status_code == HttpResponse.status_code:
            response["Content-Type"] = kind
        name = path.rpartition("/")[2]
        disposition = content_disposition_header(not shown, name)
        if disposition:
            response["Content-Disposition"] = disposition
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = self.cache_control
        return response

    def _response(
        self, request: HttpRequest, storage: Storage, path: str
    ) -> HttpResponseBase:
        if self.sendfile is None:
            return _read(request, storage, path)
        if self.sendfile == ACCEL:
            full: Any = getattr(storage, "full_name", str)(path)
            place = quote(f"{self.internal.rstrip('/')}/{full}")
            return HttpResponse(headers={"X-Accel-Redirect": place})
        if self.sendfile == SENDFILE:
            return HttpResponse(headers={"X-Sendfile": _as_header(storage.path(path))})
        msg = f"sendfile is {self.sendfile!r}; known: {ACCEL!r}, {SENDFILE!r}."
        raise ImproperlyConfigured(msg)

    def _kind(self, path: str) -> tuple[str, bool]:
        """Return the content type by the name, and whether it may be shown."""
        kind, encoding = mimetypes.guess_type(path)
        if kind is None or encoding is not None:
            return "application/octet-stream", False
        shown = any(
            kind == each or (each.endswith("/") and kind.startswith(each))
            for each in self.inline
        )
        return kind, shown


def _as_header(path: str) -> str:
    """Return a path as Apache takes it; raise `FileNotFoundError` if it may mistake it.

    mod_xsendfile decodes what is percent-encoded from its version 1.0 on, and before
    does not: so it gets the path's bytes, none of them a percent sign.
    """
    if "%" in path or not path.isprintable():
        raise FileNotFoundError(path)
    return path.encode().decode("latin-1")


def _read(request: HttpRequest, storage: Storage, path: str) -> HttpResponseBase:
    """Answer with the file's content, or with 304 where the visitor has it."""
    file = storage.open(path)
    try:
        modified = storage.get_modified_time(path).timestamp()
    except NotImplementedError:
        return FileResponse(file)
    if not was_modified_since(request.headers.get("if-modified-since"), int(modified)):
        file.close()
        return HttpResponseNotModified()
    return FileResponse(file, headers={"Last-Modified": http_date(modified)})


serve_media = TenantMediaView.as_view()
