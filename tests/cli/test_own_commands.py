"""`TenantCommand`: a project's own commands take tenants as the verbs do."""

import json

import pytest

from tenantry.management import TenantCommand

BY = "handle_tenant runs with the tenant active"
pytestmark = pytest.mark.service("Management commands", "TenantCommand", by=BY)


def test_it_acts_on_all_active_tenants(fleet):
    out = fleet.manage("praise").ok().out
    for key in ("acme", "globex", "eu-one", "eu-two"):
        own = f"==> {key}\nAnn of {key} is good\nprinted for {key}\ndone in {key}\n"
        assert own in out
        assert f"{key}: ok" in out
    assert "us-one" not in out


def test_one_that_handles_no_tenant_says_what_is_missing():
    class Command(TenantCommand):
        """Written as a command for one site, it would run with no tenant active."""

        def handle(self, **_options):
            raise AssertionError

    with pytest.raises(NotImplementedError, match=r"needs a method `handle_tenant\("):
        Command().create_parser("manage.py", "command")


def test_it_takes_the_same_choice_as_the_verbs(fleet):
    argv = ["--only", "eu-*", "--exclude", "eu-two", "--where", "name=EU-ONE"]
    out = fleet.manage("praise", *argv, "--placement", "default").ok().out
    assert out == "Ann of eu-one is good\nprinted for eu-one\ndone in eu-one\n"
    assert "us-one" in fleet.manage("praise", "--state", "suspended").ok().out
    parts = [fleet.manage("praise", "--shard", f"{i}/2").ok().out for i in (1, 2)]
    for key in ("acme", "globex", "eu-one", "eu-two"):
        assert sum(f"of {key} is" in part for part in parts) == 1


def test_jobs_keep_the_output_of_tenants_apart(fleet):
    ended = fleet.manage("praise", "nice", "--jobs", "3", "--format", "json").ok()
    told = json.loads(ended.out)
    assert (told["verb"], told["done"], told["failed"]) == ("praise", 4, 0)
    for step in told["tenants"]:
        key = step["key"]
        assert step["result"] == (
            f"Ann of {key} is nice\nprinted for {key}\ndone in {key}\n"
        )


def test_a_failure_stops_no_other_and_says_what_does_the_rest(fleet):
    argv = ["--only", "acme,globex", "great", "--not-in", "acme", "--jobs=2"]
    ended = fleet.manage("praise", *argv)
    assert ended.status == 1
    assert "Ann of globex is great" in ended.out
    assert "acme: FAILED: CommandError: not in ACME" in ended.out
    assert "1 of 2 tenants failed" in ended.err
    assert "manage.py praise great --not-in acme --only acme\n" in ended.err
    assert "Traceback" not in ended.err


def test_a_choice_that_cannot_be_is_told(fleet):
    ended = fleet.manage("praise", "--only", "nobody")
    assert ended.status == 1
    assert "no tenant 'nobody'" in ended.err
    assert "Traceback" not in ended.err


def test_within_tenants_run_it_acts_on_that_tenant_only(fleet):
    out = fleet.manage("tenants", "run", "--only", "acme", "--", "praise").ok().out
    assert out == "Ann of acme is good\nprinted for acme\ndone in acme\n"


def test_call_command_writes_where_it_is_told(fleet):
    said = fleet.call(call_praise)
    assert said == "Ann of acme is good\ndone in acme\n"


def call_praise():
    import io

    from django.core.management import call_command

    out = io.StringIO()
    call_command("praise", only=["acme"], stdout=out)
    return out.getvalue()
