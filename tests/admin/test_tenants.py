"""The shared site's admin makes, suspends, migrates and drops tenants: really."""

import re

import pytest

from tests.admin.conftest import KEYS, SCHEMAS, client_of
from tests.lifecycle import acts

LIST = "/admin/customers/tenant/"
BY = "acts on tenants, outside of any transaction"
pytestmark = [
    pytest.mark.service("Admin", "the shared site's", by=BY),
    pytest.mark.parametrize("project", SCHEMAS, indirect=True),
]


def form(key, *hosts, **fields):
    """Return what the form for a new tenant sends."""
    data = {
        "key": key,
        "name": key.upper(),
        "slug": "",
        "kind": "default",
        "placement": "default",
        "domains-TOTAL_FORMS": len(hosts),
        "domains-INITIAL_FORMS": 0,
    }
    for number, host in enumerate(hosts):
        data[f"domains-{number}-host"] = host
    return {**data, **fields}


def texts(response):
    """Return the messages that a page shows, and its errors."""
    page = response.content.decode()
    found = re.findall(
        r'<li class="(?:success|error|info)">(.*?)</li>', page, re.DOTALL
    )
    return [*found, *re.findall(r'<ul class="errorlist.*?<li>(.*?)</li>', page)]


def send(path, data):
    """Send a form to the shared site's admin; return the page that follows."""
    client = client_of(None)
    response = client.post(path, data, follow=True)
    return response.status_code, texts(response), response.request["PATH_INFO"]


def act(name, *keys):
    """Do an action on tenants."""
    from tests.customers.models import Tenant

    pks = list(Tenant.objects.filter(key__in=keys).values_list("pk", flat=True))
    return send(LIST, {"action": name, "_selected_action": pks})


def page(path):
    return client_of(None).get(path).content.decode()


# The list


def test_the_list_shows_where_each_tenant_stands(project):
    html = project.call(page, LIST)
    for key in KEYS:
        assert f'<a href="https://{key}.example.com/">{key}.example.com/</a>' in html
    assert html.count('<td class="field-to_migrate">0</td>') == len(KEYS)
    assert html.count('<td class="field-state">active</td>') == len(KEYS)
    assert "Delete selected" not in html
    found = project.call(page, f"{LIST}?q=glob&state=active")
    assert "globex" in found
    assert ">acme<" not in found


def test_the_list_says_who_is_behind_and_whom_it_cannot_read(project):
    unapply = ["tenants", "migrate", "shop", "0001", "--only", "acme"]
    project.manage(*unapply).ok()
    try:
        html = project.call(page, LIST)
        assert '<td class="field-to_migrate">1</td>' in html
        status, told, _ = project.call(act, "migrate_tenants", *KEYS)
        assert (status, told) == (200, ["Tenant acme is migrated."])
        html = project.call(page, LIST)
        assert html.count('<td class="field-to_migrate">0</td>') == len(KEYS)
    finally:
        project.manage("tenants", "migrate").ok()
    _, told, _ = project.call(act, "migrate_tenants", *KEYS)
    assert told == ["All of them are up to date."]


# Adding


def test_adding_a_tenant_makes_it_live(project):
    status, told, where = project.call(
        send, f"{LIST}add/", form("hooli", "hooli.example.com", "b.example.com")
    )
    assert (status, where) == (200, LIST)
    assert told == ["Tenant hooli is active."]
    assert project.call(domains_of, "hooli") == [
        ["b.example.com", False],
        ["hooli.example.com", True],
    ]
    assert project.call(lives, "hooli")
    assert ["hooli", 1] in project.call(logged)


def domains_of(key):
    from tests.customers.models import Domain

    rows = Domain.objects.filter(tenant__key=key).order_by("host")
    return list(rows.values_list("host", "is_primary"))


def lives(key):
    """Whether the tenant's tables are there, and it is routable."""
    from tenantry import override_tenant
    from tests.customers.models import Tenant
    from tests.shop.models import Author

    with override_tenant(key):
        Author.objects.create(name="x").delete()
    return Tenant.objects.active().filter(key=key).exists()


def logged():
    from django.contrib.admin.models import LogEntry

    found = LogEntry.objects.filter(content_type__model="tenant")
    return [[entry.object_repr.lower(), entry.action_flag] for entry in found]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (form("Acme"), "a key is a letter a-z"),
        (form("www"), "reserved"),
        (form("acme"), "already exists"),
        (form("fresh", slug="acme"), "already exists"),
        (form("fresh", "acme.example.com"), "already exists"),
        (form("fresh", "no host"), "is not a host name"),
        (form("fresh", "example.com"), "is a host of the shared site"),
        (form("fresh", placement="nowhere"), "not one of the available choices"),
        (form("dropped"), "belonged to a tenant that was dropped"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_told_and_nothing_is_left(project, data, said):
    if data["key"] == "dropped":
        project.call(acts.provision, "dropped")
        project.manage("tenants", "drop", "dropped", "--no-input").ok()
    before = project.locations(), project.call(keys)
    status, told, where = project.call(send, f"{LIST}add/", data)
    assert (status, where) == (200, f"{LIST}add/")
    assert said in " ".join(told)
    assert (project.locations(), project.call(keys)) == before


def keys():
    from tests.customers.models import Tenant

    return sorted(Tenant.objects.values_list("key", flat=True))


def test_an_error_of_a_step_is_told_and_undone_and_the_form_is_back(project):
    before = project.locations(), project.call(keys)
    told, form_again, fields = project.call(fails, "seeded")
    assert told == ["Tenant broken: ZeroDivisionError: no seed"]
    assert form_again.startswith(f"{LIST}add/")
    assert fields == ["broken", "BROKEN"]
    assert (project.locations(), project.call(keys)) == before
    assert project.call(send, f"{LIST}add/", form("broken"))[1] == [
        "Tenant broken is active."
    ]
    project.manage("tenants", "drop", "broken", "--no-input").ok()


def fails(step):
    from tenantry.signals import lifecycle_step

    def fail(step, done, wanted=step, **_):
        if step == wanted and not done:
            msg = "no seed"
            raise ZeroDivisionError(msg)

    lifecycle_step.connect(fail)
    client = client_of(None)
    response = client.post(f"{LIST}add/", form("broken"), follow=True)
    html = response.content.decode()
    fields = [
        re.search(rf'name="{name}" value="(\w*)"', html)[1] for name in ("key", "name")
    ]
    return texts(response), response.request["PATH_INFO"], fields


def test_what_a_dead_process_left_is_finished(project):
    from tests.projects import Failed

    with pytest.raises(Failed):
        project.call(dies, "located")
    assert "half" in project.call(keys)
    assert "being provisioned" in project.call(page, LIST)
    _, told, _ = project.call(act, "resume_provisioning", "half")
    assert told == ["Tenant half is finished."]
    assert project.call(lives, "half")
    _, told, _ = project.call(act, "resume_provisioning", "acme")
    assert "nothing was left unfinished" in told[0]
    project.manage("tenants", "drop", "half", "--no-input").ok()


def dies(step):
    import os
    import signal

    from tenantry.signals import lifecycle_step

    def die(step, done, wanted=step, **_):
        if step == wanted and done:
            os.kill(os.getpid(), signal.SIGKILL)

    lifecycle_step.connect(die)
    client_of(None).post(f"{LIST}add/", form("half"))


@pytest.mark.parametrize("atomic", [False, True])
def test_requests_that_are_transactions_are_no_hindrance(project, atomic):
    database = project.settings["DATABASES"]
    project.change(
        DATABASES={"default": {**database["default"], "ATOMIC_REQUESTS": atomic}}
    )
    try:
        key = f"atomic{int(atomic)}"
        assert project.call(send, f"{LIST}add/", form(key))[1] == [
            f"Tenant {key} is active."
        ]
        number = project.call(pk_of, key)
        project.call(send, f"{LIST}{number}/drop/", {"confirm": key})
        assert key not in project.call(keys)
    finally:
        project.change(DATABASES=database)


# Changing


def pk_of(key):
    from tests.customers.models import Tenant

    return Tenant.objects.get(key=key).pk


def test_what_is_permanent_is_shown_and_not_changed(project):
    number = project.call(pk_of, "acme")
    data = {**form("other"), "name": "New name", "slug": "acme", "state": "dropping"}
    status, _, where = project.call(send, f"{LIST}{number}/change/", data)
    assert (status, where) == (200, LIST)
    assert project.call(row_of, "acme") == ["New name", "acme", "active"]
    html = project.call(page, f"{LIST}{number}/change/")
    assert 'name="key"' not in html
    assert f"{LIST}{number}/drop/" in html
    assert "/delete/" not in html


def row_of(key):
    from tests.customers.models import Tenant

    tenant = Tenant.objects.get(key=key)
    return tenant.name, tenant.slug, tenant.state


def test_settings_of_its_own_are_on_its_page_once_declared(project):
    where = f"{LIST}{project.call(pk_of, 'acme')}/change/"
    assert 'name="settings"' not in project.call(page, where)
    before = project.settings["TENANTRY"]
    declared = {"SEATS": {"DEFAULT": 5}, "PAY_TOKEN": {"DEFAULT": ""}}
    project.change(TENANTRY={**before, "SETTINGS": declared})
    try:
        data = {**form("acme"), "slug": "acme"}
        wrong = {"settings": '{"SEATS": "many"}'}
        _, told, _ = project.call(send, where, {**data, **wrong})
        assert "is not of type int" in told[0]
        right = {"settings": '{"SEATS": 7, "PAY_TOKEN": "s3cret"}'}
        assert project.call(send, where, {**data, **right})[0] == 200
        html = project.call(page, where)
        assert "&quot;SEATS&quot;: 7" in html
        assert "********" in html
        assert "s3cret" not in html
    finally:
        project.change(TENANTRY=before)


def test_suspend_and_resume(project):
    _, told, _ = project.call(act, "suspend_tenants", *KEYS)
    assert told == ["Tenants acme, globex are suspended."]
    assert project.call(acts.look, "acme")["answer"] == 403
    _, told, _ = project.call(act, "resume_tenants", "acme")
    assert told == ["Tenant acme is active."]
    assert project.call(row_of, "globex")[2] == "suspended"
    project.call(act, "resume_tenants", "globex")


# Dropping


def test_a_tenant_is_dropped_when_its_key_is_typed(project):
    project.call(acts.provision, "gone")
    number = project.call(pk_of, "gone")
    _, _, where = project.call(act, "drop_tenant", "gone")
    assert where == f"{LIST}{number}/drop/"
    assert "Type the key" in project.call(page, where)
    assert "nothing was dropped" in project.call(answer_of, where, "acme")
    project.call(send, where, {})
    assert project.call(lives, "gone")
    status, told, where = project.call(send, where, {"confirm": "gone"})
    assert (status, where) == (200, LIST)
    assert told == ["Tenant gone is dropped, with all its data."]
    assert project.call(acts.look, "gone")["key"] == "dropped"


def answer_of(path, key):
    return client_of(None).post(path, {"confirm": key}).content.decode()


def test_several_are_not_dropped_at_once(project):
    _, told, where = project.call(act, "drop_tenant", *KEYS)
    assert where == LIST
    assert told == ["Drop one tenant at a time: its key is to be typed."]


def test_djangos_own_deletion_is_refused(project):
    number = project.call(pk_of, "acme")
    assert project.call(send, f"{LIST}{number}/delete/", {"post": "yes"})[0] == 403
    project.call(act, "delete_selected", "acme")
    assert project.call(lives, "acme")


def test_acts_need_permissions(project):
    assert project.call(without_rights) == {
        "list": 200,
        "add": 403,
        "drop": 403,
        "actions": [],
        "state": "active",
    }


def without_rights():
    from django.contrib.auth.models import Permission, User

    client = client_of(None, superuser=False, username="viewer", is_staff=True)
    rights = Permission.objects.filter(codename="view_tenant")
    User.objects.get(username="viewer").user_permissions.set(rights)
    number = pk_of("acme")
    listed = client.get(LIST)
    client.post(LIST, {"action": "suspend_tenants", "_selected_action": [number]})
    return {
        "list": listed.status_code,
        "add": client.post(f"{LIST}add/", form("sneak")).status_code,
        "drop": client.post(f"{LIST}{number}/drop/", {"confirm": "acme"}).status_code,
        "actions": re.findall(r'<option value="(\w+_\w+)">', listed.content.decode()),
        "state": row_of("acme")[2],
    }


def test_domains_are_listed_with_their_tenant(project):
    html = project.call(page, "/admin/customers/domain/?q=glob")
    assert "globex.example.com" in html
    assert "acme.example.com" not in html
