"""The machine itself: the rules, what is kept from one step to another, the invariant.

Acts are grouped under few rules: hypothesis leaves some rules out of each run, and
what goes around the writes must be in most.
"""

# ruff: noqa: ARG002  (every act is given what was drawn)

import copy

import pytest
from django.db import connection, connections, transaction
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tenantry import get_tenant, override_tenant
from tenantry.context import ACTIVE
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tests.conformance.machine.blocks import Stop
from tests.conformance.machine.model import given, keys, rows_in_force
from tests.conformance.machine.writes import RawWrites
from tests.shop.models import Author, Book, Stock, Tag
from tests.world import ONE

MOST_KEPT = 8


class Kept(RawWrites):
    """Objects, QuerySets and iterators that outlive the tenant they were made in."""

    def __init__(self, a, b):
        super().__init__(a, b)
        self.objects = []
        self.querysets = []

    def keep(self, given):
        """Keep an object, and a QuerySet that is not evaluated."""
        if self.active and len(self.objects) < MOST_KEPT:
            self.objects += [(self.active, t) for t in Tag.objects.filter(pk=given.pk)]
        if len(self.querysets) < MOST_KEPT:
            self.querysets.append((self.active, Author.objects.order_by("pk")))

    def use_object(self, given):
        """Use a kept object: in its tenant as ever, elsewhere it is refused."""
        if not self.objects:
            return
        owner, tag = self.objects[given.place % len(self.objects)]
        if owner != self.active:
            self._refused(tag, given)
        elif tag.pk not in self.mine.tags or given.count < 5:
            tag.name = f"{given.word} {self.mark}"
            tag.save()
            self.mine.tags[tag.pk] = tag.name
        elif given.flag:
            tag.refresh_from_db()
            assert tag.name == self.mine.tags[tag.pk]
        else:
            self.objects = [each for each in self.objects if each[1] is not tag]
            self.mine.delete_tag(tag.pk)
            tag.delete()

    def _refused(self, tag, given):
        attempts = [
            tag.save,
            copy.copy(tag).delete,
            copy.copy(tag).refresh_from_db,
            tag.validate_unique,
            lambda: list(Book.objects.filter(tags=tag)),
            tag.books.clear,
            lambda: Book(pk=given.pk).tags.add(tag),
            lambda: Tag.objects.bulk_update([tag], ["name"]),
        ]
        with pytest.raises((WrongTenant, NoActiveTenant)), transaction.atomic():
            attempts[given.place % len(attempts)]()

    def use_queryset(self, given):
        """Evaluate a kept QuerySet: one made with none active belongs to nobody."""
        if not self.querysets:
            return
        owner, queryset = self.querysets[given.place % len(self.querysets)]
        if self.active is None or owner not in (None, self.active):
            with pytest.raises((WrongTenant, NoActiveTenant)):
                list(queryset.all())
        else:
            found = {author.pk: author.name for author in queryset.all()}
            assert found == self.mine.authors

    def open_iterator(self, given):
        """Read the first row, and leave the others for later."""
        if self.active is None or len(self.iterators) >= MOST_KEPT:
            return
        found = Author.objects.order_by("pk").iterator(chunk_size=1)
        first = next(found, None)
        if first is not None:
            assert self.mine.authors[first.pk] == first.name
            self.iterators.append((self.active, found))

    def read_on(self, given):
        """Read on, whichever tenant is active: the rows stay those of the first."""
        if not self.iterators:
            return
        entry = self.iterators[given.place % len(self.iterators)]
        owner, rows = entry
        found = next(rows, None)
        if found is None:
            self.iterators.remove(entry)
        else:
            assert found._state.db == f"tenant:{self.tenants[owner].key}"
            assert found.name.endswith(f"of {owner}")


def one_of(*names):
    """Make a rule that does one of the acts."""
    return rule(act=st.sampled_from(names), given=given)


class Machine(Kept):
    """Two tenants, on which anything may be done in any order."""

    steps = 0

    @initialize(first=st.sampled_from(["a", "b"]), pk=keys)
    def begin(self, first, pk):
        """Give both tenants rows of the same keys, and make one of them active."""
        for name in ("a", "b"):
            rows, text = self.rows[name], f"first of {name}"
            with override_tenant(self.tenants[name]):
                for model in (Book, Author, Tag, Stock):
                    model.objects.all().delete()
                for key in {ONE, pk}:
                    rows.authors[key] = rows.tags[key] = text
                    rows.books[key] = text, key
                    Author.objects.create(pk=key, name=text)
                    Book.objects.create(pk=key, title=text, author_id=key)
                    Tag.objects.create(pk=key, name=text)
                rows.stock["nut"] = 1
                Stock.objects.create(sku="nut", count=1)
                self.objects += [(name, tag) for tag in Tag.objects.all()]
        block = override_tenant(self.tenants[first])
        block.__enter__()
        self.overrides.append((block, None))
        self.active = first

    @one_of("enter", "enter", "leave", "activate")
    def switch(self, act, given):
        """Change the active tenant."""
        getattr(self, act)(given)

    @one_of("enter_block", "set_savepoint", "leave_block", "end_savepoint")
    def block(self, act, given):
        """Begin or end a transaction or a savepoint; begin one where there is none."""
        getattr(self, act if self.frames else "enter_block")(given)

    @one_of("fail_in_a_block", "fail_after_a_switch", "register_callback")
    def within_block(self, act, given):
        """Try what a transaction is good for."""
        getattr(self, act)(given)

    @one_of(
        "save",
        "create",
        "delete",
        "update",
        "relate",
        "link",
        "get_or_create",
        "update_or_create",
    )
    def write(self, act, given):
        """Change a row through the ORM."""
        getattr(self, act)(given)

    @one_of(
        "update_by_subquery",
        "bulk_create",
        "bulk_create_without_keys",
        "bulk_update",
        "count_up",
        "copy_a_name",
    )
    def write_many(self, act, given):
        """Change several rows at once."""
        getattr(self, act)(given)

    @one_of(
        "raw_insert",
        "raw_update",
        "raw_update_of_many",
        "raw_delete",
        "raw_upsert",
        "raw_select",
    )
    def raw(self, act, given):
        """Change rows by SQL."""
        getattr(self, act)(given)

    @one_of("use_object", "use_queryset", "keep")
    def keep_and_use(self, act, given):
        """Carry an object or a QuerySet into another tenant."""
        getattr(self, act)(given)

    @one_of("open_iterator", "read_on", "read_on")
    def iterate(self, act, given):
        """Leave an iterator half consumed, and go on elsewhere."""
        getattr(self, act)(given)

    @one_of("reconnect", "reconnect", "break_down")
    def lose_the_connection(self, act, given):
        """Lose the connection, by the project's act or the server's."""
        getattr(self, act)(given)

    @invariant()
    def each_tenant_holds_its_rows(self):
        """Both are read, first the one and then the other, in either order."""
        self.steps += 1
        for name in ("ab", "ba")[self.steps % 2]:
            with override_tenant(self.tenants[name]):
                assert rows_in_force() == self.rows[name], name
                open_here = bool(self.frames_on(self.where(name)))
                assert connection.in_atomic_block == open_here
        assert get_tenant() == getattr(self.tenants[self.active], "ref", None)
        assert self.called == self.expected

    def teardown(self):
        """Leave everything, whatever state it is in."""
        try:
            self.forget_iterators()
            for frame in reversed(self.frames):
                if frame.block is not None:
                    frame.block.__exit__(Stop, Stop(), None)
        finally:
            while self.overrides:
                self.overrides.pop()[0].__exit__(None, None, None)
            ACTIVE.set(None)
            self._forget_connections()

    def _forget_connections(self):
        """Take new ones where a block is open still: a control has broken them."""
        for name in ("a", "b"):
            connections.forget(self.tenants[name].ref)
        if connections["default"].in_atomic_block:
            connections["default"].close()
            del connections["default"]
