"""A fresh process: what the first request imports must not stay the first tenant's."""

import pytest

from tests.lifecycle import acts
from tests.projects import SQLITE, Project


@pytest.fixture(
    scope="module",
    params=[SQLITE, pytest.param("schema", marks=pytest.mark.postgres)],
)
def project(request, tmp_path_factory):
    made = Project(request.param, tmp_path_factory.mktemp("fresh") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in ("acme", "globex"):
            made.call(acts.provision, key)
            made.call(acts.authors, key, add=f"Ann of {key}")
        yield made
    finally:
        made.close()


def first_then_second(kind, path, *, imports=True, seam=True):
    """Answer two requests, of two tenants, as the first of this process.

    Without *imports* the middleware leaves the URLconf to be imported by the first
    request; without the *seam* as well, the negative control, in its tenant.
    """
    import sys

    from django.urls import URLResolver

    from tenantry import middleware

    assert "tests.views" not in sys.modules
    if not imports:
        middleware.import_whole = lambda _: None
    if not seam:
        ours = vars(URLResolver)["urlconf_module"]
        ours.func = ours.func._tenantry_original
    fetch = by_asgi if kind == "asgi" else by_wsgi
    return [fetch(f"{key}.example.com", path) for key in ("acme", "globex")]


def by_wsgi(host, path, *, applications=[]):  # noqa: B006  (one for the process)
    """Ask the WSGI application."""
    from wsgiref.util import setup_testing_defaults

    from django.core.wsgi import get_wsgi_application

    if not applications:
        applications.append(get_wsgi_application())
    environ = {"HTTP_HOST": host, "PATH_INFO": path}
    setup_testing_defaults(environ)
    status = []
    response = applications[0](environ, lambda code, _headers: status.append(code))
    text = b"".join(response).decode()
    response.close()
    return [status[0][:3], text]


def by_asgi(host, path, *, applications=[]):  # noqa: B006  (one for the process)
    """Ask the ASGI application, in an event loop of its own."""
    import asyncio

    from django.core.asgi import get_asgi_application

    if not applications:
        applications.append(get_asgi_application())
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"host", host.encode())],
        "query_string": b"",
    }
    sent = []

    async def ask():
        asked = asyncio.Event()

        async def receive():
            if asked.is_set():
                await asyncio.Event().wait()  # the client stays until it is answered
            asked.set()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await applications[0](scope, receive, send)

    asyncio.run(ask())
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return [str(sent[0]["status"]), text]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_forms_choices_are_the_tenants_own(project, kind):
    first, second = project.call(first_then_second, kind, "/form/")
    assert first[0] == second[0] == "200"
    assert "Ann of acme" in first[1]
    assert "globex" not in first[1]
    assert "Ann of globex" in second[1]
    assert "acme" not in second[1]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_so_are_the_rows_of_a_queryset_of_the_module(project, kind):
    first, second = project.call(first_then_second, kind, "/")
    assert first == ["200", "acme|acme|Ann of acme"]
    assert second == ["200", "globex|globex|Ann of globex"]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_also_where_the_first_request_imports_it(project, kind):
    """A worker that reverses a name has made no middleware."""
    both = project.call(first_then_second, kind, "/", imports=False)
    assert both == [
        ["200", "acme|acme|Ann of acme"],
        ["200", "globex|globex|Ann of globex"],
    ]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_without_the_seam_they_would_be_the_first_tenants(project, kind):
    """The negative control: refused by the guard, as the QuerySet is the other's."""
    _, second = project.call(
        first_then_second, kind, "/form/", imports=False, seam=False
    )
    assert second[0] == "500"
    assert "Ann of acme" not in second[1]


def import_by_hand():
    """Return the tenant active while the middleware imports the URLconf."""
    import sys

    from django.core.wsgi import get_wsgi_application

    from tenantry import override_tenant

    assert "tests.views" not in sys.modules
    with override_tenant("acme"):
        get_wsgi_application()
    from tests.views import EVERY_AUTHOR, BookForm

    return [EVERY_AUTHOR._hints, BookForm.base_fields["author"].queryset._hints]


def test_the_import_has_no_tenant_even_if_one_is_active(project):
    assert project.call(import_by_hand) == [{}, {}]
