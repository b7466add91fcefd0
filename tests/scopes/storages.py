"""The storages that the tests of files wrap, and tenants that need no database.

S3 is moto's: a double of it that speaks its protocol over HTTP, in this process.
"""

import contextlib
from pathlib import Path

from django.core.files.base import ContentFile

from tenantry.scopes.storage import TenantStorage
from tenantry.types import TenantRef

MEMORY = "django.core.files.storage.InMemoryStorage"
S3 = "storages.backends.s3.S3Storage"
BUCKET = "tenants-of-tests"
CREDENTIALS = {
    "access_key": "tests",
    "secret_key": "tests",
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
def bucket_server():
    """Serve S3 with an empty bucket, for a block; give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        endpoint = f"http://{host}:{port}"
        client(endpoint).create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={
                "LocationConstraint": CREDENTIALS["region_name"]
            },
        )
        yield endpoint
    finally:
        server.stop()


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
