"""Files: each tenant has its own, in every storage, and no name leads to another's."""

import copy
import itertools
import pickle
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.db.models.fields.files import FieldFile
from django.http import FileResponse
from django.test import override_settings
from django.test.utils import isolate_apps
from django.urls import set_script_prefix

from tenantry import override_tenant, seams
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tenantry.scopes.storage import TenantStorage
from tenantry.scopes.storage import wrapper as module
from tests.geo.models import Country
from tests.scopes import sandwich
from tests.scopes import storages as made
from tests.scopes.storages import AB, PLACES, A, put, text_of
from tests.world import replaced, without_seam

PREFIX = "a folder per tenant, put in front of each name when it is used"
BACKENDS = [
    pytest.param(
        name, marks=pytest.mark.service("File storage", variant, by=PREFIX), id=name
    )
    for name, variant in [
        ("disk", "`FileSystemStorage`"),
        ("memory", "`InMemoryStorage`"),
        ("moto", "`S3Storage` of django-storages (moto, a double of S3)"),
        ("nanio", "`S3Storage` of django-storages (nanio, a server of S3's protocol)"),
    ]
]


@pytest.fixture(scope="module")
def moto():
    with made.moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def nanio(tmp_path_factory):
    with made.nanio(tmp_path_factory.mktemp("nanio")) as endpoint:
        yield endpoint


@pytest.fixture
def bucket(moto):
    made.empty(moto)
    return moto


def storage_of(name, request, **options):
    if name == "disk":
        return made.on_disk(request.getfixturevalue("tmp_path"), **options)
    if name == "memory":
        return made.in_memory(**options)
    endpoint = request.getfixturevalue(name)
    made.empty(endpoint)
    return made.in_bucket(endpoint, **options)


@pytest.fixture(params=BACKENDS)
def storage(request):
    return storage_of(request.param, request)


@pytest.fixture
def disk(tmp_path):
    return made.on_disk(tmp_path)


# --- the sandwich


def test_each_has_its_own_file_of_the_same_name(storage):
    sandwich.check(
        lambda value: put(storage, "a/photo.txt", value),
        lambda: text_of(storage, "a/photo.txt"),
        A,
        AB,
    )


@pytest.mark.parametrize("name", ["disk", "memory"])
def test_each_lists_its_own(name, request):
    """`a` is the beginning of `ab`, and a folder of the same name is in each."""

    storage = storage_of(name, request)

    def write(value):
        for file in storage.listdir("")[1]:
            storage.delete(file)
        put(storage, value, value)
        put(storage, f"a/{value}.txt", "")

    def read():
        folders, files = storage.listdir("")
        assert folders == ["a"]
        (found,) = files
        assert f"{found}.txt" in storage.listdir("a")[1]
        return found

    sandwich.check(write, read, A, AB)


@pytest.mark.parametrize("name", BACKENDS)
def test_control_the_storage_within_alone_leaks(name, request):
    inner = storage_of(name, request).wrapped
    with pytest.raises(sandwich.Leaked):
        sandwich.check(
            lambda value: put(inner, "photo.txt", value),
            lambda: text_of(inner, "photo.txt"),
            A,
            AB,
        )


def test_control_without_the_folder_it_leaks(storage):
    def nobody(*_):
        return "tenants/a"

    with replaced(TenantStorage, "folder", nobody), pytest.raises(sandwich.Leaked):
        sandwich.check(
            lambda value: put(storage, "photo.txt", value),
            lambda: text_of(storage, "photo.txt"),
            A,
            AB,
        )


def test_the_places_are_those_that_are_documented(tmp_path, bucket):
    for storage in (made.on_disk(tmp_path), made.in_bucket(bucket)):
        for place in PLACES:
            with override_tenant(place):
                put(storage, "x/y.txt", "")
    expected = ["shared/x/y.txt", "tenants/a/x/y.txt", "tenants/ab/x/y.txt"]
    assert made.files_in(tmp_path) == expected
    assert made.keys(bucket) == expected


# --- Django's interface


def test_the_whole_interface_works_within_a_tenant(storage):
    with override_tenant(A):
        assert storage.listdir("") == ([], [])
        assert not storage.exists("new.txt")
        assert storage.is_name_available("new.txt")
        assert storage.save("new.txt", ContentFile(b"12345")) == "new.txt"
        assert storage.exists("new.txt")
        assert storage.size("new.txt") == 5
        assert storage.get_modified_time("new.txt")
        assert storage.get_valid_name("a b.txt") == "a_b.txt"
        assert storage.get_alternative_name("a", ".txt").startswith("a_")
        assert storage.generate_filename("x/a b.txt") == "x/a_b.txt"
        with storage.open("new.txt") as file:
            assert file.read() == b"12345"
        with storage.open("other.txt", "wb") as file:
            file.write(b"6")
        assert text_of(storage, "other.txt") == "6"
        assert storage.save(None, ContentFile(b"", name="named.txt")) == "named.txt"
    with override_tenant(AB):
        assert not storage.exists("new.txt")
        storage.delete("new.txt")
        with pytest.raises(FileNotFoundError):
            storage.open("new.txt")
    with override_tenant(A):
        storage.delete("new.txt")
        assert not storage.exists("new.txt")


@pytest.mark.parametrize("which", ["get_accessed_time", "get_created_time"])
def test_times_are_the_tenants(disk, which):
    with override_tenant(A):
        put(disk, "x", "")
        assert getattr(disk, which)("x")
    with override_tenant(AB), pytest.raises(FileNotFoundError):
        getattr(disk, which)("x")


def test_a_taken_name_is_changed_for_its_own_tenant_only(disk):
    with override_tenant(A):
        disk.save("x.txt", ContentFile(b"1"))
        again = disk.save("x.txt", ContentFile(b"2"))
        assert again != "x.txt"
        assert again.startswith("x_")
        assert disk.get_available_name("x.txt") != "x.txt"
        assert not disk.is_name_available("x.txt")
    with override_tenant(AB):
        assert disk.get_available_name("x.txt") == "x.txt"
        assert disk.is_name_available("x.txt")


@pytest.mark.parametrize("name", ["disk", "moto"])
def test_overwriting_overwrites_the_tenants_own(name, tmp_path, bucket):
    if name == "disk":
        inner = {"location": str(tmp_path), "allow_overwrite": True}
        storage = TenantStorage(OPTIONS=inner)
    else:
        storage = made.in_bucket(bucket, inner={"file_overwrite": True})
    for place in PLACES:
        with override_tenant(place):
            for text in (b"1", str(place).encode()):
                assert storage.save("x.txt", ContentFile(text)) == "x.txt"
    for place in PLACES:
        with override_tenant(place):
            assert text_of(storage, "x.txt") == str(place)


@pytest.mark.parametrize("longest", [20, 25])
def test_the_folder_takes_nothing_of_a_fields_length(disk, longest):
    with override_tenant(A):
        name = disk.save("n" * 16 + ".txt", ContentFile(b""), max_length=longest)
        assert name == "n" * 16 + ".txt"
        long = disk.save("n" * 60 + ".txt", ContentFile(b""), max_length=longest)
        assert len(long) == longest
        assert long.endswith(".txt")
        assert not disk.is_name_available("n" * 30, max_length=longest)
        assert disk.is_name_available("n" * longest, max_length=longest)
        assert len(disk.get_available_name("m" * 60, max_length=longest)) == longest


def test_an_opened_file_has_the_name_that_the_tenant_knows(storage):
    with override_tenant(A):
        put(storage, "x/y.txt", "text")
        with storage.open("x/y.txt") as file:
            assert "tenants/" not in file.name or Path(file.name).is_absolute()


def test_a_storage_that_answers_with_a_name_elsewhere_is_refused(disk):
    def elsewhere(*_args, **_kwargs):
        return "tenants/ab/x.txt"

    with (
        override_tenant(A),
        replaced(disk.wrapped, "save", elsewhere),
        pytest.raises(SuspiciousFileOperation, match="which is not in"),
    ):
        disk.save("x.txt", ContentFile(b""))


# --- names that lead elsewhere

OUT = [
    "../ab/secret",
    "../../shared/secret",
    "x/../../ab/secret",
    "x/y/../../../ab/secret",
    "..",
    "x/..",
    "/etc/passwd",
    "/tenants/ab/secret",
    "//ab/secret",
    "..\\ab\\secret",
    "x\\..\\..\\ab\\secret",
    "\\ab\\secret",
    "x/..\\../ab/secret",
    "secret\0.txt",
    "../a",  # itself, by a way round
    Path("../ab/secret"),
]
ACTS = {
    "open": lambda storage, name: storage.open(name),
    "open to write": lambda storage, name: storage.open(name, "wb"),
    "save": lambda storage, name: storage.save(name, ContentFile(b"mine")),
    "delete": lambda storage, name: storage.delete(name),
    "exists": lambda storage, name: storage.exists(name),
    "listdir": lambda storage, name: storage.listdir(name),
    "size": lambda storage, name: storage.size(name),
    "url": lambda storage, name: storage.url(name),
    "path": lambda storage, name: storage.path(name),
    "get_accessed_time": lambda storage, name: storage.get_accessed_time(name),
    "get_created_time": lambda storage, name: storage.get_created_time(name),
    "get_modified_time": lambda storage, name: storage.get_modified_time(name),
    "get_available_name": lambda storage, name: storage.get_available_name(name),
    "is_name_available": lambda storage, name: storage.is_name_available(name),
    "generate_filename": lambda storage, name: storage.generate_filename(name),
    "full_name": lambda storage, name: storage.full_name(name),
}


@pytest.fixture
def secret(storage):
    for place in (None, AB):
        with override_tenant(place):
            put(storage, "secret", "of another")
    return storage


def test_a_name_that_leads_out_is_refused_by_every_method(secret):
    for act, name in itertools.product(ACTS, OUT):
        with override_tenant(A):
            try:
                ACTS[act](secret, name)
            except SuspiciousFileOperation:
                continue
        pytest.fail(f"{act} took {name!r}")
    for place in (None, AB):
        with override_tenant(place):
            assert secret.listdir("")[1] == ["secret"]
            assert text_of(secret, "secret") == "of another"


ENCODED = ["%2e%2e/ab/secret", "..%2fab%2fsecret", "%2e%2e%2fab%2fsecret", "..;/secret"]


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("storage", BACKENDS[:3], indirect=True)  # nanio: says 403
def test_an_encoded_name_is_a_name_like_any_other(secret, name):
    with override_tenant(A):
        assert not secret.exists(name)
        secret.wrapped.save(secret.full_name(name), ContentFile(b"mine"))
        assert text_of(secret, name) == "mine"
        assert "/../" not in secret.url(name)
        assert "%2e%2e/" not in secret.url(name).lower()
    with override_tenant(AB):
        assert text_of(secret, "secret") == "of another"


@pytest.mark.parametrize("name", ["", ".", "./", "x/.."])
def test_the_folder_itself_is_no_file(storage, name):
    """Else a file `tenants/a` would stand where tenant a's folder must be."""
    with override_tenant(A):
        for act in ("save", "open to write", "get_available_name", "is_name_available"):
            with pytest.raises(SuspiciousFileOperation):
                ACTS[act](storage, name)
        with pytest.raises((ValueError, SuspiciousFileOperation)):
            storage.delete(name)


@pytest.mark.parametrize("act", sorted(ACTS.keys() - {"generate_filename", "url"}))
def test_a_link_that_leads_out_is_refused(disk, tmp_path, act):
    for place in (A, AB):
        with override_tenant(place):
            put(disk, "own/file", "")
            put(disk, "secret", f"of {place.key}")
    mine = tmp_path / "tenants" / "a"
    (mine / "link").symlink_to("../ab/secret")
    (mine / "folder").symlink_to("../ab")
    (mine / "new").symlink_to("../ab/new")
    (mine / "within").symlink_to("own")
    for name in ("link", "folder/secret", "folder/new", "new"):
        with override_tenant(A), pytest.raises(SuspiciousFileOperation):
            ACTS[act](disk, name)
    with override_tenant(A):
        assert text_of(disk, "within/file") == ""
    with override_tenant(AB):
        assert text_of(disk, "secret") == "of ab"


def test_a_tenants_folder_may_be_a_link_itself(disk, tmp_path):
    (tmp_path / "tenants").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tenants" / "a").symlink_to("../elsewhere")
    with override_tenant(A):
        put(disk, "x", "mine")
        assert text_of(disk, "x") == "mine"
    assert (tmp_path / "elsewhere" / "x").read_text() == "mine"


# --- folders


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"FOLDER": "tenants"}, "FOLDER"),
        ({"FOLDER": "{key}/{key}"}, "FOLDER"),
        ({"FOLDER": "{name}/{key}"}, "FOLDER"),
        ({"FOLDER": "/tenants/{key}"}, "FOLDER"),
        ({"FOLDER": "../{key}"}, "FOLDER"),
        ({"FOLDER": "x/../{key}"}, "FOLDER"),
        ({"FOLDER": "{key}/"}, "FOLDER"),
        ({"SHARED": "/shared"}, "SHARED"),
        ({"SHARED": ""}, "SHARED"),
        ({"SHARED": "tenants"}, "may be within"),
        ({"SHARED": "tenants/shared"}, "may be within"),
        ({"SHARED": "tenants/shared/x"}, "may be within"),
        ({"FOLDER": "{key}"}, "may be within"),
        ({"FOLDER": "{key}/files"}, None),
        ({"FOLDER": "{key}/files", "SHARED": "x/files/y"}, "may be within"),
        ({"FOLDER": "t-{key}", "SHARED": "t-shared"}, "may be within"),
        ({"FOLDER": "t-{key}", "SHARED": "T-Shared"}, "may be within"),
    ],
)
def test_folders_that_may_meet_are_refused(options, said):
    if said is None:
        options = {**options, "SHARED": "shared/other"}
        assert TenantStorage(**options)
        return
    with pytest.raises(ImproperlyConfigured, match=said):
        TenantStorage(**options)


def test_the_folder_is_the_projects_choice(tmp_path):
    storage = made.on_disk(tmp_path, FOLDER="{key}", SHARED="_shared")
    for place in PLACES:
        with override_tenant(place):
            put(storage, "x", "")
    assert made.files_in(tmp_path) == ["_shared/x", "a/x", "ab/x"]


def test_without_a_shared_folder_a_tenant_must_be_active(tmp_path):
    storage = made.on_disk(tmp_path, SHARED=None)
    with override_tenant(A):
        put(storage, "x", "")
    for act in ACTS.keys() - {"generate_filename", "url"}:
        with pytest.raises(NoActiveTenant, match="storage of files"):
            ACTS[act](storage, "x")


# --- addresses


def test_the_url_need_not_name_the_tenant_where_a_view_serves_it(disk):
    with override_tenant(A):
        assert disk.url("x/ä b.txt") == "/media/x/%C3%A4%20b.txt"
        assert disk.base_url == "/media/"


def test_the_url_is_below_the_tenants_path_prefix(disk):
    set_script_prefix("/a/")
    try:
        with override_tenant(A):
            assert disk.url("x.txt") == "/a/media/x.txt"
            assert disk.base_url == "/a/media/"
    finally:
        set_script_prefix("/")


def test_the_url_names_the_tenant_where_that_is_chosen(tmp_path):
    storage = made.on_disk(tmp_path, KEY_IN_URL=True)
    with override_tenant(A):
        assert storage.url("x.txt") == "/media/tenants/a/x.txt"
        assert storage.base_url == "/media/tenants/a/"
    assert storage.url("x.txt") == "/media/shared/x.txt"


def test_the_url_of_a_bucket_names_the_tenant_and_is_signed_for_its_file(nanio):
    import requests

    made.empty(nanio)
    storage = made.in_bucket(nanio)
    for place in (A, AB):
        with override_tenant(place):
            put(storage, "x ä.txt", f"of {place.key}")
            url = storage.url("x ä.txt", expire=60)
        assert f"/tenants/{place.key}/x%20%C3%A4.txt?" in url
        assert requests.get(url, timeout=10).text == f"of {place.key}"
    for other in (
        "/tenants/a/",
        "/shared/",
        "/tenants/ab/../a/",
        "/tenants/ab/%2e%2e/a/",
    ):
        forged = url.replace("/tenants/ab/", other)
        answer = requests.get(forged, timeout=10)
        assert answer.status_code == 403, forged


@pytest.mark.service(
    "File storage", "`AzureStorage`, `GoogleCloudStorage` (addresses only)", by=PREFIX
)
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")  # by django-storages
def test_the_url_in_other_clouds_names_the_tenant():
    from google.auth.credentials import AnonymousCredentials

    azure = TenantStorage(
        BACKEND="storages.backends.azure_storage.AzureStorage",
        OPTIONS={"account_name": "us", "account_key": "a2V5", "azure_container": "c"},
    )
    google = TenantStorage(
        BACKEND="storages.backends.gcloud.GoogleCloudStorage",
        OPTIONS={
            "bucket_name": "c",
            "project_id": "us",
            "credentials": AnonymousCredentials(),
            "querystring_auth": False,
        },
    )
    for place in (A, AB):
        with override_tenant(place):
            signed = azure.url("x ä.txt", expire=60)
            for url in (signed, google.url("x ä.txt")):
                assert f"/c/tenants/{place.key}/x%20%C3%A4.txt" in url
            assert "sig=" in signed
            assert azure.location == google.location == f"tenants/{place.key}"


def test_location_is_the_tenants_folder(disk, tmp_path, bucket):
    with_prefix = made.in_bucket(bucket, inner={"location": "media"})
    with override_tenant(A):
        assert disk.location == str(tmp_path / "tenants" / "a")
        assert disk.base_location == disk.location
        assert with_prefix.location == "media/tenants/a"
    with override_tenant(AB):
        assert disk.location == str(tmp_path / "tenants" / "ab")
        assert disk.path("x") == f"{disk.location}/x"


def test_a_bucket_with_a_prefix_has_the_tenants_below_it(bucket):
    storage = made.in_bucket(bucket, inner={"location": "media"})
    for place in PLACES:
        with override_tenant(place):
            put(storage, "x", str(place))
    for place in PLACES:
        with override_tenant(place):
            assert text_of(storage, "x") == str(place)
            assert storage.listdir("") == ([], ["x"])
    assert made.keys(bucket) == [
        "media/shared/x",
        "media/tenants/a/x",
        "media/tenants/ab/x",
    ]


# --- attributes of the storage within


def test_attributes_of_the_storage_within_are_there_and_its_methods_are_not(bucket):
    storage = made.in_bucket(bucket)
    assert storage.bucket_name == made.BUCKET
    assert storage.bucket.name == made.BUCKET
    assert storage.connection.meta.service_name == "s3"
    for method in ("get_object_parameters", "_normalize_name", "_save", "nothing"):
        with pytest.raises(AttributeError, match=method):
            getattr(storage, method)


def test_no_name_reaches_the_storage_within_but_by_our_own_methods():
    """Whatever Django adds to a storage must be looked at: would it leak?"""
    public = {
        name
        for each in (FileSystemStorage, InMemoryStorage)
        for name in dir(each)
        if not name.startswith("_") and callable(getattr(each, name))
    }
    own = {name for name in vars(TenantStorage) if not name.startswith("_")}
    assert public - own == set()


def test_one_storage_within_serves_all(storage):
    before = storage.wrapped
    for place in PLACES:
        with override_tenant(place):
            storage.exists("x")
            assert storage.wrapped is before


# --- fields


def model_of(storage, **options):
    @isolate_apps("tests.shop")
    def make():
        class Document(models.Model):  # noqa: DJ008
            file = models.FileField(storage=storage, **options)

            class Meta:
                app_label = "shop"

        return Document

    return make()


def test_the_name_in_the_database_is_relative_to_the_tenant(disk, tmp_path):
    document = model_of(disk, upload_to="docs/%Y")
    names = set()
    for place in PLACES:
        with override_tenant(place):
            one = document()
            one.file.save("x y.txt", ContentFile(str(place).encode()), save=False)
            names.add(one.file.name)
            assert one.file.read().decode() == str(place)
            assert one.file.size == len(str(place))
            one.file.close()
            assert one.file.url == f"/media/{one.file.name}"
    (name,) = names
    assert name.startswith("docs/2")
    assert name.endswith("/x_y.txt")
    assert len(made.files_in(tmp_path)) == 3


def test_upload_to_may_be_a_function_and_its_names_are_checked(disk):
    with override_tenant(A):
        own = model_of(disk, upload_to=lambda _, name: f"mine/{name}")()
        own.file.save("x", ContentFile(b""), save=False)
        assert own.file.name == "mine/x"
        for bad in ("../ab", "/etc", "..\\ab"):
            out = model_of(disk, upload_to=lambda _, name, bad=bad: f"{bad}/{name}")()
            with pytest.raises(SuspiciousFileOperation):
                out.file.save("x", ContentFile(b""), save=False)


def test_max_length_of_a_field_is_that_of_the_tenants_name(disk):
    with override_tenant(A):
        one = model_of(disk, max_length=20)()
        one.file.save("n" * 50, ContentFile(b""), save=False)
        assert len(one.file.name) == 20


def test_a_name_in_the_database_that_leads_out_is_refused(disk):
    with override_tenant(AB):
        put(disk, "secret", "of ab")
    one = model_of(disk)(file="../ab/secret")
    with override_tenant(A):
        for act in (one.file.open, one.file.delete, lambda: one.file.size):
            with pytest.raises(SuspiciousFileOperation):
                act()


def test_images_are_measured_in_their_tenant(disk):
    from io import BytesIO

    from PIL import Image

    @isolate_apps("tests.shop")
    def make():
        class Picture(models.Model):  # noqa: DJ008
            image = models.ImageField(storage=disk)

            class Meta:
                app_label = "shop"

        return Picture

    picture = make()
    for width, place in enumerate((A, AB), 3):
        content = BytesIO()
        Image.new("1", (width, 1)).save(content, "PNG")
        with override_tenant(place):
            one = picture()
            one.image.save("x.png", ContentFile(content.getvalue()), save=False)
            assert one.image.width == width
            assert picture(image="x.png").image.width == width
            one.image.close()


OBJECT_ACTS = {
    "read": lambda file: file.read(),
    "open": lambda file: file.open(),
    "url": lambda file: file.url,
    "path": lambda file: file.path,
    "size": lambda file: file.size,
    "save": lambda file: file.save("x", ContentFile(b"other"), save=False),
    "delete": lambda file: file.delete(save=False),
}


def object_of(tenant, storage):
    """Return an object as a query in the tenant would give it."""
    document = model_of(storage)
    document._meta.app_label = "shop"
    one = document(file="x")
    one._state.db, one._state.adding = tenant.ref.label, False
    return one


@pytest.mark.parametrize("act", OBJECT_ACTS)
def test_the_file_of_an_object_is_used_where_the_object_belongs(disk, act):
    for place in (A, AB):
        with override_tenant(place):
            put(disk, "x", f"of {place.key}")
    one = object_of(A, disk)
    for place in (AB, None):
        with override_tenant(place), pytest.raises(WrongTenant, match="'a'"):
            OBJECT_ACTS[act](one.file)
    with override_tenant(AB):
        assert text_of(disk, "x") == "of ab"
    with override_tenant(A):
        OBJECT_ACTS[act](one.file)
        one.file.close()


def test_control_without_the_seam_another_tenants_file_goes(disk):
    with override_tenant(AB):
        put(disk, "x", "of ab")
    one = object_of(A, disk)
    original = getattr(FieldFile.delete, seams.INSTALLED)
    with replaced(FieldFile, "delete", original), override_tenant(AB):
        one.file.delete(save=False)
        assert not disk.exists("x")


def country_of(storage, monkeypatch, name="x"):
    """Return an object of a shared model, whose file's name is that of a tenant's."""
    monkeypatch.setattr(Country._meta.get_field("flag"), "storage", storage)
    return Country(pk=1, flag=name)


def texts(storage, name="x"):
    """Return what each place has under the name; None where it has nothing."""
    found = []
    for place in PLACES:
        with override_tenant(place):
            found.append(text_of(storage, name) if storage.exists(name) else None)
    return found


@pytest.mark.parametrize("made_anew", [False, True])
def test_the_file_of_a_shared_object_is_shared_in_every_tenant(
    disk, monkeypatch, made_anew
):
    for place in PLACES:
        with override_tenant(place):
            put(disk, "x", f"of {place and place.key}")
    before = texts(disk)
    for place in PLACES:
        with override_tenant(place):
            one = country_of(disk, monkeypatch)
            if made_anew:
                _ = one.flag
                one = pickle.loads(pickle.dumps(one))  # noqa: S301  (our own)
            assert one.flag.read() == b"of None"
            one.flag.close()
            assert one.flag.path.endswith("shared/x")
            one.flag.delete(save=False)
            assert texts(disk) == [
                None if p is None else t for p, t in zip(PLACES, before, strict=True)
            ]
            one.flag.save("x", ContentFile(b"of None"), save=False)
    assert texts(disk) == before


def test_control_without_the_seam_it_is_the_active_tenants(disk, monkeypatch):
    with override_tenant(AB):
        put(disk, "x", "of ab")
        one = country_of(disk, monkeypatch)
        with without_seam(FieldFile, "__init__"):
            one.flag.delete(save=False)
        assert not disk.exists("x")


def test_without_a_shared_folder_it_has_none(tmp_path, monkeypatch):
    disk = made.on_disk(tmp_path, SHARED=None)
    with override_tenant(AB), pytest.raises(NoActiveTenant):
        country_of(disk, monkeypatch).flag.save("x", ContentFile(b""), save=False)


def sent(one):
    """Return what a response with the object's file sends after its tenant was left."""
    with override_tenant(A):
        response = FileResponse(one.file)
    content = b"".join(response)
    response.close()
    return content


def test_a_response_reads_the_file_to_its_end(disk):
    with override_tenant(A):
        put(disk, "x", "of a")
    with override_tenant(AB):
        put(disk, "x", "of ab")
    one = object_of(A, disk)
    assert sent(one) == b"of a"
    for place in (AB, None):  # closed, it would be looked up again
        with override_tenant(place), pytest.raises(WrongTenant):
            one.file.open()


def test_control_without_that_it_is_refused_half_way(disk):
    with override_tenant(A):
        put(disk, "x", "of a")
    now = FieldFile.file
    original = property(getattr(now.fget, seams.INSTALLED), now.fset, now.fdel)
    one = object_of(A, disk)
    with replaced(FieldFile, "file", original), pytest.raises(WrongTenant):
        sent(one)
    one.file.close()


# --- copies


def test_it_is_written_into_migrations_as_it_was_made(disk, tmp_path):
    field = models.FileField(storage=disk)
    written, imports = MigrationWriter.serialize(field)
    assert "tenantry.scopes.storage.TenantStorage(" in written
    assert "import tenantry.scopes.storage" in imports
    path, args, kwargs = disk.deconstruct()
    assert path == "tenantry.scopes.storage.TenantStorage"
    again = TenantStorage(*args, **kwargs)
    with override_tenant(A):
        put(disk, "x", "mine")
        assert text_of(again, "x") == "mine"


def pickled_anew(storage):
    return pickle.loads(pickle.dumps(storage))  # noqa: S301  (our own)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled_anew])
def test_a_copy_asks_for_the_tenant_as_well(disk, copied):
    with override_tenant(A):
        again = copied(disk)
        put(disk, "x", "mine")
    with override_tenant(AB):
        assert not again.exists("x")
        put(again, "x", "of ab")
    with override_tenant(A):
        assert text_of(again, "x") == "mine"


def test_it_is_made_from_the_settings(tmp_path):
    given = {
        "default": {
            "BACKEND": "tenantry.scopes.storage.TenantStorage",
            "OPTIONS": {"OPTIONS": {"location": str(tmp_path)}},
        },
        "shared": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "all")},
        },
    }
    with override_settings(STORAGES=given):
        from django.core.files.storage import default_storage

        with override_tenant(A):
            default_storage.save("x", File(ContentFile(b"").file))
            storages["shared"].save("x", ContentFile(b""))
    assert made.files_in(tmp_path) == ["all/x", "tenants/a/x"]


def test_media_root_that_changes_is_followed(tmp_path):
    storage = TenantStorage()
    for name in ("one", "two"):
        with override_settings(MEDIA_ROOT=tmp_path / name), override_tenant(A):
            put(storage, "x", name)
            assert text_of(storage, "x") == name
    assert module.FILE_SYSTEM.endswith(type(storage.wrapped).__name__)
