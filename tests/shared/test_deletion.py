"""A shared object goes as `on_delete` of tenants' rows says, in every tenant, or not.

Two tenants, `acme` and `globex`, whose rows of one primary key refer to one country,
and one, `idle`, with no rows. The database enforces the keys where it can.
"""

import json

import pytest

from tests.lifecycle import acts
from tests.projects import ISOLATIONS, PROVE, SQLITE, Project
from tests.settings import base

KEYS = ("acme", "globex", "idle")
PK = 7
pytestmark = pytest.mark.service(
    "Deleting shared objects",
    "on_delete",
    by="each tenant is asked, in one transaction",
)


def make(isolation, folder):
    made = Project(isolation, folder)
    made.settings["TENANTRY"]["TENANT_APPS"].append("travel")
    made.settings["INSTALLED_APPS"] = [*base.INSTALLED_APPS, "tests.travel"]
    made.settings["TRAVEL_ENFORCED"] = isolation in ("schema", "row")
    made.manage("migrate", "-v0").ok()
    for key in KEYS:
        made.call(acts.provision, key)
    return made


@pytest.fixture(scope="module", params=ISOLATIONS[:3])
def project(request, tmp_path_factory):
    made = make(request.param, tmp_path_factory.mktemp("deletion") / "p")
    yield made
    made.close()


# Where one transaction spans shared and tenants' tables, and where it does not.
together = pytest.mark.parametrize("project", ISOLATIONS[1:3], indirect=True)
apart = pytest.mark.parametrize("project", [SQLITE], indirect=True)


# What runs in the project's processes.


def fill(*names, where=("acme", "globex")):
    """Make the country, and in tenants the rows of these models alone; all of PK."""
    from tenantry import override_tenant
    from tests.geo.models import Country
    from tests.travel import models

    for key in KEYS:
        with override_tenant(key):
            for name in ("Visa", "Stop", "Visit", "Trip", "Home", "Passport", "Guide"):
                getattr(models, name).objects.all().delete()
            models.Memory.objects.all().delete()
    Country.objects.all().delete()
    country = Country.objects.create(pk=PK, name="Land")
    for key in where:
        with override_tenant(key):
            for name in names:
                make_row(name, country)
    return country


def make_row(name, country):
    from tests.travel import models

    model = getattr(models, name)
    if name == "Guide":
        model.objects.create(pk=PK).countries.add(country)
    elif name == "Stop":
        model.objects.create(pk=PK, trip_id=PK)
    elif name == "Visa":
        trip = models.Trip.objects.filter(pk=PK).first()
        model.objects.create(pk=PK, country=country, trip=trip)
    else:
        model.objects.create(pk=PK, country=country)


def left(*names):
    """Return how many rows there are of each, in each tenant."""
    from tenantry import override_tenant
    from tests.travel import models

    found = {}
    for key in KEYS[:2]:
        with override_tenant(key):
            found[key] = [getattr(models, name).objects.count() for name in names]
    return found


def attempt(*names, active=None, bulk=False):
    """Delete the country; return what that gave or raised, and what is left."""
    from tenantry import override_tenant
    from tenantry.exceptions import UsedByTenants
    from tests.geo.models import Country

    fill(*names)
    try:
        with override_tenant(active):
            if bulk:
                gone = Country.objects.filter(pk=PK).delete()
            else:
                gone = Country.objects.get(pk=PK).delete()
    except UsedByTenants as error:
        gone = str(error)
    return gone, Country.objects.count(), left(*names)


# Which tenant is active, and whether it is a QuerySet that is deleted.
ways = pytest.mark.parametrize(
    "way",
    [{}, {"active": "acme", "bulk": True}]
    + PROVE * [{"bulk": True}, {"active": "idle"}, {"active": "idle", "bulk": True}],
    ids=str,
)


@together
@ways
def test_what_cascades_goes_in_every_tenant(project, way):
    names = ["Visit", "Trip", "Stop", "Guide"]
    gone, countries, rows = project.call(attempt, *names, **way)
    assert gone == [
        9,
        {
            "geo.Country": 1,
            "travel.Visit": 2,
            "travel.Trip": 2,
            "travel.Stop": 2,
            "travel.Guide_countries": 2,
        },
    ]
    assert countries == 0
    assert rows == {key: [0, 0, 0, 1] for key in KEYS[:2]}


@together
@ways
def test_what_is_set_to_null_stays(project, way):
    gone, countries, rows = project.call(attempt, "Home", **way)
    assert gone == [1, {"geo.Country": 1}]
    assert (countries, rows) == (0, {"acme": [1], "globex": [1]})
    assert project.call(homes) == {"acme": [None], "globex": [None]}


def homes():
    from tenantry import override_tenant
    from tests.travel.models import Home

    found = {}
    for key in KEYS[:2]:
        with override_tenant(key):
            found[key] = list(Home.objects.values_list("country_id", flat=True))
    return found


@ways
@pytest.mark.parametrize("name", ["Passport", "Visa"])
def test_what_is_protected_refuses_and_is_listed(project, name, way):
    gone, countries, rows = project.call(attempt, name, **way)
    assert gone == (
        "1 geo.Country (pk=7) cannot be deleted: `on_delete` of rows of tenants "
        f"protects it (travel.{name}: 1 in tenant acme; "
        f"travel.{name}: 1 in tenant globex)."
    )
    assert (countries, rows) == (1, {"acme": [1], "globex": [1]})


@together
def test_what_is_restricted_goes_with_what_cascades(project):
    gone, countries, rows = project.call(attempt, "Trip", "Visa")
    assert gone[1] == {"geo.Country": 1, "travel.Trip": 2, "travel.Visa": 2}
    assert (countries, rows) == (0, {"acme": [0, 0], "globex": [0, 0]})


@together
def test_a_refusal_in_one_tenant_leaves_every_other_as_it_was(project):
    said, counts = project.call(protected_in_one)
    assert "travel.Passport: 1 in tenant globex" in said
    assert "acme" not in said
    assert counts == {"acme": [1, 0], "globex": [1, 1]}


def protected_in_one():
    from django.db.models import ProtectedError

    from tenantry import override_tenant

    country = fill("Visit")
    with override_tenant("globex"):
        make_row("Passport", country)
    try:
        country.delete()
    except ProtectedError as error:
        return str(error), left("Visit", "Passport")


@together
def test_an_error_half_way_undoes_all_of_it(project):
    assert project.call(fails_half_way) == {"acme": [1, 1], "globex": [1, 1]}


def fails_half_way():
    from django.db.models.signals import post_delete

    from tenantry import get_tenant
    from tests.geo.models import Country
    from tests.travel.models import Stop

    country = fill("Trip", "Stop")

    def fail(**_):
        if get_tenant().key == "globex":
            raise ZeroDivisionError

    post_delete.connect(fail, sender=Stop)
    try:
        country.delete()
    except ZeroDivisionError:
        assert Country.objects.get() == country
        return left("Trip", "Stop")


@together
def test_signals_are_sent_in_the_tenant_whose_row_goes(project):
    assert project.call(signalled) == [
        ["acme", "Stop", "acme"],
        ["globex", "Stop", "globex"],
    ]


def signalled():
    from django.db.models.signals import pre_delete

    from tenantry import get_tenant
    from tests.travel.models import Stop

    country = fill("Trip", "Stop")
    seen = []

    def note(instance, **_):
        owner = instance._state.db.partition(":")[2]
        seen.append((get_tenant().key, type(instance).__name__, owner))

    pre_delete.connect(note, sender=Stop)
    country.delete()
    return seen


@together
def test_a_suspended_tenant_is_no_exception(project):
    assert project.call(with_one_suspended) == {"acme": [0], "globex": [0]}


def with_one_suspended():
    from tests.customers.models import Tenant

    country = fill("Visit")
    globex = Tenant.objects.get(key="globex")
    globex.suspend()
    country.delete()
    globex.resume()
    return left("Visit")


@apart
@ways
@pytest.mark.parametrize("name", ["Visit", "Trip", "Home", "Guide"])
def test_rows_in_other_databases_refuse_it(project, name, way):
    gone, countries, rows = project.call(attempt, name, **way)
    model = "Guide_countries" if name == "Guide" else name
    assert f"travel.{model}: 1 in tenant acme; travel.{model}: 1 in tenant" in gone
    assert "Delete or change those first, in each tenant" in gone
    assert (countries, rows) == (1, {"acme": [1], "globex": [1]})


@ways
def test_what_nothing_refers_to_goes(project, way):
    gone, countries, _ = project.call(attempt, **way)
    assert gone == [1, {"geo.Country": 1}]
    assert countries == 0


def test_what_is_left_to_the_database_is_not_asked_for(project):
    gone, _, rows = project.call(attempt, "Memory")
    assert gone == [1, {"geo.Country": 1}]
    assert rows == {"acme": [1], "globex": [1]}


def test_the_admins_confirmation_lists_what_goes_in_tenants(project):
    listed, protected = project.call(confirmation)
    assert (
        listed
        == [
            "Country: Land",
            "Visit: 1 in tenant acme",
            "Visit: 1 in tenant globex",
        ][: 1 if project.isolation == SQLITE else 3]
    )
    if project.isolation == SQLITE:
        assert protected == ["Visit: 1 in tenant acme", "Visit: 1 in tenant globex"]
    else:
        assert protected == []


def confirmation():
    from django.contrib.admin import AdminSite
    from django.contrib.admin.utils import get_deleted_objects

    country = fill("Visit")
    listed, _, _, protected = get_deleted_objects([country], None, AdminSite())
    return listed, sorted(protected)


@together
def test_control_without_the_seam_tenants_are_not_asked(project):
    assert json.loads(json.dumps(project.call(without))) == "IntegrityError"


def without():
    from contextlib import ExitStack

    from django.db import IntegrityError
    from django.db.models import deletion

    from tests.world import without_seam

    country = fill("Visit")
    with ExitStack() as stack:
        for name in ("can_fast_delete", "collect", "delete"):
            stack.enter_context(without_seam(deletion.Collector, name))
        try:
            country.delete()
        except IntegrityError as error:
            return type(error).__name__
