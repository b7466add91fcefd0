"""A tenant has the apps of its kind, and what it shares; the others say so."""

from contextlib import nullcontext
from functools import partial

import pytest

from tests.kinds.conftest import ALL

pytestmark = pytest.mark.postgres
KINDS = {kind for _, kind in ALL.values()}


def told(function):
    """Return what a function returns, or the name of what it raises."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001  (told to the test)
        return type(error).__name__


def each(function, *, without=None):
    """Call the function in each tenant; return what it said. *without*: a context."""
    from tenantry import override_tenant

    found = {}
    with without or nullcontext():
        for key in ALL:
            with override_tenant(key):
                found[key] = told(function)
    return found


def by_kind(found):
    """Return the one answer of each kind; fail where tenants of one kind differ."""
    answers = {
        kind: {repr(found[key]) for key in ALL if ALL[key][1] == kind} for kind in KINDS
    }
    assert all(len(said) == 1 for said in answers.values()), found
    return {
        kind: next(found[key] for key in ALL if ALL[key][1] == kind) for kind in KINDS
    }


def count_all(without=None):
    """Return how many authors, gadgets and users each tenant sees, and where."""
    from django.contrib.auth.models import User
    from gadgets.models import Gadget

    from tests.geo.models import Country
    from tests.shop.models import Author

    def ask():
        from tenantry import require_tenant

        own = require_tenant().label
        return {
            "authors": told(Author.objects.count),
            "gadgets": told(Gadget.objects.count),
            "countries": told(Country.objects.count),
            "user": told(
                lambda: User.objects.get(pk=1).username.replace(
                    str(require_tenant()), "own"
                )
            ),
            "own": User.objects.get(pk=1)._state.db == own,
        }

    return each(ask, without=without)


def test_each_kind_has_its_apps_and_what_it_shares(world):
    assert by_kind(world.call(count_all)) == {
        "default": {
            "authors": 1,
            "gadgets": "NotInKind",
            "countries": 0,
            "user": "own",
            "own": True,
        },
        "blog": {
            "authors": "NotInKind",
            "gadgets": 1,
            "countries": 0,
            "user": "own",
            "own": True,
        },
        "board": {
            "authors": "NotInKind",
            "gadgets": 1,
            "countries": 0,
            "user": "shared",
            "own": False,
        },
    }


def count_without_kinds():
    """Ask as if every tenant had the apps of all kinds."""
    from tenantry import guards
    from tests.world import replaced

    guards.sides.clear()
    everything = dict.fromkeys([None, *KINDS], guards.sides[None])
    with replaced(guards, "sides", everything):
        return {key: told(partial(count_of, key)) for key in ALL}


def count_of(key):
    from tenantry import override_tenant
    from tests.shop.models import Author

    with override_tenant(key):
        return Author.objects.count()


def test_without_the_guard_the_table_is_asked_for(world):
    found = world.call(count_without_kinds)
    assert "NotInKind" not in found.values()
    assert {found[key] for key, (_, kind) in ALL.items() if kind == "default"} == {1}
    errors = {found[key] for key, (_, kind) in ALL.items() if kind != "default"}
    assert errors <= {"ProgrammingError", "OperationalError"}


def message():
    from tenantry import override_tenant
    from tests.shop.models import Book

    with override_tenant("globex"):
        try:
            Book.objects.exists()
        except Exception as error:  # noqa: BLE001  (told to the test)
            return [str(error), error.what, error.kind]


def test_the_error_names_model_kind_and_what_to_do(world):
    said, what, kind = world.call(message)
    assert (what, kind) == ("shop.Book", "blog")
    assert "TENANTRY['KINDS']['blog']['TENANT_APPS']" in said
    assert "manage.py tenants migrate --kind blog" in said


def every_way():
    """Use what the kind lacks in every way; return those that did not raise."""
    from django.core.management import call_command
    from gadgets.models import Gadget

    from tenantry import override_tenant, require_tenant
    from tests.shop.models import Author, Book

    with override_tenant("acme"):
        theirs = Author.objects.get(pk=1)

    def ways():
        gadget, label = Gadget.objects.get(pk=1), require_tenant().label
        return {
            "create": lambda: Author.objects.create(name="x"),
            "save": lambda: Author(name="x").save(),
            "save using": lambda: Author(name="x").save(using=label),
            "default": lambda: Author.objects.using("default").exists(),
            "label": lambda: Author.objects.using(label).exists(),
            "shared": lambda: Author.objects.using("tenantry:shared").exists(),
            "bulk": lambda: Author.objects.bulk_create([Author(name="x")]),
            "update": lambda: Author.objects.update(name="x"),
            "delete": Author.objects.all().delete,
            "subquery": lambda: list(
                Gadget.objects.filter(pk__in=Book.objects.values("pk"))
            ),
            "join": lambda: list(Gadget.objects.filter(notes__text="x")),
            "generic": lambda: list(gadget.notes.all()),
            "prefetch": lambda: list(Gadget.objects.prefetch_related("notes")),
            "raw": lambda: list(Author.objects.raw("SELECT 1 AS id")),
            "object": theirs.delete,
            "dumpdata": lambda: call_command("dumpdata", "shop"),
        }

    found = {}
    for key in ("globex", "initech", "umbrella", "aviato"):
        with override_tenant(key):
            found[key] = {name: told(way) for name, way in ways().items()}
    return found


def test_what_a_kind_lacks_is_refused_in_every_way(world):
    for said in world.call(every_way).values():
        assert said.pop("object") == "WrongTenant"
        assert said.pop("dumpdata") == "CommandError"
        others = {way: error for way, error in said.items() if error != "NotInKind"}
        assert not others


def users_across():
    """Use users where auth is another's: of a tenant, or of the shared site."""
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    users = {}
    for key in (None, "acme", "globex", "bureau", "umbrella", "hq"):
        with override_tenant(key):
            users[key] = User.objects.get(pk=1)
    found = {}
    for key in users:
        with override_tenant(key):
            found[str(key)] = {
                str(owner): told(user.refresh_from_db) or told(user.save)
                for owner, user in users.items()
            }
    return found


def test_a_user_is_used_where_it_belongs(world):
    """`board` shares users: those of the shared site, and of other `board` tenants."""
    shared = {"None", "bureau", "umbrella", "hq"}
    for here, said in world.call(users_across).items():
        good = shared if here in shared else {here}
        assert {owner for owner, error in said.items() if error is None} == good
        assert {said[owner] for owner in said.keys() - good} == {"WrongTenant"}


def delete_users(*, keep_seam=True):
    """Delete user 1 of each tenant that has users of its own; say who is left."""
    from django.contrib.auth.models import User
    from django.db.models import deletion
    from gadgets.models import Gadget

    from tenantry import override_tenant
    from tests.world import without_seam

    name = "get_candidate_relations_to_delete"
    found = {}
    for key in ("acme", "globex", "initech", "aviato"):
        context = nullcontext() if keep_seam else without_seam(deletion, name)
        with override_tenant(key), context:
            user = User.objects.create(pk=7, username="seven")
            gone = told(user.delete)
            found[key] = gone if isinstance(gone, str) else gone[0]
            User.objects.filter(pk=7)._raw_delete("default")
    with override_tenant("bureau"):
        seven = User.objects.create(pk=7, username="seven")
        Gadget.objects.create(pk=7, name="seven", user_id=7).delete()
        found["bureau"] = told(lambda: seven.delete()[0])
    return found, User.objects.filter(pk__in=[1, 7]).count()


def test_deleting_asks_for_no_table_that_the_kind_lacks(world):
    """Only kind `default` has the admin's log, which refers to users."""
    keys = ("acme", "globex", "initech", "aviato", "bureau")
    assert world.call(delete_users) == [dict.fromkeys(keys, 1), 1]


def test_without_the_seam_deleting_asks_for_it(world):
    found, _ = world.call(delete_users, keep_seam=False)
    assert found["acme"] == 1
    assert {found[key] for key in ("globex", "initech", "aviato")} == {"NotInKind"}


def kinds_of_rows():
    """Try to change a kind, and to make a row of one that is none."""
    from django.core.exceptions import ValidationError

    from tests.customers.models import Tenant

    tenant = Tenant.objects.get(key="acme")
    tenant.kind = "blog"
    found = [told(tenant.save), told(lambda: Tenant.objects.update(kind="blog"))]
    try:
        Tenant.objects.provision(key="odd", kind="nonsense")
    except ValidationError as error:
        found.append(error.messages)
    return found, Tenant.objects.filter(key="odd").exists()


def test_a_kind_is_given_once_and_known(world):
    (save, update, odd), there = world.call(kinds_of_rows)
    assert (save, update) == ("ValidationError", "NotSupported")
    assert odd == ["There is no kind 'nonsense'; there are: default, blog, board."]
    assert not there
