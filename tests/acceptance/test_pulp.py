"""pulpcore from the package index, unmodified, is many separate Pulps.

It brings 80 tables, their keys UUIDs; triggers, deferred ones too, and an extension;
upserts; tasks that its workers claim by raw SQL.
"""

import base64
import os

import pytest

from tests.acceptance import sites
from tests.acceptance.browser import client
from tests.acceptance.sites import KEYS, PROVEN, ROW, other

API = "/pulp/api/v3/"
FILES = "repositories/file/file/"


@pytest.fixture(scope="module", params=[ROW, *PROVEN])
def project(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pulp") / "p"
    packages = sites.packages("pulpcore")
    made = sites.make(request.param, folder, "pulpcore.app.settings", packages)
    made.variables = {"PULP_SETTINGS": f"{sites.HERE}/pulp_project/settings.py"}
    (folder / "key").write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
    (folder / "tmp").mkdir()
    try:
        sites.provision(made)
        made.filled = sites.fill(made, fill)
        yield made
    finally:
        made.close()


class Api:
    """Pulp's own interface at a tenant's host, as its administrator uses it."""

    def __init__(self, key):
        facts = base64.b64encode(f"admin:secret of {key}".encode()).decode()
        self.headers = {"authorization": f"Basic {facts}"}
        self.browser = client(key)

    def get(self, path, **facts):
        """Return what is at a path."""
        answer = self.browser.get(url(path), facts, headers=self.headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path, *, expect=(201, 202), file=None, **facts):
        """Send facts, or a file; return the answer."""
        sort = {} if file else {"content_type": "application/json"}
        data = {"file": file} if file else facts
        answer = self.browser.post(url(path), data, headers=self.headers, **sort)
        assert answer.status_code in expect, answer.content
        return answer.json()


def url(path):
    return path if path.startswith(API) else API + path


def fill(key):
    """Make a repository, upload a file into it, serve it; return what was made."""
    from django.contrib.auth.models import User
    from django.core.files.uploadedfile import SimpleUploadedFile
    from pulpcore.app.models import Domain

    from tenantry import override_tenant

    with override_tenant(key):
        User.objects.create_superuser("admin", password=f"secret of {key}")
        domain = Domain.objects.get().pk
    make_ids_collide()
    api = Api(key)
    made = api.post(FILES, name="files", description=f"Files of {key}")["pulp_href"]
    remote = api.post("remotes/file/file/", name="far", url=f"http://{key}.example.org")
    file = SimpleUploadedFile("a.txt", b"the same in both")
    artifact = api.post("artifacts/", file=file)["pulp_href"]
    content = {"artifact": artifact, "relative_path": "a.txt"}
    tasks = [
        api.post("content/file/files/", **content)["task"],
        api.post("distributions/file/file/", name="files", base_path="files")["task"],
    ]
    api.post(f"{made}set_label/", key="owner", value=key)
    return {
        "ids": [str(domain), made, remote["pulp_href"], artifact, *tasks],
        "repository": made,
        "content": content,
    }


def make_ids_collide():
    """Let Pulp count where it would draw a UUID, so that tenants get the same."""
    import itertools
    import uuid

    from pulpcore.app.models import base

    numbers = itertools.count(7 << 76)
    base.uuid7 = lambda: uuid.UUID(int=next(numbers))


def work(key):
    """Let a worker of Pulp's do all tasks of a tenant."""
    from pulpcore.tasking.worker import PulpcoreWorker

    from tenantry import override_tenant

    with override_tenant(key):
        PulpcoreWorker().run(burst=True)


def ask(key, path, facts=None):
    """Return what Pulp tells a tenant's administrator."""
    return Api(key).get(path, **(facts or {}))


def tell(key, path, facts):
    """Return how Pulp answers a tenant's administrator."""
    return Api(key).post(path, **facts)


def states(project, key):
    """Return the states of a tenant's tasks, the oldest first."""
    tasks = project.call(ask, key, "tasks/", {"ordering": "pulp_created"})["results"]
    return [task["state"] for task in tasks]


def test_ids_collide(project):
    """The premise: nothing but the tenant tells the two apart."""
    first, second = (project.filled[key]["ids"] for key in KEYS)
    assert first == second


def test_a_worker_does_the_tasks_of_its_tenant(project):
    """It claims them by `UPDATE ... RETURNING` of its own, and forks for each."""
    assert states(project, "acme") == states(project, "globex") == ["waiting"] * 2
    project.call(work, "acme")
    assert states(project, "acme") == ["completed"] * 2
    assert states(project, "globex") == ["waiting"] * 2
    project.call(work, "globex")
    assert states(project, "globex") == ["completed"] * 2


@pytest.mark.parametrize("key", KEYS)
def test_each_sees_its_own(project, key):
    (found,) = project.call(ask, key, FILES, {"name": "files"})["results"]
    assert found["description"] == f"Files of {key}"
    assert found["pulp_labels"] == {"owner": key}
    (remote,) = project.call(ask, key, "remotes/file/file/")["results"]
    assert remote["url"] == f"http://{key}.example.org"
    assert project.call(ask, key, "artifacts/")["count"] == 1
    for value, number in ((key, 1), (other(key), 0)):
        labelled = {"pulp_label_select": f"owner={value}"}
        assert project.call(ask, key, FILES, labelled)["count"] == number


def in_turns(name):
    """Make a repository in each, in one process, and look at them twice."""
    for key in KEYS:
        Api(key).post(FILES, name=name, description=f"Late files of {key}")
    return [
        [row["description"] for row in Api(key).get(FILES, name=name)["results"]]
        for key in KEYS * 2
    ]


def test_in_one_process_they_do_not_mix(project):
    """Pulp keeps its default domain for as long as the process lives."""
    found = project.call(in_turns, "late")
    assert found == [[f"Late files of {key}"] for key in KEYS * 2]


def test_raw_sql_on_labels_changes_one(project):
    """Labels are kept in an hstore, and changed by SQL of Pulp's own."""
    made = project.filled["acme"]["repository"]
    label = {"key": "place", "value": "attic"}
    project.call(tell, "acme", f"{made}set_label/", label)
    assert project.call(ask, "acme", made)["pulp_labels"] == {
        "owner": "acme",
        "place": "attic",
    }
    assert project.call(ask, "globex", made)["pulp_labels"] == {"owner": "globex"}
    project.call(tell, "acme", f"{made}unset_label/", {"key": "place"})
    assert project.call(ask, "acme", made)["pulp_labels"] == {"owner": "acme"}


@pytest.mark.parametrize("key", KEYS)
def test_each_upserts_its_own(project, key):
    """Content whose file was reclaimed gets it back by `ON CONFLICT DO UPDATE`."""
    project.call(work, key)
    assert project.call(upsert, key, project.filled[key]["content"]) == [1, [True]]


def upsert(key, facts):
    """Take the file from the content, add it again; return what there is."""
    from pulp_file.app.models import FileContent
    from pulp_file.app.serializers import FileContentSerializer
    from pulpcore.app.models import Artifact, ContentArtifact

    from tenantry import override_tenant

    with override_tenant(key):
        artifact = Artifact.objects.get()
        content = FileContent.objects.get()
        content.contentartifact_set.update(artifact=None)
        serializer = FileContentSerializer()
        serializer.create(
            {
                "artifact": artifact,
                "relative_path": facts["relative_path"],
                "digest": artifact.sha256,
            }
        )
        found = ContentArtifact.objects.all()
        return FileContent.objects.count(), [row.artifact == artifact for row in found]


@pytest.mark.parametrize("key", KEYS)
def test_versions_count_their_own(project, key):
    made = project.filled[key]["repository"]
    project.call(work, key)
    (content,) = project.call(ask, key, "content/file/files/")["results"]
    add = {"add_content_units": [content["pulp_href"]]}
    project.call(tell, key, f"{made}modify/", add)
    project.call(work, key)
    assert set(states(project, key)) == {"completed"}
    newest, *_ = project.call(ask, key, f"{made}versions/")["results"]
    assert newest["number"] == 1
    assert newest["content_summary"]["present"]["file.file"]["count"] == 1


@pytest.mark.parametrize("key", KEYS)
def test_a_deferred_trigger_looks_at_its_own(project, key):
    """Pulp's trigger refuses a path below another: of this tenant's distributions."""
    project.call(work, key)
    assert project.call(distribute, key, f"only-{key}") == "made"
    assert project.call(distribute, key, f"only-{key}/below") == "refused"
    assert project.call(distribute, key, f"only-{other(key)}/below") == "made"
    project.call(forget, key)


def distribute(key, path):
    """Make a distribution past Pulp's own validation; return what became of it."""
    from django.db import IntegrityError
    from pulp_file.app.models import FileDistribution

    from tenantry import override_tenant

    with override_tenant(key):
        try:
            FileDistribution.objects.create(name=path, base_path=path)
        except IntegrityError:
            return "refused"
    return "made"


def forget(key):
    """Remove the distributions that a test made."""
    from pulp_file.app.models import FileDistribution

    from tenantry import override_tenant

    with override_tenant(key):
        FileDistribution.objects.filter(name__startswith="only-").delete()


def unswitched(path):
    """Ask globex with the middleware's switch of tenants broken."""
    from tenantry import middleware, override_tenant

    api = Api("acme")  # whose password is right
    api.browser = client("globex")
    middleware.override_tenant = lambda _: override_tenant("acme")
    return api.get(path)


def test_without_the_switch_the_other_is_served(project):
    """The negative control: the same path leads to the other's repository."""
    made = project.filled["globex"]["repository"]
    assert project.call(unswitched, made)["description"] == "Files of acme"


def test_the_password_of_one_is_worthless_in_the_other(project):
    assert [project.call(enter, key, "secret of acme") for key in KEYS] == [200, 401]


def enter(key, password):
    """Return how a tenant's Pulp answers to a password."""
    api = Api(key)
    facts = base64.b64encode(f"admin:{password}".encode()).decode()
    api.headers = {"authorization": f"Basic {facts}"}
    return api.browser.get(API + FILES, headers=api.headers).status_code


def test_the_fleet_is_current(project):
    assert "2 active and current" in project.manage("tenants", "status").ok().out


def test_nothing_of_pulp_is_shared(project):
    assert project.call(sites.shared_tables) == []
