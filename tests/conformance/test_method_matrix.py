"""Every method of Django's models, managers and QuerySets, in every tenant.

The methods are Django's own list; `recipes.py` says how each is called. What has no
recipe fails, so that a method which a new Django brings is noticed.
"""

import pytest
from django.db import connection
from django.db.models import Manager, QuerySet
from django.db.models.query import RawQuerySet

from tenantry import guards, override_tenant
from tests.conformance import recipes
from tests.conformance.cells import (
    FREE,
    GIVEN,
    LOCAL,
    OTHER,
    Laboratory,
    Origin,
    Statements,
    Subject,
)
from tests.conformance.conftest import ISOLATION
from tests.projects import PROVE
from tests.shop.models import Author, Book, Chapter, Note, Stock, Tag
from tests.world import ONE, World, replaced, without_guards


def in_tenant(make):
    """Return a function that makes something while A is active."""

    def made(tenant):
        with override_tenant(tenant):
            return make()

    return made


def with_none(make, then=None):
    """Return a function that makes something with no tenant active; A may use it."""

    def made(tenant):
        found = make()
        if then is not None:
            with override_tenant(tenant):
                then(found)
        return found

    return made


def read(make):
    """Return a function that makes something and reads its rows."""

    def made():
        found = make()
        list(found)
        return found

    return made


def querysets(make):
    """Return the origins of a QuerySet; a raw one can't be made with none active."""
    own = [
        Origin("made in A", in_tenant(make)),
        Origin("read in A", in_tenant(read(make))),
    ]
    unbound = [
        Origin("made in none", with_none(make), bound=False),
        Origin("read in A", with_none(make, list), bound=False, loose=True),
    ]
    return own if make is raw else own + unbound


def raw():
    """Return all books, by raw SQL."""
    return Book.objects.raw("SELECT * FROM shop_book")


def related(recipes, owner, accessor, **facts):
    """Return a related manager as a subject."""

    def make():
        return getattr(owner.objects.get(pk=ONE), accessor)

    return Subject(
        find=lambda: getattr(owner, accessor).related_manager_cls,
        origins=[Origin("of A", in_tenant(make))],
        recipes=recipes,
        **facts,
    )


def instances(model, label):
    """Return a model as a subject."""
    manager = model._default_manager
    return Subject(
        find=lambda: model,
        model=model,
        origins=[
            Origin("of A", in_tenant(manager.first)),
            Origin("of A, deferred", in_tenant(manager.only("pk").first), whole=False),
        ],
        recipes={**recipes.MODEL, **recipes.BY_FIELDS[model.__name__]},
        label=label,
    )


OF_BOOKS = {
    "model": Book,
    "label": "title",
    "one": "author",
    "many": "tags",
    "when": "chapters__written",
}
OF_TAGS = {
    "model": Tag,
    "label": "name",
    "many": "books",
    "when": "books__chapters__written",
}
OF_NOTES = {
    "model": Note,
    "label": "text",
    "one": "content_type",
    "many": "about",
    "when": "written",
}
SUBJECTS = {
    "QuerySet": Subject(
        find=lambda: QuerySet,
        origins=querysets(lambda: Book.objects.filter(pk__gte=ONE)),
        recipes=recipes.QUERYSET,
        **OF_BOOKS,
    ),
    "RawQuerySet": Subject(
        find=lambda: RawQuerySet,
        origins=querysets(raw),
        recipes=recipes.RAW,
        **OF_BOOKS,
    ),
    "Manager": Subject(
        find=lambda: Manager,
        origins=[Origin("the model's", with_none(lambda: Book.objects), bound=False)],
        recipes=recipes.MANAGER,
        **OF_BOOKS,
    ),
    "reverse key": related(recipes.RELATED, Author, "books", adds="new", **OF_BOOKS),
    "many-to-many": related(recipes.TO_MANY, Book, "tags", **OF_TAGS),
    "reverse many-to-many": related(recipes.TO_MANY, Tag, "books", **OF_BOOKS),
    "generic relation": related(
        recipes.RELATED, Author, "notes", adds="new", **OF_NOTES
    ),
    "Author": instances(Author, "name"),
    "Book": instances(Book, "title"),
    "Chapter": instances(Chapter, "title"),
    "Note": instances(Note, "text"),
    "Stock": instances(Stock, "sku"),
    "Tag": instances(Tag, "name"),
}
METHODS = [
    pytest.param(subject, name, id=f"{title}.{name}")
    for title, subject in SUBJECTS.items()
    for name in subject.names()
]
if connection.vendor != "sqlite" and not PROVE:
    # All are tried with files; here every fourth one, another part in each isolation.
    METHODS = METHODS[len(ISOLATION) % 4 :: 4]


@pytest.fixture(scope="module")
def laboratory(_pair):
    with Statements().installed() as statements:
        yield Laboratory(World(*_pair), statements)


@pytest.mark.parametrize(("subject", "name"), METHODS)
def test_a_method_is_right_in_its_tenant_and_refused_elsewhere(
    laboratory, subject, name
):
    assert subject.variants(name), (
        "no recipe says how to call it: see tests/conformance/recipes.py"
    )
    with laboratory:
        for cell, wrong in laboratory.wrongs(subject, name):
            assert wrong is None, (cell.origin.title, cell.use, wrong)


@pytest.mark.parametrize("title", SUBJECTS)
def test_control_without_guards_the_matrix_is_red(laboratory, title):
    """Every cell that the boundary refuses does harm without it, or fails."""
    subject = SUBJECTS[title]
    red, green = 0, set()
    with (
        laboratory,
        without_guards(),
        replaced(guards, "require_results", lambda _: None),
    ):
        for name in subject.names():
            cells = laboratory.wrongs(subject, name, (OTHER, GIVEN))
            for cell, wrong in cells:
                if cell.use == OTHER and not cell.origin.bound:
                    continue
                red += wrong is not None
                if wrong is None and cell.kind not in {LOCAL, FREE}:
                    green.add((name, cell.origin.title, cell.use))
    assert green == set()
    assert red
