"""What is public is in the reference, and what is in the reference is there."""

import inspect
import re

import pytest

import tenantry
from tenantry import exceptions, isolation, models, routing, signals
from tenantry.contrib import celery, channels
from tenantry.management.commands.tenants import VERBS, Command
from tenantry.options import ISOLATIONS, OPTIONS
from tenantry.scopes import tasks
from tenantry.users import people
from tests.django_suite import differences
from tests.docs.pages import (
    DOCS,
    ROOT,
    TUTORIAL,
    anchors,
    names,
    prose,
    rows,
    section,
)

API = DOCS / "reference" / "api.md"
CHECKS = DOCS / "reference" / "checks.md"
COMMANDS = DOCS / "reference" / "commands.md"
SETTINGS = DOCS / "reference" / "settings.md"
STATES = DOCS / "reference" / "states.md"

CHECK_ID = re.compile(r'"([EW]\d{3})"')
DERIVED = {"TENANT_MODEL", "ISOLATION", "PLACEMENTS", "SHARED_HOSTS", "URL_SCHEME"}
# What argparse and Django give to every command.
EVERYWHERE = {"-h", "--help"}
CHOICE = "[which tenants](#which-tenants)"


def first_names(text):
    """Return the names in the first cells of the tables."""
    return [name for cells in rows(text) for name in names(cells[0])]


def as_written(default):
    """Return a default as the settings' page writes it."""
    if isinstance(default, tuple):
        return "[" + ", ".join(f'"{each}"' for each in default) + "]"
    return f'"{default}"' if isinstance(default, str) else repr(default)


def subparser(verb):
    parser = Command().create_parser("manage.py", "tenants")
    return parser._subparsers._group_actions[0].choices[verb]


def options_of(verb):
    """Return the verb's options, and whether it takes a choice of tenants."""
    parser = subparser(verb)
    chosen = {
        flag
        for group in parser._action_groups
        if group.title and group.title.startswith("which tenants")
        for action in group._group_actions
        for flag in action.option_strings
    }
    own = {flag for action in parser._actions for flag in action.option_strings}
    return own - chosen - EVERYWHERE, chosen


# --- settings


def test_every_option_is_documented_and_no_other():
    assert first_names(section(SETTINGS, "Options")) == list(OPTIONS)


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - DERIVED))
def test_default_of_an_option_is_the_documented_one(name):
    documented = {
        names(cells[0])[0]: names(cells[2])
        for cells in rows(section(SETTINGS, "Options"))
    }
    assert documented[name] == [as_written(OPTIONS[name].default)]


def test_every_isolation_and_its_options_are_documented_and_no_other():
    for path in ISOLATIONS.values():
        backend = getattr(isolation, path.rpartition(".")[2])
        assert set(first_names(section(SETTINGS, path))) == backend.option_names


def test_every_resolver_and_its_options_are_documented_and_no_other():
    documented = {
        names(cells[0])[0]: set(names(cells[1]))
        for cells in rows(section(SETTINGS, "Resolvers"))
    }
    assert documented == {
        name: set(cls.option_names)
        for name, cls in inspect.getmembers(routing, inspect.isclass)
        if issubclass(cls, routing.Resolver) and cls is not routing.Resolver
    }


# --- checks


def test_every_check_is_documented_and_no_other():
    used = {
        found
        for path in (ROOT / "src" / "tenantry").rglob("*.py")
        for found in CHECK_ID.findall(path.read_text())
    }
    assert used
    headings = re.findall(r"^## ([EW]\d{3})$", prose(CHECKS), re.MULTILINE)
    assert set(headings) == used
    assert len(headings) == len(used)


def test_every_check_has_a_cause_a_mend_and_the_anchor_of_its_hint():
    there = anchors(CHECKS)
    for found in re.findall(r"^## ([EW]\d{3})$", prose(CHECKS), re.MULTILINE):
        text = section(CHECKS, found).partition("<a id=")[0]
        cause, mend, _ = text.partition("**Mend:**")
        assert cause.strip(), found
        assert mend, found
        assert found.lower() in there


# --- commands


def test_every_verb_is_documented_and_no_other():
    headings = re.findall(r"^## (\w+)$", prose(COMMANDS), re.MULTILINE)
    assert headings == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_documented_and_no_other(verb):
    own, chosen = options_of(verb)
    text = section(COMMANDS, verb)
    assert set(first_names(text)) == own
    assert (CHOICE in text) == bool(chosen)


def test_every_option_of_the_choice_is_documented_and_no_other():
    _, chosen = options_of("list")
    assert set(first_names(section(COMMANDS, "Which tenants"))) == chosen


@pytest.mark.parametrize("verb", VERBS)
def test_default_of_an_option_of_a_verb_is_the_documented_one(verb):
    parser = subparser(verb)
    for cells in rows(section(COMMANDS, verb)):
        (flag,) = names(cells[0])
        action = parser._option_string_actions[flag]
        assert action.required == (cells[1] == "required")
        if names(cells[1]):
            assert names(cells[1]) == [str(action.default)]
        else:
            assert not (action.nargs is None and action.default), flag


# --- names


def test_every_public_function_is_documented_and_no_other():
    documented = {
        name.partition("(")[0] for name in first_names(section(API, "tenantry"))
    }
    assert documented == set(tenantry.__all__)


def test_every_name_for_background_work_is_documented_and_no_other():
    documented = {
        name.partition("(")[0]
        for heading in ("Background tasks", "Channels")
        for name in first_names(section(API, heading))
    }
    public = {*celery.__all__, *channels.__all__, *tasks.__all__}
    assert documented == public - {"CARRIED", "available"}


def test_every_public_model_is_documented_and_no_other():
    text = section(API, "tenantry.models").partition("\n### ")[0]
    assert set(first_names(text)) == set(models.__all__)


def test_every_public_method_of_a_tenant_exists():
    for cells in rows(section(API, "AbstractTenant")):
        name = names(cells[0])[0].partition("(")[0]
        owner, dot, attribute = name.rpartition(".")
        if dot:
            place = models.AbstractTenant if owner == "tenant" else models.TenantManager
            assert hasattr(place, attribute), name


def test_every_field_is_documented_and_no_other():
    text = section(API, "AbstractTenant")
    fields = [
        name
        for cells in rows(text)
        for name in names(cells[0])
        if "." not in name and "(" not in name
    ]
    documented = set(fields)
    assert documented == {field.name for field in models.AbstractTenant._meta.fields}
    text = section(API, "AbstractDomain")
    for field in models.AbstractDomain._meta.fields:
        assert f"`{field.name}`" in text


def test_every_signal_is_documented_and_no_other():
    assert set(first_names(section(API, "Signals"))) == set(signals.__all__)


def test_every_exception_is_documented_and_no_other():
    raised = {
        name
        for name, cls in inspect.getmembers(exceptions, inspect.isclass)
        if cls.__module__ == exceptions.__name__
    }
    assert set(first_names(section(API, "Exceptions"))) == raised


def test_every_attribute_of_an_exception_is_documented_and_no_other():
    for cells in rows(section(API, "Exceptions")):
        cls = getattr(exceptions, names(cells[0])[0])
        own = vars(cls).get("__init__")
        told = set(re.findall(r"self\.(\w+) =", inspect.getsource(own)) if own else [])
        assert set(names(cells[2])) == told, cls


def test_every_name_for_people_is_documented():
    said = {name.partition("(")[0] for name in first_names(section(API, "People"))}
    offered = set(people.__all__) - {"ConfinedPeople", "SharedPeople", "are_confined"}
    assert said == offered | {"Person", "membership", "memberships_of"}


def test_every_name_for_resolvers_and_isolations_is_documented():
    for module, heading in ((routing, "Resolvers"), (isolation, "Isolations")):
        text = section(API, heading)
        classes = set(module.__all__) - {"Template", "isolations"}
        assert not [name for name in classes if f"`{name}`" not in text]
        flags = [name for name in vars(isolation.Isolation) if "supports_" in name]
        if module is isolation:
            assert not [name for name in flags if f"`{name}`" not in text]


def test_every_state_is_documented_and_no_other():
    documented = [
        (names(cells[0])[0], names(cells[1])[0])
        for cells in rows(prose(STATES).partition("## Steps")[0])
    ]
    assert documented == [(f"State.{each.name}", each.value) for each in models.State]


def test_the_tutorial_is_one_page():
    assert TUTORIAL.is_file()


def test_the_differences_from_django_are_those_that_its_suite_is_held_against():
    text = differences.PAGE.read_text()
    assert text.partition(differences.HEADING)[2] == differences.as_markdown()
