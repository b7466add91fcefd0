"""A QuerySet made in one tenant can't be evaluated in another."""

import copy
import pickle

import pytest
from django import forms
from django.db import models
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, Subquery
from django.db.models.query import RawQuerySet
from django.db.models.sql.query import Query

from tenantry import get_tenant, guards, override_tenant
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tests.shop.models import Author, Book, Tag
from tests.world import ONE, TWO, in_threads, replaced, rows, run, without_guards

CLASS_LEVEL = Author.objects.order_by("pk")


async def every(queryset):
    """Return the names, asynchronously."""
    return [author.name async for author in queryset]


async def every_by_iterator(queryset):
    """Return the names, asynchronously and one by one."""
    return [author.name async for author in queryset.aiterator()]


def names(queryset):
    """Return the names of authors."""
    return [author.name for author in queryset]


EVALUATIONS = {
    "list": names,
    "len": len,
    "bool": bool,
    "first": lambda qs: qs.first().name,
    "last": lambda qs: qs.last().name,
    "index": lambda qs: qs[0].name,
    "slice": lambda qs: names(qs[:1]),
    "get": lambda qs: qs.get(pk=ONE).name,
    "all": lambda qs: names(qs.all()),
    "filtered": lambda qs: names(qs.filter(pk=ONE)),
    "iterator": lambda qs: names(qs.iterator()),
    "iterator in chunks": lambda qs: names(qs.iterator(chunk_size=1)),
    "aggregate": lambda qs: qs.aggregate(n=Count("pk")),
    "count": lambda qs: qs.count(),
    "exists": lambda qs: qs.exists(),
    "contains": lambda qs: qs.contains(Author.objects.get(pk=ONE)),
    "values": lambda qs: list(qs.values("name")),
    "values_list": lambda qs: list(qs.values_list("name", flat=True)),
    "in_bulk": lambda qs: [x.name for x in qs.in_bulk([ONE]).values()],
    "earliest": lambda qs: qs.order_by().earliest("pk").name,
    "using": lambda qs: names(qs.using("default")),
    "using its label": lambda qs: names(
        qs.using(get_tenant().label if get_tenant() else "tenant:nobody")
    ),
    "reversed": lambda qs: names(qs.reverse()),
    "extra": lambda qs: names(qs.extra(where=["1=1"])),
    "explain": lambda qs: qs.explain(),
    "async for": lambda qs: run(every(qs)),
    "async iterator": lambda qs: run(every_by_iterator(qs)),
    "deepcopy": lambda qs: names(copy.deepcopy(qs)),
    "subquery": lambda qs: list(Book.objects.filter(author__in=qs)),
    "exists, subquery": lambda qs: list(
        Book.objects.filter(Exists(qs.filter(pk=OuterRef("author"))))
    ),
    "annotation": lambda qs: list(
        Book.objects.annotate(
            by=Subquery(qs.filter(pk=OuterRef("author")).values("name")[:1])
        ).values_list("by")
    ),
    "Q with a subquery": lambda qs: list(Book.objects.filter(Q(author__in=qs))),
    "its query as a value": lambda qs: list(Book.objects.filter(author__in=qs.query)),
    "union": lambda qs: names(Author.objects.filter(pk=TWO).union(qs.order_by())),
    "union of it": lambda qs: names(qs.order_by().union(Author.objects.filter(pk=TWO))),
    "intersection": lambda qs: names(
        Author.objects.order_by().intersection(qs.order_by())
    ),
    "or": lambda qs: names(Author.objects.filter(pk=TWO).order_by("pk") | qs),
    "or of it": lambda qs: names(qs | Author.objects.filter(pk=TWO).order_by("pk")),
    "and": lambda qs: names(Author.objects.order_by("pk") & qs),
    "prefetch": lambda qs: [
        b.author.name for b in Book.objects.prefetch_related(Prefetch("author", qs))
    ],
    "values of a form's field": lambda qs: list(
        forms.ModelChoiceField(queryset=qs).choices
    )[1],
}
CHANGES = {
    "update": lambda qs: qs.update(name="new"),
    "delete": lambda qs: qs.order_by("pk").delete(),
    "raw delete": lambda qs: qs.order_by()._raw_delete("default"),
    "create": lambda qs: qs.create(name="new"),
    "get_or_create": lambda qs: qs.get_or_create(name="new"),
    "update_or_create": lambda qs: qs.update_or_create(name="new"),
    "bulk_create": lambda qs: qs.bulk_create([Author(name="new")]),
    "update from its rows": lambda qs: Book.objects.filter(author__in=qs).update(
        title="new"
    ),
}


@pytest.fixture
def of_a(world):
    """A QuerySet made in A, not evaluated."""
    with override_tenant(world.a):
        return Author.objects.order_by("pk")


@pytest.mark.parametrize("evaluate", EVALUATIONS.values(), ids=EVALUATIONS.keys())
def test_a_queryset_of_another_tenant_is_not_evaluated(world, of_a, evaluate):
    with override_tenant(world.b), pytest.raises(WrongTenant):
        evaluate(of_a)
    with pytest.raises((WrongTenant, NoActiveTenant)):
        evaluate(of_a)
    with override_tenant(world.a):
        assert evaluate(of_a)


@pytest.mark.parametrize("evaluate", EVALUATIONS.values(), ids=EVALUATIONS.keys())
def test_control_without_guards_the_queryset_shows_the_other_tenant(
    world, of_a, evaluate
):
    with without_guards(), override_tenant(world.b):
        found = evaluate(of_a)
    assert found
    assert "of a" not in str(found)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_queryset_of_another_tenant_changes_nothing(world, of_a, change):
    if change is CHANGES["raw delete"]:
        with override_tenant(world.b):
            Book.objects.all().delete()
    before = rows(world.a), rows(world.b)
    with override_tenant(world.b), pytest.raises(WrongTenant):
        change(of_a)
    assert (rows(world.a), rows(world.b)) == before
    with without_guards(), override_tenant(world.b):
        change(of_a)
    assert rows(world.b) != before[1]


@pytest.mark.parametrize("name", ["list", "count", "index", "exists", "contains"])
def test_the_rows_a_queryset_holds_are_not_shown_in_another_tenant(world, of_a, name):
    evaluate = EVALUATIONS[name]
    with override_tenant(world.a):
        assert names(of_a) == ["Ann of a", "Bob of a"]
    with override_tenant(world.b), pytest.raises(WrongTenant):
        evaluate(of_a)
    with (
        replaced(guards, "require_results", lambda _: None),
        without_guards(),
        override_tenant(world.b),
    ):
        assert evaluate(of_a)
    with override_tenant(world.a):
        assert evaluate(of_a)


def test_a_queryset_at_class_level_follows_the_tenant(world):
    for tenant, name in ((world.a, "a"), (world.b, "b"), (world.a, "a")):
        with override_tenant(tenant):
            assert names(CLASS_LEVEL.all()) == [f"Ann of {name}", f"Bob of {name}"]
            assert CLASS_LEVEL.count() == 2
            assert CLASS_LEVEL.filter(name__endswith=name).count() == 2
    with pytest.raises(NoActiveTenant):
        names(CLASS_LEVEL.all())


def test_a_queryset_at_class_level_never_shows_what_it_remembers(world):
    kept = Author.objects.order_by("pk")
    with pytest.raises(NoActiveTenant):
        names(kept)
    with override_tenant(world.a):
        assert names(kept) == ["Ann of a", "Bob of a"]
    with override_tenant(world.b):
        with pytest.raises(WrongTenant):
            names(kept)
        with pytest.raises(WrongTenant):
            kept.count()
        with pytest.raises(WrongTenant):
            pickle.loads(pickle.dumps(kept))  # noqa: S301
        with replaced(guards, "require_results", lambda _: None):
            assert names(kept) == ["Ann of a", "Bob of a"]
        assert names(kept.all()) == ["Ann of b", "Bob of b"]


def test_a_queryset_at_class_level_never_shows_another_threads_rows(world):
    import threading

    for _ in range(10):
        kept = Author.objects.order_by("pk")
        together = threading.Barrier(2)

        def look(tenant, kept=kept, together=together):
            with override_tenant(tenant):
                Author.objects.count()
                together.wait()
                try:
                    return names(kept)
                except WrongTenant:
                    return None

        of_a, of_b = in_threads(lambda: look(world.a), lambda: look(world.b))
        assert of_a in (None, ["Ann of a", "Bob of a"])
        assert of_b in (None, ["Ann of b", "Bob of b"])
        assert of_a or of_b


def test_an_empty_queryset_at_class_level_is_empty_for_everybody(world):
    nothing = Author.objects.none()
    for tenant in (world.a, world.b, None):
        with override_tenant(tenant):
            assert list(nothing) == []
            assert not nothing.exists()


def test_a_pickled_queryset_stays_with_its_tenant(world, of_a):
    with override_tenant(world.a):
        whole = pickle.dumps(of_a)
        bare = pickle.dumps(of_a.query)
    with override_tenant(world.b):
        with pytest.raises(WrongTenant):
            names(pickle.loads(whole))  # noqa: S301
        with pytest.raises(WrongTenant):
            names(pickle.loads(whole).all())  # noqa: S301
        again = Author.objects.all()
        again.query = pickle.loads(bare)  # noqa: S301
        with pytest.raises(WrongTenant):
            names(again)
    with override_tenant(world.a):
        assert names(pickle.loads(whole)) == ["Ann of a", "Bob of a"]  # noqa: S301


def test_a_captured_subquery_stays_with_its_tenant(world):
    with override_tenant(world.a):
        own = Author.objects.filter(pk=OuterRef("author"))
        captured = [
            Exists(own),
            Q(author__in=Author.objects.filter(books__author=world.of_a.author)),
        ]
    with override_tenant(world.b):
        for each in captured:
            with pytest.raises(WrongTenant):
                list(Book.objects.filter(each))
        with (
            without_guards(),
            replaced(guards, "require_label", lambda *_: None),
        ):
            assert list(Book.objects.filter(captured[0]))
    with override_tenant(world.a):
        for each in captured:
            assert list(Book.objects.filter(each))


def test_a_captured_condition_holds_its_object(world):
    with override_tenant(world.a):
        condition = Q(author=world.of_a.author)
    with override_tenant(world.b), pytest.raises(WrongTenant):
        list(Book.objects.filter(condition))


class Named(models.Manager):
    """A manager that keeps a QuerySet, and uses another model's in a subquery."""

    kept = None

    def get_queryset(self):
        """Return books of authors; the subquery is made once."""
        if Named.kept is None:
            Named.kept = Author.objects.filter(name__contains="of")
        return super().get_queryset().filter(author__in=Named.kept)


def test_a_subquery_kept_by_a_manager_is_refused_in_the_next_tenant(world):
    manager = Named()
    manager.model = Book
    with override_tenant(world.a):
        assert manager.count() == 2
    with override_tenant(world.b), pytest.raises(WrongTenant):
        manager.count()
    Named.kept = None


def test_a_custom_manager_works_in_each_tenant(world):
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            assert names(Author.objects.long().order_by("pk"))[0] == f"Ann of {name}"


def test_a_raw_queryset_stays_with_its_tenant(world):
    sql = "SELECT * FROM shop_author ORDER BY id"
    with override_tenant(world.a):
        raw = Author.objects.raw(sql)
        read = Author.objects.raw(sql)
        assert names(read) == ["Ann of a", "Bob of a"]
    with override_tenant(world.b):
        for each in (
            lambda: names(raw),
            lambda: names(raw.using("default")),
            lambda: names(read),
        ):
            with pytest.raises(WrongTenant):
                each()
        assert names(Author.objects.raw(sql)) == ["Ann of b", "Bob of b"]
    with override_tenant(world.a):
        assert names(raw) == ["Ann of a", "Bob of a"]
        assert names(raw.using("default")) == ["Ann of a", "Bob of a"]


def test_prefetched_rows_are_not_shown_in_another_tenant(world):
    with override_tenant(world.a):
        author = Author.objects.prefetch_related("books").get(pk=ONE)
        assert len(author.books.all()) == 2
        unread = Author.objects.prefetch_related("books").get(pk=ONE)
    with override_tenant(world.b):
        for each in (author, unread):
            with pytest.raises(WrongTenant):
                [book.title for book in each.books.all()]
            with (
                replaced(guards, "require_results", lambda _: None),
                without_guards(),
            ):
                assert "of a" in str([book.title for book in each.books.all()])


def test_a_prefetch_at_class_level_follows_the_tenant(world):
    kept = Prefetch("books", Book.objects.order_by("pk"), to_attr="mine")
    for tenant, name in ((world.a, "a"), (world.b, "b"), (world.a, "a")):
        with override_tenant(tenant):
            author = Author.objects.prefetch_related(kept).get(pk=ONE)
            assert author.mine[0].title == f"book of {name}"


def test_a_form_at_class_level_follows_the_tenant(world):
    class Choice(forms.Form):
        author = forms.ModelChoiceField(CLASS_LEVEL)

    class BookForm(forms.ModelForm):
        class Meta:
            model = Book
            fields = ("title", "author", "tags")

    for tenant, own, other in ((world.a, "a", "b"), (world.b, "b", "a")):
        with override_tenant(tenant):
            for form in (Choice(), BookForm()):
                html = str(form)
                assert f"Ann of {own}" in html
                assert f"of {other}" not in html
            assert Choice({"author": ONE}).is_valid()
    with override_tenant(world.a):
        mine = Author.objects.create(name="only in a")
    with override_tenant(world.b):
        assert not Choice({"author": mine.pk}).is_valid()


def test_a_form_made_in_one_tenant_is_not_shown_in_another(world):
    class Choice(forms.Form):
        author = forms.ModelChoiceField(CLASS_LEVEL)

    with override_tenant(world.a):
        form = Choice()
        form.fields["author"].queryset = Author.objects.all()
    with override_tenant(world.b), pytest.raises(WrongTenant):
        str(form)


def test_a_row_lock_is_taken_in_the_tenant(world, of_a):
    from django.db import transaction

    with override_tenant(world.b), transaction.atomic():
        assert Author.objects.select_for_update().get(pk=ONE).name == "Ann of b"
        with pytest.raises(WrongTenant):
            names(of_a.select_for_update())


def test_naming_the_other_tenants_label_is_refused(world):
    label = f"tenant:{world.a.key}"
    with override_tenant(world.b):
        for attempt in (
            lambda: names(Author.objects.using(label)),
            lambda: names(Author.objects.db_manager(label).all()),
            lambda: Author.objects.db_manager(label).create(name="new"),
            lambda: Author(name="new").save(using=label),
            lambda: world.of_b.author.refresh_from_db(using=label),
            lambda: world.of_b.book.delete(using=label),
            lambda: names(Author.objects.raw("SELECT * FROM shop_author", using=label)),
            lambda: Author.objects.all().query.get_compiler(label),
            lambda: Query(Author).get_compiler(label),
            lambda: Tag.objects.using(label).bulk_create([Tag(name="new")]),
        ):
            with pytest.raises(WrongTenant):
                attempt()
    with without_guards(), override_tenant(world.b):
        assert names(Author.objects.using(label).order_by("pk"))[0] == "Ann of b"


@pytest.mark.parametrize("objs", [[], ()])
def test_bulk_create_returns_what_is_empty_as_it_was_given(world, objs):
    with override_tenant(world.a):
        assert Author.objects.bulk_create(objs) is objs


def test_a_raw_queryset_without_a_model_can_be_shown(world):
    with override_tenant(world.a):
        assert repr(RawQuerySet("SELECT 1")) == "<RawQuerySet: SELECT 1>"
