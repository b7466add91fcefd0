"""A process that dies while somebody waits loses nothing: the page goes on with it."""

import pytest

from tests.lifecycle.acts import at_step, die
from tests.projects import ISOLATIONS, PROVE, Project

SUBDOMAINS = {
    "BACKEND": "tenantry.routing.SubdomainResolver",
    "OPTIONS": {"BASE": "example.com"},
}
PEOPLE = ["contenttypes", "auth", "sessions"]
APART = {
    # where users are: the apps in SHARED_APPS, and in TENANT_APPS
    "members": (["admin", *PEOPLE], []),
    "confined": ([], ["admin", *PEOPLE]),
}
STEPS = [
    (step, done)
    for step in ("located", "seeded", "activated")
    for done in (False, True)
]
KILLS = STEPS if PROVE else [("located", False), ("seeded", False), ("seeded", True)]


class Signup(Project):
    """A project where signing up makes a tenant."""

    def __init__(self, isolation, folder, users):
        self.users = users
        apps = ["tenantry.users"] if users == "members" else []
        from tests.settings import base

        super().__init__(
            isolation,
            folder,
            INSTALLED_APPS=[*base.INSTALLED_APPS, *apps],
            ROOT_URLCONF="tests.users.urls",
            MIGRATION_MODULES={},
        )

    def tenantry(self):
        shared, own = APART[self.users]
        return {
            **super().tenantry(),
            "SHARED_APPS": ["customers", "geo", *shared],
            "TENANT_APPS": [*own, "shop"],
            "SHARED_URLCONF": "tests.users.urls_shared",
            "SIGNUP": "tenant",
            "RESOLVERS": [SUBDOMAINS],
        }


@pytest.fixture(scope="module", params=ISOLATIONS)
def isolation(request):
    return request.param


@pytest.fixture(scope="module", params=APART)
def project(isolation, request, tmp_path_factory):
    made = Signup(isolation, tmp_path_factory.mktemp("signup") / "p", request.param)
    try:
        made.manage("migrate", "-v0").ok()
        yield made
    finally:
        made.close()


def sign_up(key):
    """Sign up; return the page where the visitor waits."""
    from django.test import Client

    from tenantry.users import waiting
    from tests.users import signing_up

    waiting.PATIENCE = signing_up.UNTIL_DONE
    return signing_up.sign_up(Client(headers={"host": "example.com"}), key, key=key).url


def sign_up_and_die(key, step, done):
    """Be killed while the tenant is being made."""
    with at_step(step, done, die):
        sign_up(key)


def look_of(key):
    """Return the visitor's ticket."""
    from tenantry.users import waiting
    from tests.customers.models import Tenant

    return waiting.ticket(Tenant.objects.get(key=key))


def wait(ticket):
    """Look at the page, which goes on, and once more; return where it leads."""
    from django.test import Client

    from tenantry.users import waiting
    from tests.users import signing_up

    waiting.PATIENCE = signing_up.UNTIL_DONE
    client = Client(headers={"host": "example.com"})
    pages = [client.get(f"/people/signup/{ticket}/") for _ in range(2)]
    return pages[-1].url


def people(key):
    """Return the names and roles of who is in the tenant, and what is left over."""
    from tenantry.models import LifecycleRecord, PendingOwner
    from tenantry.users.people import people_of
    from tests.customers.models import Tenant

    found = people_of(Tenant.objects.get(key=key)).all()
    rest = PendingOwner.objects.count() + LifecycleRecord.objects.count()
    return [[person.user.username, person.is_owner] for person in found], rest


def left_of(key):
    """Return how many accounts and tenants of that name there are."""
    from django.apps import apps

    from tenantry.models import PendingOwner
    from tests.customers.models import Tenant

    accounts = PendingOwner.objects.filter(tenant_key=key).count()
    if apps.is_installed("tenantry.users"):
        accounts += apps.get_model("auth.User").objects.filter(username=key).count()
    return accounts, Tenant.objects.filter(key=key).count()


@pytest.mark.parametrize(("step", "done"), KILLS)
def test_the_waiting_page_goes_on_where_a_process_died(project, step, done):
    key = f"{step}-{str(done).lower()}"
    assert project.attempt(sign_up_and_die, key, step, done).killed
    ticket = project.call(look_of, key)
    assert project.call(wait, ticket).startswith(f"https://{key}.example.com/")
    assert project.call(people, key) == [[[key, True]], 0]


def test_who_died_before_the_record_was_whole_left_nothing(project):
    assert project.attempt(sign_up_and_die, "never", "recorded", True).killed
    assert project.call(left_of, "never") == [0, 0]


def test_so_does_the_command(project):
    key = "command"
    assert project.attempt(sign_up_and_die, key, "seeded", False).killed
    project.manage("tenants", "create", "--resume", key).ok()
    assert project.call(people, key) == [[[key, True]], 0]


def test_a_tenant_is_made_within_the_request_where_that_is_quick(project):
    assert "/people/signup/" in project.call(sign_up, "quick")
    assert project.call(people, "quick") == [[["quick", True]], 0]
