"""The shared site's admin shows the audit, changed by nobody; tenants' do not."""

import pytest

from tests.admin.conftest import FILES, client_of

LIST = "/admin/tenantry/auditentry/"
pytestmark = pytest.mark.parametrize("project", FILES, indirect=True)


def answers(place, **fields):
    """Return what each page of the audit answers there."""
    from tenantry.models import AuditEntry

    client = client_of(place, **fields)
    pk = AuditEntry.objects.filter(action="tenant.provisioned").latest("pk").pk
    pages = {
        "list": LIST,
        "found": f"{LIST}?q=acme&action=tenant.provisioned",
        "entry": f"{LIST}{pk}/change/",
        "add": f"{LIST}add/",
        "delete": f"{LIST}{pk}/delete/",
    }
    return {name: client.get(page).status_code for name, page in pages.items()}


def test_it_is_read_and_not_changed_on_the_shared_site(project):
    assert project.call(answers, None) == {
        "list": 200,
        "found": 200,
        "entry": 200,
        "add": 403,
        "delete": 403,
    }


def test_what_a_form_sends_changes_nothing(project):
    assert project.call(sent) == [403, "tenant.provisioned", 1]


def sent():
    from tenantry.models import AuditEntry

    client = client_of(None)
    entries = AuditEntry.objects.filter(action="tenant.provisioned")
    pk = entries.latest("pk").pk
    status = client.post(f"{LIST}{pk}/change/", {"action": "nothing"}).status_code
    chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    client.post(LIST, chosen)
    found = AuditEntry.objects.filter(pk=pk)
    return status, found.get().action, found.count()


def test_a_search_finds_by_whom_and_where(project):
    assert project.call(shown, "acme") == [True, False]


def shown(key):
    page = client_of(None).get(f"{LIST}?q={key}&action=tenant.provisioned")
    html = page.content.decode()
    return f">{key}<" in html, ">globex<" in html


def test_a_tenants_admin_does_not_have_it(project):
    assert set(project.call(answers, "acme").values()) == {404}


def test_it_takes_the_permission_to_view(project):
    found = project.call(answers, None, superuser=False, username="v", is_staff=True)
    assert set(found.values()) == {403}
