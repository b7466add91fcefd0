"""`tenants suspend` and `tenants resume`, and the methods that they call."""

import json

import pytest


def test_a_suspended_tenant_is_not_served_until_it_is_resumed(project):
    assert "acme: ok" in project.manage("tenants", "suspend", "acme").ok().out
    assert project.call(answers, "acme") == ["suspended", 403]
    project.manage("tenants", "suspend", "acme").ok()  # it is so already
    project.manage("tenants", "resume", "--only", "acme").ok()
    assert project.call(answers, "acme") == ["active", 200]
    assert project.call(answers, "globex") == ["active", 200]


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_there_is_no_default_choice(project, verb):
    ended = project.manage("tenants", verb)
    assert ended.status == 1
    assert f"Name the tenants to {verb}: there is no default." in ended.err


def test_a_tenant_that_is_not_whole_keeps_its_state(project):
    project.call(put, "eu-one", "dropping")
    project.call(put, "eu-two", "maintenance")
    for verb in ("suspend", "resume"):
        argv = ["tenants", verb, "--only", "eu-*", "--format", "json"]
        ended = project.manage(*argv)
        assert ended.status == 1
        told = {step["key"]: step for step in json.loads(ended.out)["tenants"]}
        assert "it is being dropped" in told["eu-one"]["error"]
        assert told["eu-two"]["ok"]
        assert f"manage.py tenants {verb} --only eu-one" in ended.err
    assert project.call(answers, "eu-one")[0] == "dropping"
    assert project.call(answers, "eu-two") == ["active", 200]
    project.call(put, "eu-one", "active")


def test_receivers_are_told(project):
    seen = project.call(steps, "us-one")
    assert seen == [
        ["suspend", "changed", False],
        ["suspend", "changed", True],
        ["resume", "changed", False],
        ["resume", "changed", True],
    ]


def answers(key):
    from django.test import Client

    from tests.customers.models import Tenant

    host = f"{key}.example.com"
    status = Client().get("/", headers={"host": host}).status_code
    return Tenant.objects.get(key=key).state, status


def put(key, state):
    from tests.customers.models import Tenant

    tenant = Tenant.objects.get(key=key)
    tenant.state = state
    tenant.save()


def steps(key):
    from tenantry.signals import lifecycle_step
    from tests.customers.models import Tenant

    seen = []

    def note(action, step, done, **_):
        seen.append([action, step, done])

    lifecycle_step.connect(note)
    tenant = Tenant.objects.get(key=key)
    tenant.suspend()
    assert tenant.state == "suspended"
    tenant.suspend()
    tenant.resume()
    return seen
