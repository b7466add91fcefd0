"""Files in requests: uploaded to the tenant of the host or prefix, and served there."""

import asyncio

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from tests.clients import AnyHost
from tests.routing.conftest import pair, routing  # noqa: F401  (fixtures)
from tests.scopes import storages as made

URLS = "tests.scopes.urls_media"
PATHS = "tenantry.routing.PathResolver"
pytestmark = pytest.mark.service(
    "File storage", "requests, by host and by path prefix", by="the request's tenant"
)


@pytest.fixture(autouse=True)
def media(settings, tmp_path, routing):  # noqa: F811  (a fixture)
    options = {"OPTIONS": {"location": str(tmp_path), "base_url": "/media/"}}
    settings.STORAGES = {
        "default": {
            "BACKEND": "tenantry.scopes.storage.TenantStorage",
            "OPTIONS": options,
        }
    }
    settings.ROOT_URLCONF = URLS
    routing(SHARED_URLCONF=URLS)
    return tmp_path


def send(path, host, text, *, client=None):
    file = SimpleUploadedFile("x.txt", text.encode())
    client = client or Client()
    return client.post(path, {"file": file}, headers={"host": host})


def fetch(url, host):
    response = Client().get(url, headers={"host": host})
    try:
        if response.streaming:
            return response.status_code, b"".join(response).decode()
        return response.status_code, None
    finally:
        response.close()


# Small files are in memory, larger ones are moved from a temporary file.
@pytest.mark.parametrize("size", [100, 0])
def test_each_host_has_its_own_file_at_one_path(pair, media, size):  # noqa: F811
    hosts = ["example.com", *(f"{tenant.key}.example.org" for tenant in pair)]
    with override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=size):
        for host in hosts:
            answer = send("/upload/", host, f"of {host}")
            assert answer.content == b"/media/x.txt"
    for host in hosts:
        assert fetch("/media/x.txt", host) == (200, f"of {host}")
        assert fetch("/media/y.txt", host) == (404, None)
    assert made.files_in(media) == [
        "shared/x.txt",
        *(f"tenants/{tenant.key}/x.txt" for tenant in pair),
    ]
    a, b = pair
    for path in (f"../{b.key}/x.txt", f"%2e%2e/{b.key}/x.txt", f"..%5c{b.key}%5cx.txt"):
        assert fetch(f"/media/{path}", f"{a.key}.example.org")[0] in (404, 400)


def test_each_path_prefix_has_its_own(pair, media, routing):  # noqa: F811
    routing(RESOLVERS=[PATHS])
    prefixes = ["", *(f"/{tenant.slug}" for tenant in pair)]
    for prefix in prefixes:
        answer = send(f"{prefix}/upload/", "example.com", f"of {prefix}")
        assert answer.content.decode() == f"{prefix}/media/x.txt"
    for prefix in prefixes:
        url = f"{prefix}/media/x.txt"
        assert fetch(url, "example.com") == (200, f"of {prefix}")


def test_many_at_once_in_an_event_loop(pair, media):  # noqa: F811
    hosts = [f"{tenant.key}.example.org" for tenant in pair] * 5

    async def all_at_once():
        return await asyncio.gather(
            *(
                send("/aupload/", host, f"{number} {host}", client=AnyHost())
                for number, host in enumerate(hosts)
            )
        )

    answers = asyncio.run(all_at_once())
    for number, (host, answer) in enumerate(zip(hosts, answers, strict=True)):
        url = answer.content.decode()
        assert fetch(url, host) == (200, f"{number} {host}")
    assert len(made.files_in(media)) == len(hosts)
