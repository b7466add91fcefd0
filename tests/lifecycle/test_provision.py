"""Provisioning is all or nothing, whoever else does it and whatever goes wrong."""

from tests.lifecycle import acts
from tests.lifecycle.test_killed import GONE, LIVE
from tests.projects import Barrier


def test_of_two_processes_that_want_one_key_one_gets_it(project, tmp_path):
    barrier = Barrier(tmp_path, ["one", "two"])
    running = [
        project.start(acts.wait_then_provision, str(tmp_path), name, "wanted")
        for name in barrier.names
    ]
    barrier.open()
    ended = sorted((each.wait().ok().result for each in running), reverse=True)
    assert ended[0] == ["made", "wanted"]
    assert ended[1][0] == "KeyTaken", ended[1]
    assert "wanted" in ended[1][1]
    assert project.call(acts.look, "wanted") == LIVE
    assert project.call(acts.names, "wanted", add="Ann") == ["Ann"]


def test_of_two_processes_that_want_one_domain_one_gets_it(project, tmp_path):
    barrier = Barrier(tmp_path, ["one", "two"])
    running = [
        project.start(
            acts.wait_then_provision,
            str(tmp_path),
            name,
            f"domain-{name}",
            domains=["taken.example.com"],
        )
        for name in barrier.names
    ]
    barrier.open()
    ended = [each.wait().ok().result for each in running]
    assert sorted(kind for kind, _ in ended) == ["KeyTaken", "made"], ended
    loser = barrier.names[[kind for kind, _ in ended].index("KeyTaken")]
    assert project.call(acts.look, f"domain-{loser}") == GONE


def test_two_that_provision_first_make_one_template(project, tmp_path):
    """Both are past the record when neither has found a template."""
    before = set(project.locations(templates=True))
    project.call(forget_templates)
    barrier = Barrier(tmp_path, ["one", "two"])
    running = [
        project.start(
            acts.wait_then_provision,
            str(tmp_path),
            name,
            f"first-{name}",
            step="located",
        )
        for name in barrier.names
    ]
    barrier.open()
    for each in running:
        assert each.wait().ok().result[0] == "made"
    for name in barrier.names:
        assert project.call(acts.names, f"first-{name}", add="Ann") == ["Ann"]
    assert project.call(stored_templates) == 1
    after = set(project.locations(templates=True)) - before
    assert len({name for name in after if "template" in name}) <= 1


def forget_templates():
    from tenantry.isolation import Template, isolations
    from tenantry.models import StoredTemplate

    for row in StoredTemplate.objects.all():
        isolation = isolations[row.placement]
        if isolation.template_is_there(Template(token=row.token)):
            isolation.server.destroy(row.token)
        row.delete()


def stored_templates():
    from tenantry.models import StoredTemplate

    return StoredTemplate.objects.count()


def test_an_error_in_a_receiver_undoes_all_and_the_key_may_be_used(project):
    before = project.locations()
    error, seen = project.call(acts.provision_with_bad_receiver, "seeded")
    assert error == "ZeroDivisionError"
    assert seen == GONE
    assert project.locations() == before
    project.call(acts.provision, "seeded")
    assert project.call(acts.authors, "seeded") == []


def test_inside_atomic_nothing_is_done(project):
    project.call(acts.provision, "stays")
    before = project.locations()
    for error in project.call(acts.act_in_atomic, "never", "stays"):
        assert error[0] == "RuntimeError"
    assert project.locations() == before
    assert project.call(acts.look, "never") == GONE
    assert project.call(acts.look, "stays") == LIVE


def test_a_dropped_key_is_refused_for_ever(project):
    project.call(acts.provision, "once")
    project.call(acts.drop, "once")
    before = project.locations()
    for name, text in project.call(acts.provision_again, "once"):
        assert name == "KeyTaken"
        assert "dropped" in text
    assert project.call(acts.look, "once") == GONE | {"key": "dropped"}
    assert project.locations() == before
    ended = project.manage("tenants", "create", "once")
    assert ended.status == 1
    assert "once" in ended.err


def test_a_taken_key_is_refused_and_its_tenant_unharmed(project):
    project.call(acts.provision, "held")
    project.call(acts.authors, "held", add="Ann")
    error = project.call(attempt_again, "held")
    assert error[0] == "KeyTaken", error
    assert project.call(acts.names, "held") == ["Ann"]
    assert project.call(acts.look, "held") == LIVE


def attempt_again(key):
    return acts.error_of(lambda: acts.provision(key, domains=[]))


def provision_at_a_string():
    return acts.error_of(lambda: acts.provision("str", domains="s.example.com"))


def test_domains_are_a_list(project):
    name, said = project.call(provision_at_a_string)
    assert (name, said) == (
        "TypeError",
        "`domains` is a list of hosts: ['s.example.com'], not 's.example.com'.",
    )
    assert project.call(acts.look, "str") == GONE


def save_a_row(key):
    from tests.customers.models import Tenant

    Tenant.objects.create(key=key, name=key)


def test_a_row_that_was_only_saved_is_told_from_one_left_half_way(project):
    project.call(save_a_row, "bare")
    ended = project.manage("tenants", "create", "--resume", "bare")
    assert ended.status == 1
    assert "its row was saved without `provision()`" in ended.err
    assert "manage.py tenants drop bare" in ended.err
    project.manage("tenants", "drop", "bare", "--no-input").ok()
    assert project.call(acts.look, "bare") == GONE | {"key": "dropped"}


def test_what_another_process_is_at_work_on_is_left_to_it(project, tmp_path):
    barrier = Barrier(tmp_path, ["slow"])
    slow = project.start(
        acts.wait_then_provision, str(tmp_path), "slow", "slow", step="seeded"
    )
    (tmp_path / "slow.there").read_text()
    for argv in (["create", "--resume", "slow"], ["drop", "slow", "--no-input"]):
        ended = project.manage("tenants", *argv)
        assert ended.status == 1
        assert "is at work on it" in ended.err
        assert "Traceback" not in ended.err
    assert project.call(acts.look, "slow")["answer"] == 503
    barrier.release("slow")
    assert slow.wait().ok().result == ["made", "slow"]
    assert project.call(acts.look, "slow") == LIVE


def resume_at_once(folder, name, key):
    """Resume when the others do."""
    from tenantry.lifecycle.provision import resume
    from tests.projects import wait_at

    wait_at(folder, name)
    return acts.error_of(lambda: resume(key))


def test_of_two_processes_that_resume_one_does(project, tmp_path):
    assert project.attempt(acts.die_in_provision, "left", "located", True).killed
    barrier = Barrier(tmp_path, ["one", "two"])
    running = [
        project.start(resume_at_once, str(tmp_path), name, "left")
        for name in barrier.names
    ]
    barrier.open()
    errors = [each.wait().ok().result for each in running]
    assert None in errors, errors
    names = {error[0] for error in errors if error}
    assert names <= {"LifecycleBusy", "LifecycleError"}, errors
    assert project.call(acts.look, "left") == LIVE
    assert project.call(acts.names, "left", add="Ann") == ["Ann"]
