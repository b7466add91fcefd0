"""`tenants run -- COMMAND`: any command, its own options intact, for each tenant."""

import json

from tests.lifecycle import acts


def run(project, *argv):
    return project.manage("tenants", "run", *argv)


def test_an_option_named_like_ours_is_the_commands(fleet):
    ended = run(
        fleet, "--only", "acme", "--", "dumpdata", "shop.author", "--format", "json"
    )
    (row,) = json.loads(ended.ok().out)
    assert row["fields"]["name"] == "Ann of acme"
    xml = run(fleet, "--only", "acme", "--", "dumpdata", "shop.author", "--format=xml")
    assert xml.ok().out.startswith("<?xml")


def test_each_tenant_has_its_own_output(fleet):
    ended = run(
        fleet, "--format", "json", "--", "dumpdata", "shop.author", "--format", "json"
    )
    steps = json.loads(ended.ok().out)["tenants"]
    for step in steps:
        (row,) = json.loads(step["result"])
        assert row["fields"]["name"] == f"Ann of {step['key']}"
    assert len(steps) == 4


def test_jobs_share_the_tenants_out(fleet):
    ended = run(
        fleet, "--jobs", "2", "--format", "json", "--", "dumpdata", "shop.author"
    )
    steps = json.loads(ended.ok().out)["tenants"]
    assert sorted(s["key"] for s in steps) == ["acme", "eu-one", "eu-two", "globex"]
    for step in steps:
        assert f"Ann of {step['key']}" in step["result"]


def test_text_names_the_tenant_above_what_it_said(fleet):
    out = run(fleet, "--only", "eu-*", "--", "dumpdata", "shop.author").ok().out
    assert (
        out.index("==> eu-one") < out.index("Ann of eu-one") < out.index("==> eu-two")
    )


def test_without_dashes_a_command_may_follow_as_well(fleet):
    assert "Ann of acme" in run(fleet, "--only", "acme", "dumpdata", "shop").ok().out


def test_a_command_that_is_none_is_refused(fleet):
    for argv, said in (
        (["--", "frobnicate"], "no command 'frobnicate'"),
        ([], "Name the command"),
        (["--"], "Name the command"),
    ):
        ended = run(fleet, *argv)
        assert ended.status == 1
        assert said in ended.err
        assert "Traceback" not in ended.err


def test_a_wrong_option_of_the_command_is_told(fleet):
    ended = run(fleet, "--only", "acme", "--", "dumpdata", "--nonsense")
    assert ended.status != 0
    assert "--nonsense" in ended.err
    assert "Traceback" not in ended.err


ONLY_FOR_ONE = """
from tenantry import require_tenant
if require_tenant().key == 'eu-one': raise ValueError('{not} today')
print('did', require_tenant().key)
"""


def test_one_tenants_failure_stops_no_other(fleet):
    for jobs in ("1", "2"):
        ended = run(fleet, "--jobs", jobs, "--", "shell", "-v0", "-c", ONLY_FOR_ONE)
        assert ended.status == 1
        assert "==> acme\ndid acme\n" in ended.out
        for key in ("acme", "eu-two", "globex"):
            assert f"{key}: ok" in ended.out
        assert "eu-one: FAILED: ValueError: {not} today" in ended.out
        assert "1 of 4 tenants failed" in ended.err
        assert "manage.py tenants run --only eu-one -- shell" in ended.err
        assert "Traceback" not in ended.err


def test_the_failure_is_told_in_json_too(fleet):
    ended = run(fleet, "--format", "json", "--", "shell", "-v0", "-c", ONLY_FOR_ONE)
    assert ended.status == 1
    told = json.loads(ended.out)
    assert (told["done"], told["failed"]) == (3, 1)
    (bad,) = [step for step in told["tenants"] if not step["ok"]]
    assert (bad["key"], bad["error"]) == ("eu-one", "ValueError: {not} today")


def test_createsuperuser_makes_the_tenants_user(project, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "secret")
    project.close_server()
    argv = ["createsuperuser", "--no-input", "--username", "root", "--email", "a@b.de"]
    run(project, "--only", "acme", "--", *argv).ok()
    assert project.call(users, "acme") == [["root", True]]
    assert project.call(users, "globex") == []
    assert project.call(users, None) == []
    again = run(project, "--only", "acme,globex", "--", *argv)
    assert again.status == 1
    assert project.call(users, "globex") == [["root", True]]


def users(key):
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    with override_tenant(key):
        return list(User.objects.values_list("username", "is_superuser"))


def test_what_is_dumped_is_loaded_into_another(project, tmp_path):
    file = str(tmp_path / "shop.json")
    run(project, "--only", "acme", "--", "dumpdata", "shop", "-o", file).ok()
    run(project, "--only", "us-one", "--", "loaddata", file).ok()
    assert project.call(acts.authors, "us-one") == [[1, "Ann of acme"]]
    assert project.call(acts.authors, "us-one", add="Next")[-1] == [2, "Next"]
    assert project.call(acts.authors, "acme") == [[1, "Ann of acme"]]


def test_flush_empties_one_tenant_and_no_other(project):
    before = project.call(everything_but, "eu-one")
    assert project.call(acts.authors, "eu-one")
    run(project, "--only", "eu-one", "--", "flush", "--no-input").ok()
    assert project.call(acts.authors, "eu-one") == []
    assert project.call(everything_but, "eu-one") == before
    assert project.call(acts.look, "eu-one")["answer"] == 200


def everything_but(key):
    from django.apps import apps

    from tenantry import override_tenant
    from tenantry.conf import conf
    from tests.customers.models import Tenant

    found = {}
    for tenant in [None, *Tenant.objects.exclude(key=key)]:
        labels = conf.shared_apps if tenant is None else conf.tenant_apps
        with override_tenant(tenant):
            found[str(tenant and tenant.key)] = {
                model._meta.label: model._base_manager.count()
                for model in apps.get_models(include_auto_created=True)
                if model._meta.app_label in labels
            }
    return found


def test_the_shell_has_the_tenant(fleet):
    code = "from tests.shop.models import Author; print(Author.objects.get().name)"
    ended = run(fleet, "--only", "globex", "--", "shell", "-v0", "-c", code)
    assert ended.ok().out.strip() == "Ann of globex"


def test_commands_without_a_tenant_say_how_to_give_one(fleet):
    code = "from tests.shop.models import Author; Author.objects.get()"
    ended = fleet.manage("shell", "-v0", "-c", code)
    assert ended.status == 1
    assert "tenants run --only KEY" in ended.err
