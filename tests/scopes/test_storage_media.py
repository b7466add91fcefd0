"""Serving files: the tenant's own only, never run as its pages, by the web server."""

import subprocess
import time
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import Http404
from django.test import RequestFactory, override_settings

from tenantry import override_tenant
from tenantry.scopes.storage import TenantMediaView, serve_media
from tests import servers
from tests.scopes import sandwich
from tests.scopes.storages import AB, PLACES, A, put

WRAPPER = "tenantry.scopes.storage.TenantStorage"
pytestmark = pytest.mark.service(
    "Serving files",
    "`TenantMediaView`",
    by="the path is a name in the active tenant's folder",
)
ACCEL = TenantMediaView.as_view(sendfile="x-accel", internal="/protected/")
SENDFILE = TenantMediaView.as_view(sendfile="x-sendfile")
NAME = "ü b/%2e %ff?#.txt"


@pytest.fixture(autouse=True)
def storage(tmp_path):
    inner = {"location": str(tmp_path / "media"), "base_url": "/media/"}
    given = {"BACKEND": WRAPPER, "OPTIONS": {"OPTIONS": inner}}
    with override_settings(STORAGES={"default": given}):
        yield storages["default"]


def get(path, *, view=serve_media, method="get", **headers):
    request = getattr(RequestFactory(), method)("/media/x", headers=headers)
    return view(request, path=path)


def content(response):
    try:
        return b"".join(response).decode()
    finally:
        response.close()


def test_each_is_served_its_own(storage):
    def read():
        try:
            return content(get("x.txt"))
        except Http404:
            return None

    sandwich.check(lambda value: put(storage, "x.txt", value), read, A, AB)


@pytest.mark.parametrize(
    "path",
    [
        "../ab/secret",
        "..\\ab\\secret",
        "/tenants/ab/secret",
        "tenants/ab/secret",
        "x/../../ab/secret",
        "%2e%2e/ab/secret",
        "secret\0",
        "link",
        "nothing",
        "",
        "folder/",
    ],
)
@pytest.mark.parametrize("view", [serve_media, ACCEL, SENDFILE])
def test_a_path_that_leads_elsewhere_is_not_found(  # noqa: PLR0917
    storage, tmp_path, view, path
):
    for place in (A, AB):
        with override_tenant(place):
            put(storage, "folder/x", "")
    with override_tenant(AB):
        put(storage, "secret", "of ab")
    (tmp_path / "media/tenants/a/link").symlink_to("../ab/secret")
    with override_tenant(A):
        try:
            response = get(path, view=view)
        except Http404:
            return
    # The web server looks, within the tenant's folder, and does not find it.
    assert view is not serve_media
    assert path in ("tenants/ab/secret", "%2e%2e/ab/secret", "nothing")
    place = response.get("X-Accel-Redirect") or response["X-Sendfile"]
    assert place.endswith(f"tenants/a/{quote(path)}")


@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("x.png", "image/png", 'inline; filename="x.png"'),
        ("x.txt", "text/plain", 'inline; filename="x.txt"'),
        ("x.pdf", "application/pdf", 'inline; filename="x.pdf"'),
        ("x.mp4", "video/mp4", 'inline; filename="x.mp4"'),
        ("x.html", "text/html", 'attachment; filename="x.html"'),
        ("x.svg", "image/svg+xml", 'attachment; filename="x.svg"'),
        ("x.js", "text/javascript", 'attachment; filename="x.js"'),
        ("x.xhtml", "application/xhtml+xml", 'attachment; filename="x.xhtml"'),
        ("x.html.gz", "application/octet-stream", 'attachment; filename="x.html.gz"'),
        ("x", "application/octet-stream", 'attachment; filename="x"'),
        ("ü.png", "image/png", "inline; filename*=utf-8''%C3%BC.png"),
    ],
)
def test_what_was_uploaded_is_never_run_as_a_page(  # noqa: PLR0917
    storage, name, kind, disposition
):
    with override_tenant(A):
        put(storage, name, "<script>")
        for view in (serve_media, ACCEL, SENDFILE):
            response = get(name, view=view)
            response.close()
            assert response["Content-Type"] == kind
            assert response["Content-Disposition"] == disposition
            assert response["X-Content-Type-Options"] == "nosniff"
            assert response["Cache-Control"] == "private"


def test_what_may_be_shown_is_the_projects_choice(storage):
    view = TenantMediaView.as_view(inline=("image/",), cache_control="no-store")
    with override_tenant(A):
        put(storage, "x.svg", "")
        response = get("x.svg", view=view)
        response.close()
    assert response["Content-Disposition"].startswith("inline")
    assert response["Cache-Control"] == "no-store"


def test_a_visitor_may_be_refused(storage):
    class MembersOnly(TenantMediaView):
        def has_permission(self, request, path):
            return request.headers.get("member") == "yes" and path == "x.txt"

    view = MembersOnly.as_view()
    with override_tenant(A):
        put(storage, "x.txt", "own")
        with pytest.raises(Http404):
            get("x.txt", view=view)
        assert content(get("x.txt", view=view, member="yes")) == "own"


def test_a_file_that_the_visitor_has_is_not_sent_again(storage):
    with override_tenant(A):
        put(storage, "x.txt", "own")
        first = get("x.txt")
        first.close()
        assert first["Content-Length"] == "3"
        since = {"if-modified-since": first["Last-Modified"]}
        again = get("x.txt", **since)
        assert again.status_code == 304
        assert content(again) == ""
        head = get("x.txt", method="head")
        head.close()
        assert head.status_code == 200
    assert get("x.txt", method="post").status_code == 405


def test_nginx_is_told_the_full_name_as_a_url(storage):
    with override_tenant(A):
        response = get(NAME, view=ACCEL)
    expected = "/protected/tenants/a/%C3%BC%20b/%252e%20%25ff%3F%23.txt"
    assert response["X-Accel-Redirect"] == expected
    assert response.content == b""
    assert get("x", view=ACCEL)["X-Accel-Redirect"] == "/protected/shared/x"


def test_apache_is_told_the_path_in_bytes(storage, tmp_path):
    with override_tenant(A):
        response = get("ü b/x?#.txt", view=SENDFILE)
    told = response["X-Sendfile"].encode("latin-1").decode()
    assert told == f"{tmp_path}/media/tenants/a/ü b/x?#.txt"


@pytest.mark.parametrize("name", ["%2e%2e/ab/x", "100%", "x\ny", "x\ry"])
def test_apache_is_told_nothing_that_it_may_mistake(storage, name):
    """Some versions of its module decode the value, and others do not."""
    with override_tenant(A), pytest.raises(Http404):
        get(name, view=SENDFILE)


def test_another_way_of_sending_is_refused():
    with pytest.raises(ImproperlyConfigured, match="x-accel"):
        get("x", view=TenantMediaView.as_view(sendfile="accel"))


# --- a real nginx

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_processes 1; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5;
  server {{
    listen unix:{folder}/socket;
    location / {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $host; }}
    location /protected/ {{
      internal;
      alias {media}/;
      add_header X-Content-Type-Options nosniff;
    }}
  }}
}}
"""


@pytest.fixture
def nginx(tmp_path, live_application):
    program = servers.nginx()
    folder = tmp_path / "nginx"
    folder.mkdir()
    import getpass

    user = "user root;" if getpass.getuser() == "root" else ""
    (folder / "nginx.conf").write_text(
        NGINX.format(
            folder=folder, port=live_application, media=tmp_path / "media", user=user
        )
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not (folder / "socket").exists():
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        yield folder / "socket"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def live_application():
    """Serve the view; the tenant is the one that the host names."""
    import threading
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from django.core.handlers.wsgi import WSGIRequest

    places = {"a": A, "ab": AB, "shared": None}

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    def application(environ, start_response):
        with override_tenant(places[environ["HTTP_HOST"]]):
            request = WSGIRequest(environ)
            try:
                response = ACCEL(request, path=request.path_info.lstrip("/"))
            except Http404:
                start_response("404 Not Found", [])
                return [b""]
        start_response("200 OK", list(response.items()))
        return [response.content]

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(unix, host, path, **headers):
    """Ask nginx, with the path as it is; return status, headers and text."""
    import http.client
    import socket

    connection = http.client.HTTPConnection("nginx", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(unix))
    try:
        connection.request("GET", path, headers={"Host": host, **headers})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


@pytest.mark.nginx
@pytest.mark.service(
    "Serving files", "nginx (`X-Accel-Redirect`)", by="the full name, from the view"
)
def test_nginx_sends_each_its_own(storage, nginx):
    for place in PLACES:
        host = "shared" if place is None else place.key
        with override_tenant(place):
            put(storage, "x.html", f"of {host}")
            storage.wrapped.save(storage.full_name(NAME), ContentFile(host.encode()))
    for host in ("a", "ab", "shared"):
        status, headers, text = ask(nginx, host, "/x.html")
        assert (status, text) == (200, f"of {host}")
        assert headers["Content-Type"] == "text/html"
        assert headers["Content-Disposition"] == 'attachment; filename="x.html"'
        assert headers["Cache-Control"] == "private"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Accel-Redirect" not in headers
        assert ask(nginx, host, "/" + quote(NAME))[::2] == (200, host)
        # Ranges and conditional requests are nginx's own.
        assert ask(nginx, host, "/x.html", Range="bytes=3-")[::2] == (206, host)
        etag = {"If-None-Match": headers["ETag"]}
        assert ask(nginx, host, "/x.html", **etag)[0] == 304
    for path in (
        "/protected/tenants/ab/x.html",
        "/tenants/ab/x.html",
        "/../ab/x.html",
        "/%2e%2e/ab/x.html",
        "/..%2fab/x.html",
        "/%252e%252e/ab/x.html",
        "/y/..%5c..%5cab/x.html",
    ):
        status, _, text = ask(nginx, "a", path)
        assert status in (400, 404), path
        assert "of ab" not in text
