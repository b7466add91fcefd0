"""How each public method and property of Django's is called by the method matrix.

A recipe serves its method's asynchronous twin as well: `call` awaits it.
"""

import copy
import pickle
from functools import partial
from types import SimpleNamespace

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection, models
from django.db.models import F, Max
from django.utils import timezone

from tests.conformance.cells import ASKS, FREE, LOCAL, READS, WRITES, Recipe
from tests.world import ONE, TWO

reads, asks, writes = (partial(Recipe, kind) for kind in (READS, ASKS, WRITES))
local, free = partial(Recipe, LOCAL), partial(Recipe, FREE)
OLD = (DeprecationWarning,)
PLAIN = local(lambda c: repr(c.get()) and None)
CALLED = local(lambda c: repr(c.call()) and None)


def others(c, pk=ONE):
    """Return another QuerySet of the model, of the active tenant."""
    return c.manager.filter(pk=pk)


def upsert(c):
    """Return what makes `bulk_create` update the row of a key that is taken."""
    target = c.of.model._meta.pk.name
    named = {} if connection.vendor == "mysql" else {"unique_fields": [target]}
    return {"update_conflicts": True, "update_fields": [c.of.label], **named}


def taken(c):
    """Return an object that was never saved, whose key a row has."""
    made = c.new()
    made.pk = ONE
    return made


@timezone.override("UTC")
def dates(c):
    """Return the years; MariaDB may know no other time zone."""
    return list(c.call(c.of.when, "year"))


QUERIES = {
    "aggregate": reads(lambda c: c.call(found=Max(c.of.label))),
    "alias": reads(lambda c: c.call(x=F(c.of.label))),
    "all": reads(lambda c: c.call()),
    "annotate": reads(lambda c: c.call(x=F(c.of.label)).values("x")),
    "bulk_create": [
        writes(lambda c: c.call([c.new()])),
        writes(lambda c: c.call([taken(c)], **upsert(c))),
        writes(lambda c: c.call([taken(c), c.new()], ignore_conflicts=True)),
    ],
    "bulk_update": writes(lambda c: c.call([c.changed(c.fetch())], [c.of.label])),
    "complex_filter": reads(lambda c: c.call({"pk": ONE})),
    "contains": asks(lambda c: c.call(c.fetch())),
    "count": asks(lambda c: c.call()),
    "create": writes(lambda c: c.call(**{c.of.label: "new"})),
    "dates": asks(dates),
    "datetimes": asks(dates),
    "db": asks(lambda c: c.get()),
    "defer": reads(lambda c: c.call(c.of.label)),
    "difference": reads(lambda c: c.call(others(c, TWO))),
    "distinct": reads(lambda c: c.call()),
    "earliest": reads(lambda c: c.call("pk")),
    "exclude": reads(lambda c: c.call(pk=TWO)),
    "exists": asks(lambda c: c.call()),
    "explain": asks(lambda c: c.call()),
    "extra": reads(lambda c: c.call(where=["1=1"])),
    "fetch_mode": reads(lambda c: c.call(models.FETCH_PEERS)),
    "filter": reads(lambda c: c.call(pk=ONE)),
    "first": reads(lambda c: c.call()),
    "get": reads(lambda c: c.call(pk=ONE)),
    "get_or_create": [
        reads(lambda c: c.call(pk=ONE)),
        writes(lambda c: c.call(**{c.of.label: "new"})),
    ],
    "in_bulk": reads(lambda c: c.call([ONE])),
    "intersection": reads(lambda c: c.call(others(c))),
    "iterator": [
        reads(lambda c: c.call()),
        reads(lambda c: c.call(chunk_size=1)),
    ],
    "last": reads(lambda c: c.call()),
    "latest": reads(lambda c: c.call("pk")),
    "none": free(lambda c: list(c.call())),
    "only": reads(lambda c: c.call("pk")),
    "order_by": reads(lambda c: c.call("pk")),
    "prefetch_related": reads(lambda c: c.call(c.of.many)),
    "raw": reads(lambda c: c.call(f"SELECT * FROM {c.of.model._meta.db_table}")),
    "reverse": reads(lambda c: c.call()),
    "select_for_update": reads(lambda c: c.call()),
    "select_related": reads(lambda c: c.call(c.of.one)),
    "union": reads(lambda c: c.call(others(c))),
    "update": writes(lambda c: c.call(**{c.of.label: "changed"})),
    "update_or_create": [
        writes(lambda c: c.call(pk=ONE, defaults={c.of.label: "changed"})),
        writes(lambda c: c.call(**{c.of.label: "new"})),
    ],
    "using": reads(lambda c: c.call("default")),
    "values": reads(lambda c: c.call()),
    "values_list": reads(lambda c: c.call(c.of.label, flat=True)),
}
CONDITIONED = {
    f"__{name}__": reads(lambda c, pk=pk: c.call(others(c, pk)))
    for name, pk in (("and", ONE), ("or", ONE), ("xor", TWO))
}
QUERYSET = {
    **QUERIES,
    **CONDITIONED,
    "as_manager": CALLED,
    "delete": writes(lambda c: c.call()),
    "ordered": PLAIN,
    "totally_ordered": PLAIN,
    "query": [
        PLAIN,
        asks(lambda c: str(c.get())),
        reads(lambda c: c.manager.filter(pk__in=c.get())),
    ],
    "resolve_expression": reads(lambda c: c.manager.filter(pk__in=c.subject)),
    "__aiter__": reads(lambda c: c.call()),
    "__bool__": asks(lambda c: c.call()),
    "__class_getitem__": local(lambda c: c.call(int)),
    "__deepcopy__": reads(lambda c: copy.deepcopy(c.subject)),
    "__getitem__": [
        reads(lambda c: c.call(0)),
        reads(lambda c: c.call(slice(0, 5))),
        reads(lambda c: c.call(slice(0, 5, 2))),
    ],
    "__getstate__": reads(lambda c: c.call()),
    "__iter__": reads(lambda c: c.call()),
    "__len__": asks(lambda c: c.call()),
    "__repr__": reads(lambda c: c.call()),
    "__setstate__": reads(lambda c: pickle.loads(pickle.dumps(c.subject))),  # noqa: S301
}
MANAGER = {
    **QUERIES,
    "auto_created": PLAIN,
    "check": CALLED,
    "contribute_to_class": local(
        lambda c: copy.copy(c.subject).contribute_to_class(
            type("Other", (), {"_meta": SimpleNamespace(add_manager=id)}), "x"
        )
    ),
    "creation_counter": PLAIN,
    "db_manager": reads(lambda c: c.call("default")),
    "deconstruct": local(lambda c: repr(c.call()) and None, (ValueError,)),
    "from_queryset": local(lambda c: repr(c.call(models.QuerySet)) and None),
    "get_queryset": reads(lambda c: c.call()),
    "use_in_migrations": PLAIN,
    "__class_getitem__": local(lambda c: c.call(int)),
    "__eq__": local(lambda c: c.call(c.subject)),
    "__hash__": local(lambda c: c.call()),
    "__str__": local(lambda c: c.call()),
}
SETS = [
    writes(lambda c: c.call([])),
    writes(
        lambda c: c.call([c.fetch(TWO if c.of.adds == "saved" else ONE)], clear=True)
    ),
]
RELATED = {
    **MANAGER,
    "db": free(lambda c: c.get()),
    "add": writes(lambda c: c.call(c.addable, **added(c))),
    "clear": writes(lambda c: c.call()),
    "do_not_call_in_templates": PLAIN,
    "get_prefetch_querysets": reads(lambda c: c.call([c.subject.instance])[0]),
    "get_prefetch_queryset": free(lambda c: c.call([c.subject.instance])[0], OLD),
    "remove": writes(lambda c: c.call(c.fetch())),
    "set": SETS,
    "through": PLAIN,
    "__call__": reads(lambda c: c.call(manager="objects")),
}
TO_MANY = {
    **RELATED,
    "constrained_target": free(lambda c: list(c.get())),
    "get_prefetch_cache": PLAIN,
    "reverse": PLAIN,
    "set_base": SETS,
    "through": PLAIN,
}
RAW = {
    "columns": free(lambda c: c.get()),
    "db": asks(lambda c: c.get()),
    "iterator": reads(lambda c: c.call()),
    "model_fields": free(lambda c: list(c.get())),
    "prefetch_related": reads(lambda c: c.call(c.of.many)),
    "resolve_model_init_order": asks(lambda c: c.call()),
    "using": reads(lambda c: c.call("default")),
    "__aiter__": reads(lambda c: c.call()),
    "__bool__": asks(lambda c: c.call()),
    "__getitem__": [reads(lambda c: c.call(0)), reads(lambda c: c.call(slice(0, 5)))],
    "__iter__": reads(lambda c: c.call()),
    "__len__": asks(lambda c: c.call()),
    "__repr__": local(lambda c: c.call()),
}


def added(c):
    """Return what `add` is told of an object that was never saved."""
    return {} if c.of.adds == "saved" else {"bulk": False}


def saved(c, **options):
    """Change the object, and save it."""
    c.changed(c.subject)
    return c.call(**options)


def refreshed(c, **options):
    """Refresh the object, and return it."""
    c.call(**options)
    return c.subject


def state(c):
    """Return what a pickle would hold of the object."""
    return repr(c.call()) and None


A_KEY = SimpleNamespace(
    remote_field=SimpleNamespace(
        get_related_field=lambda: SimpleNamespace(attname="id")
    )
)
MODEL = {
    "DoesNotExist": PLAIN,
    "MultipleObjectsReturned": PLAIN,
    "NotUpdated": PLAIN,
    "check": CALLED,
    "clean": CALLED,
    "clean_fields": free(lambda c: c.call(), (ValidationError,)),
    "date_error_message": local(lambda c: c.call("date", c.of.label, c.of.label)),
    "delete": writes(lambda c: c.call()),
    "from_db": local(lambda c: c.call("default", ["id"], [ONE]).pk),
    "full_clean": free(lambda c: c.call(), (ValidationError,)),
    "get_constraints": free(lambda c: c.call()),
    "get_deferred_fields": CALLED,
    "objects": local(lambda c: c.get(), (AttributeError,)),
    "pk": PLAIN,
    "prepare_database_save": asks(lambda c: c.call(A_KEY)),
    "refresh_from_db": [
        reads(refreshed),
        reads(lambda c: refreshed(c, fields=[c.of.label])),
        reads(lambda c: refreshed(c, using="default")),
        reads(lambda c: refreshed(c, from_queryset=c.manager.all())),
    ],
    "save": [
        writes(saved),
        writes(lambda c: saved(c, using="default")),
        writes(lambda c: saved(c, update_fields=[c.of.label])),
        writes(lambda c: saved(c, force_update=True)),
    ],
    "save_base": writes(lambda c: saved(c, raw=True)),
    "serializable_value": local(lambda c: c.call(c.of.label)),
    "unique_error_message": local(lambda c: c.call(c.of.model, [c.of.label])),
    "validate_constraints": free(lambda c: c.call()),
    "validate_unique": free(lambda c: c.call()),
    "__eq__": local(lambda c: c.call(c.subject)),
    "__getstate__": local(state),
    "__hash__": local(lambda c: c.call()),
    "__reduce__": local(state),
    "__repr__": local(lambda c: c.call()),
    "__setstate__": local(lambda c: pickle.loads(pickle.dumps(c.subject))),  # noqa: S301
    "__str__": local(lambda c: c.call()),
}
SHOWS = reads(lambda c: c.get())
# What Django adds to each model by its fields.
BY_FIELDS = {
    "Author": {
        "country": free(lambda c: c.get()),
        "books": SHOWS,
        "notes": SHOWS,
    },
    "Book": {
        "author": SHOWS,
        "tags": SHOWS,
        "chapters": SHOWS,
        "get_chapter_order": asks(lambda c: list(c.call())),
        "set_chapter_order": writes(lambda c: c.call([TWO, ONE])),
    },
    "Tag": {"books": SHOWS},
    "Chapter": {
        "book": SHOWS,
        "get_next_in_order": reads(lambda c: c.call()),
        "get_previous_in_order": free(lambda c: c.call(), (ObjectDoesNotExist,)),
        "get_next_by_written": reads(lambda c: c.call()),
        "get_previous_by_written": free(lambda c: c.call(), (ObjectDoesNotExist,)),
        "get_sort_display": local(lambda c: c.call()),
    },
    "Note": {
        "about": SHOWS,
        "content_type": asks(lambda c: c.get()),
    },
    "Stock": {},
    "Book_tags": {"book": SHOWS, "tag": SHOWS},
}
