"""The files of one tenant: counted, removed with it or kept, and nothing of others."""

import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InvalidStorageError
from django.test import override_settings

from tenantry import override_tenant
from tenantry.scopes.storage import Usage, contents, usage
from tests.lifecycle import acts
from tests.projects import SQLITE, Project
from tests.scopes import storages as made
from tests.scopes.storages import AB, PLACES, A, put

WRAPPER = "tenantry.scopes.storage.TenantStorage"
pytestmark = pytest.mark.service(
    "File storage", "usage, removal", by="the tenant's folder, and no other"
)


@pytest.fixture(scope="module")
def moto():
    with made.moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def nanio(tmp_path_factory):
    with made.nanio(tmp_path_factory.mktemp("nanio")) as endpoint:
        yield endpoint


@pytest.fixture
def bucket(nanio):
    made.empty(nanio)
    return nanio


@pytest.fixture(params=["disk", "memory", "moto", "nanio", "nanio below a prefix"])
def alias(request, tmp_path):
    """The alias of a storage in STORAGES that has the same files for each tenant."""
    options = {"OPTIONS": {"location": str(tmp_path / "media")}}
    if request.param == "memory":
        options = {"BACKEND": made.MEMORY}
    elif request.param != "disk":
        endpoint = request.getfixturevalue(request.param.partition(" ")[0])
        made.empty(endpoint)
        inner = {"location": "media"} if "prefix" in request.param else {}
        given = {"endpoint_url": endpoint, "bucket_name": made.BUCKET}
        inner |= {**given, **made.CREDENTIALS}
        options = {"BACKEND": made.S3, "OPTIONS": inner}
    plain = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    with override_settings(
        STORAGES={"default": {"BACKEND": WRAPPER, "OPTIONS": options}, "other": plain}
    ):
        storage = contents.tenant_storages()["default"]
        for number, place in enumerate(PLACES, 1):
            with override_tenant(place):
                for name in ("x", "y/z", "y/ü/v"):
                    put(storage, name, "." * number)
        yield "default"


def test_usage_is_the_tenants_own(alias):
    assert usage(None) == Usage(files=3, bytes=3)
    assert usage(A) == Usage(files=3, bytes=6)
    assert usage(AB, alias=alias) == Usage(files=3, bytes=9)
    with override_tenant(AB):
        assert usage(A) == Usage(files=3, bytes=6)
    with pytest.raises(InvalidStorageError, match=f"those that do: {alias}"):
        usage(A, alias="staticfiles")


def test_removal_is_of_the_tenants_own(alias):
    told = []
    contents.remove_files(A.ref, watch=told.append)
    assert usage(A) == Usage(files=0, bytes=0)
    assert usage(AB) == Usage(files=3, bytes=9)
    assert usage(None) == Usage(files=3, bytes=3)
    assert told[-1] == 3
    assert not contents.has_files(A.ref)
    assert contents.has_files(AB.ref)
    contents.remove_files(A.ref)  # nothing is left: nothing happens


def test_removal_of_many_objects_goes_on_to_the_last(bucket):
    given = {"endpoint_url": bucket, "bucket_name": made.BUCKET, **made.CREDENTIALS}
    options = {"BACKEND": made.S3, "OPTIONS": given}
    stored = {"default": {"BACKEND": WRAPPER, "OPTIONS": options}}
    with override_settings(STORAGES=stored), pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "SOME", 2)
        with override_tenant(A):
            for number in range(5):
                put(contents.tenant_storages()["default"], f"{number}", "")
        told = []
        contents.remove_files(A.ref, watch=told.append)
        assert told == [2, 4, 5]
    assert made.keys(bucket) == []


def test_removal_that_a_bucket_refuses_is_an_error(bucket):
    class Refusing:
        def delete_objects(self, **_):
            return {"Errors": [{"Key": "x", "Code": "AccessDenied"}]}

    storage = made.in_bucket(bucket)
    storage.wrapped.__dict__["_bucket"] = Refusing()
    with pytest.raises(OSError, match="AccessDenied"):
        contents._delete_objects(storage, [{"Key": "x"}])


def test_removal_follows_no_links(tmp_path):
    storage = made.on_disk(tmp_path)
    for place in (A, AB):
        with override_tenant(place):
            put(storage, "x", "")
    mine = tmp_path / "tenants" / "a"
    (mine / "folder").symlink_to("../ab")
    (mine / "file").symlink_to("../ab/x")
    with override_tenant(A):
        assert sum(contents._removed(storage)) == 2  # the file, and a link to one
    assert made.files_in(tmp_path) == ["tenants/ab/x"]
    assert not mine.exists()


def test_removal_of_a_folder_that_is_a_link_removes_both(tmp_path):
    storage = made.on_disk(tmp_path / "media")
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "media" / "tenants").mkdir(parents=True)
    (tmp_path / "media" / "tenants" / "a").symlink_to(disk)
    with override_tenant(A):
        put(storage, "x/y", "")
        assert sum(contents._removed(storage)) == 1
    assert not disk.exists()
    assert not (tmp_path / "media" / "tenants" / "a").is_symlink()


# --- with the tenant's life


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files") / "p"
    inner = {"location": str(folder / "media")}
    stored = {"default": {"BACKEND": WRAPPER, "OPTIONS": {"OPTIONS": inner}}}
    project = Project(SQLITE, folder, STORAGES=stored)
    project.manage("migrate", "-v0").ok()
    project.call(save, None)
    project.call(provision, "other")
    yield project
    project.close()


@pytest.fixture
def present(project):
    """The files that are there: those of the shared site and of another remain."""

    def files():
        return made.files_in(project.folder / "media")

    before = files()
    assert before == ["shared/x.txt", "tenants/other/x.txt"]
    yield files
    assert files() == before


def save(key, name="x.txt"):
    from django.core.files.storage import default_storage

    with override_tenant(key):
        default_storage.save(name, ContentFile(b"12345"))


def provision(key):
    acts.provision(key)
    save(key)


def drop(key, **options):
    from tests.customers.models import Tenant

    Tenant.objects.get(key=key).drop(confirm=key, **options)


def die_in_drop(key, step, **options):
    with acts.at_step(step, False, acts.die):
        drop(key, **options)


def test_files_go_when_the_tenant_is_dropped(project, present):
    project.call(provision, "gone")
    assert "tenants/gone/x.txt" in present()
    project.call(drop, "gone")


def test_files_are_kept_on_request(project, present):
    for number, act in enumerate(
        [
            lambda key: project.call(drop, key, keep_files=True),
            lambda key: project.manage(
                "tenants", "drop", key, "--keep-files", "--no-input"
            ).ok(),
        ]
    ):
        key = f"kept{number}"
        project.call(provision, key)
        act(key)
        assert f"tenants/{key}/x.txt" in present()
        assert project.call(acts.look, key)["key"] == "dropped"
        (project.folder / "media" / "tenants" / key / "x.txt").unlink()


@pytest.mark.parametrize("step", ["removed", "files", "gone"])
def test_files_of_a_drop_that_was_killed_go_when_it_is_finished(project, present, step):
    key = f"killed-{step}"
    project.call(provision, key)
    assert project.attempt(die_in_drop, key, step).killed
    if step != "gone":
        assert f"tenants/{key}/x.txt" in present()
    project.manage("tenants", "create", "--resume", key).ok()
    assert project.call(acts.look, key)["key"] == "dropped"


@pytest.mark.parametrize("end", ["resume", "drop"])
def test_files_are_kept_though_the_drop_was_killed(project, present, end):
    key = f"kept-{end}"
    project.call(provision, key)
    assert project.attempt(die_in_drop, key, "gone", keep_files=True).killed
    if end == "resume":
        project.manage("tenants", "create", "--resume", key).ok()
    else:
        project.call(drop, key)
    assert project.call(acts.look, key)["key"] == "dropped"
    assert f"tenants/{key}/x.txt" in present()
    (project.folder / "media" / "tenants" / key / "x.txt").unlink()


def provision_in_vain(key):
    """Provision while a receiver saves a file, and another fails; return the error."""
    from tenantry.signals import tenant_provisioned

    def receiver(**_):
        from django.core.files.storage import default_storage

        default_storage.save("seed.txt", ContentFile(b"seed"))
        raise ZeroDivisionError

    tenant_provisioned.connect(receiver)
    try:
        return acts.error_of(lambda: acts.provision(key))[0]
    finally:
        tenant_provisioned.disconnect(receiver)


def test_files_of_a_provisioning_that_failed_go(project, present):
    assert project.call(provision_in_vain, "vain") == "ZeroDivisionError"
    assert project.call(acts.look, "vain")["key"] is None
    present()


def test_a_tenant_does_not_begin_with_files_of_somebody(project, present):
    project.call(save_for_nobody, "found")
    name, said = project.call(acts.error_of_provision, "found")
    assert name == "LocationTaken"
    assert "there are files already" in said
    assert "tenants/found/x.txt" in present()
    (project.folder / "media" / "tenants" / "found" / "x.txt").unlink()
    project.call(provision, "found")
    project.call(drop, "found")


def save_for_nobody(key):
    from tenantry.types import TenantRef

    save(TenantRef(key=key, location=key))


def test_show_tells_how_many_files_there_are(project):
    said = project.manage("tenants", "show", "other", "--files").ok().out
    assert "files default: 1\n" in said
    assert "bytes default: 5\n" in said
    told = project.manage("tenants", "show", "other", "--files", "--format", "json")
    facts = json.loads(told.ok().out)
    assert (facts["files default"], facts["bytes default"]) == (1, 5)
    assert "files default" not in project.manage("tenants", "show", "other").ok().out


def test_explain_tells_where_the_files_are(project):
    said = project.manage("tenants", "explain", "http://other.example.com/").ok().out
    assert "files default: tenants/other\n" in said
