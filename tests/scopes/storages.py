"""The storages that the tests of files wrap, and tenants that need no database.

S3 is there twice: moto is a double of Amazon's, in this process; nanio is a server of
another's making, in a process of its own, which stores files and verifies signatures.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.core.files.base import ContentFile

from tenantry.scopes.storage import TenantStorage
from tenantry.types import TenantRef

MEMORY = "django.core.files.storage.InMemoryStorage"
S3 = "storages.backends.s3.S3Storage"
BUCKET = "tenants-of-tests"
CREDENTIALS = {
    "access_key": "key-of-the-tests",
    "secret_key": "secret-of-the-tests",
    "region_name": "eu-central-1",
}


class Row:
    """What stands for a tenant: a value in place of a row."""

    def __init__(self, key):
        self.key = key
        self.ref = TenantRef(key=key, location=key)


# One key is the beginning of the other.
A, AB = Row("a"), Row("ab")
PLACES = [None, A, AB]


def on_disk(folder, **options):
    """Return a storage around a folder."""
    inner = {"location": str(folder), "base_url": "/media/"}
    return TenantStorage(OPTIONS=inner, **options)


def in_memory(**options):
    """Return a storage around one in memory."""
    inner = {"base_url": "/media/"}
    return TenantStorage(BACKEND=MEMORY, OPTIONS=inner, **options)


def in_bucket(endpoint, *, inner=None, **options):
    """Return a storage around a bucket of S3."""
    given = {
        "endpoint_url": endpoint,
        "bucket_name": BUCKET,
        **CREDENTIALS,
        **(inner or {}),
    }
    return TenantStorage(BACKEND=S3, OPTIONS=given, **options)


@contextlib.contextmanager
def moto():
    """Serve S3 with an empty bucket, for a block; give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield with_bucket(f"http://{host}:{port}")
    finally:
        server.stop()


@contextlib.contextmanager
def nanio(folder):
    """Serve S3 with an empty bucket, for a block; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"data-dir": folder, "port": port, "log-level": "error"}
    options |= {"host": "127.0.0.1", "region": CREDENTIALS["region_name"]}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "nanio", "serve", "--no-access-log", *arguments],
        env={
            **os.environ,
            "NANIO_ACCESS_KEY": CREDENTIALS["access_key"],
            "NANIO_SECRET_KEY": CREDENTIALS["secret_key"],
            "PYTHONWARNINGS": "ignore",
        },
    )
    try:
        end = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None, "nanio has ended"
            assert time.monotonic() < end
            time.sleep(0.05)
        yield with_bucket(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def with_bucket(endpoint):
    """Make the bucket; return the address."""
    place = {"LocationConstraint": CREDENTIALS["region_name"]}
    s3 = client(endpoint)
    # Moto keeps it, and what is in it, for as long as the process lives.
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    return endpoint


def client(endpoint):
    """Return boto3's own client, which knows no tenants."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=CREDENTIALS["access_key"],
        aws_secret_access_key=CREDENTIALS["secret_key"],
        region_name=CREDENTIALS["region_name"],
    )


def keys(endpoint):
    """Return the keys of all objects in the bucket."""
    found = client(endpoint).list_objects_v2(Bucket=BUCKET)
    return sorted(each["Key"] for each in found.get("Contents", []))


def empty(endpoint):
    """Remove all objects."""
    for key in keys(endpoint):
        client(endpoint).delete_object(Bucket=BUCKET, Key=key)


def files_in(folder):
    """Return the paths of all files in a folder of this machine."""
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in paths)


def put(storage, name, text):
    """Save a text under exactly that name, in place of what was there."""
    storage.delete(name)
    assert storage.save(name, ContentFile(text.encode())) == name


def text_of(storage, name):
    """Return the text of a file; None where there is none."""
    if not storage.exists(name):
        return None
    with storage.open(name) as file:
        return file.read().decode()
