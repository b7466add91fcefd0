"""Where one log of the admin is for all tenants, nobody reads what others wrote."""

import pytest

from tests.admin.conftest import KEYS, client_of
from tests.lifecycle import acts
from tests.projects import Project

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def shared_log(tmp_path_factory):
    """A project whose users, and with them the log of the admin, are shared."""
    made = Project("schema", tmp_path_factory.mktemp("log") / "p")
    shared = ["customers", "geo", "contenttypes", "auth", "sessions", "admin"]
    made.settings["TENANTRY"] |= {"SHARED_APPS": shared, "TENANT_APPS": ["shop"]}
    made.settings["TENANTRY"]["SHARED_URLCONF"] = "tests.admin.urls"
    made.settings["ROOT_URLCONF"] = "tests.admin.urls"
    made.manage("migrate", "-v0").ok()
    for key in KEYS:
        made.call(acts.provision, key)
    yield made
    made.close()


def test_an_objects_history_is_not_shown_from_a_log_of_all(shared_log):
    said = shared_log.manage("check").ok()
    assert "W080" in said.out + said.err
    for key in KEYS:
        assert shared_log.call(history, key) == [404, False, 200]


def test_control_without_the_seam_it_shows_what_others_did(shared_log):
    assert shared_log.call(without) == [200, True, 200]


def history(at):
    """Let acme's staff add a tag; ask for the history of that key's, and a country's.

    Return the status, whether what they did is seen, and the status of the other.
    """
    from django.contrib.auth.models import User

    from tenantry import override_tenant
    from tests.geo.models import Country
    from tests.shop.models import Tag

    staff = client_of("acme", username="somebody")
    staff.post("/admin/shop/tag/add/", {"name": "new"})
    with override_tenant("acme"):
        pk = Tag.objects.latest("pk").pk
    with override_tenant("globex"):
        Tag.objects.get_or_create(pk=pk, defaults={"name": "other"})
    response = client_of(at).get(f"/admin/shop/tag/{pk}/history/")
    seen = "Added" in response.content.decode()
    shared = client_of(None).get(
        f"/admin/geo/country/{Country.objects.create(name='x').pk}/history/"
    )
    User.objects.filter(username="somebody").delete()
    return response.status_code, seen, shared.status_code


def without():
    from django.contrib.admin.options import ModelAdmin

    from tests.world import without_seam

    with without_seam(ModelAdmin, "history_view"):
        return history("globex")
