"""The verbs for people, in a process of their own, on tenants with their own users."""

import json

from tests.cli.test_verbs import refused

ANN = "ann@example.org"


def make_ann(key):
    from django.contrib.auth import get_user_model

    from tenantry import override_tenant

    with override_tenant(key):
        get_user_model().objects.create_user("ann", ANN)


def roles_of(project, key):
    listed = project.manage("tenants", "members", key, "--format", "json").ok().out
    return {row["user"]: (row["roles"], row["owner"]) for row in json.loads(listed)}


def test_roles_are_given_and_taken_in_one_tenant_only(project):
    for key in ("acme", "globex"):
        project.call(make_ann, key)
    said = project.manage("tenants", "grant", "acme", ANN, "admin", "owner").ok().out
    assert said == "ann in acme: owner, admin (active).\n"
    assert roles_of(project, "acme") == {"ann": (["admin"], True)}
    assert roles_of(project, "globex") == {"ann": ([], False)}
    refused(project.manage("tenants", "revoke", "acme", "ann", "--all"), "Transfer it")
    project.manage("tenants", "revoke", "globex", "ann", "--all").ok()
    assert roles_of(project, "globex") == {}
    assert "Nobody." in project.manage("tenants", "members", "globex").ok().out
    assert roles_of(project, "acme") == {"ann": (["admin"], True)}


def test_a_failing_verb_says_what_to_do_without_a_traceback(project):
    refused(project.manage("tenants", "members", "nobody"), "no tenant 'nobody'")
    refused(project.manage("tenants", "grant", "acme", "x", "admin"), "no user has")


def test_shared_users_without_the_app_of_memberships_are_members_of_nothing(project):
    ended = project.manage("tenants", "members", "acme", "--shared")
    refused(ended, "'tenantry.users' in INSTALLED_APPS")
