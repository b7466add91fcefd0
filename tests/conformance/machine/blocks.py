"""Switches of the tenant, blocks, savepoints, callbacks and breakdowns."""

# ruff: noqa: ARG002  (every act is given what was drawn)

import copy

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    connection,
    connections,
    transaction,
)
from hypothesis.stateful import RuleBasedStateMachine

from tenantry import activate, deactivate, get_tenant, override_tenant
from tenantry.exceptions import ActivationRefused, NoActiveTenant
from tests.conformance.conftest import SHARES_CONNECTION
from tests.conformance.machine.model import Frame, Rows
from tests.shop.models import Author, Tag

DEEPEST = 5


class Stop(Exception):
    """Ends a block early."""


def ending(*, error):
    """Return what `__exit__` is told."""
    return (Stop, Stop(), None) if error else (None, None, None)


class Blocks(RuleBasedStateMachine):
    """Where things are; and what goes around the writes."""

    def __init__(self, a, b):
        super().__init__()
        self.tenants = {"a": a, "b": b, None: None}
        self.rows = {"a": Rows(), "b": Rows()}
        self.active = None
        self.overrides = []
        self.frames = []
        self.callbacks = {}
        self.called, self.expected = [], []
        self.iterators = []

    def where(self, active):
        """Return the name of the connection that a tenant's statements go by."""
        return "the one" if SHARES_CONNECTION else str(active)

    def frames_on(self, where):
        """Return the open blocks and savepoints of the connection, outermost first."""
        return [frame for frame in self.frames if frame.where == where]

    @property
    def here(self):
        """The active tenant's connection."""
        return self.where(self.active)

    @property
    def mark(self):
        """What texts end with, so that each tells whose it is."""
        return f"of {self.active}"

    @property
    def mine(self):
        """The active tenant's rows; none with no tenant active."""
        return self.rows[self.active] if self.active else Rows()

    def do(self, change, act):
        """Do it in the active tenant, as the model; with none active it is refused."""
        if self.active is None:
            with pytest.raises(NoActiveTenant):
                act()
            return
        act()
        change(self.rows[self.active])

    def forget_iterators(self, where=None):
        """Close them: their cursors end with the transaction."""
        for entry in [e for e in self.iterators if where in (None, self.where(e[0]))]:
            self.iterators.remove(entry)
            entry[1].close()

    # Which tenant is active.

    def enter(self, given):
        """Enter a tenant, within whatever tenant there is."""
        block = override_tenant(self.tenants[given.tenant])
        block.__enter__()
        self.overrides.append((block, self.active))
        self.active = given.tenant

    def leave(self, given):
        """Leave it again, but for the first, so that mostly one is active."""
        if len(self.overrides) > 1:
            block, self.active = self.overrides.pop()
            block.__exit__(*ending(error=given.flag))

    def activate(self, given):
        """Make a tenant active for good; refused where it would split a block."""
        tenant = self.tenants[given.tenant]
        if self.active is not None and self.frames_on(self.here):
            with pytest.raises(ActivationRefused):
                activate(tenant) if tenant else deactivate()
        else:
            activate(tenant) if tenant else deactivate()
            self.active = given.tenant

    # Blocks and savepoints.

    def enter_block(self, given):
        """Begin a transaction, or a savepoint within one."""
        if len(self.frames) < DEEPEST:
            durable = given.flag and not self.frames_on(self.here)
            block = transaction.atomic(durable=durable)
            block.__enter__()
            self._push(block=block)

    def set_savepoint(self, given):
        """Set a savepoint by hand."""
        if self.frames_on(self.here) and len(self.frames) < DEEPEST:
            self._push(savepoint=connection.savepoint())

    def _push(self, **what):
        here = self.here
        reached = [name for name in "ab" if self.where(name) == here]
        before = {name: copy.deepcopy(self.rows[name]) for name in reached}
        callbacks = len(self.callbacks.setdefault(here, []))
        self.frames.append(Frame(here, self.active, before, callbacks, **what))

    def end_savepoint(self, given):
        """Roll back to a savepoint set by hand, or let it be; in whatever tenant."""
        frame = self.frames[-1] if self.frames else None
        if frame is None or frame.savepoint is None:
            return
        self.frames.remove(frame)
        self.forget_iterators(frame.where)
        # The connection that tenants share ends it, whichever of them is active.
        active = self.active if SHARES_CONNECTION else frame.active
        with override_tenant(self.tenants[active]):
            if given.flag:
                connection.savepoint_rollback(frame.savepoint)
                self.rows.update(frame.before)
            else:
                connection.savepoint_commit(frame.savepoint)

    def leave_block(self, given):
        """Leave the last block, in whatever tenant; roll it back on an error."""
        frame = next((f for f in reversed(self.frames) if f.block), None)
        if frame is None:
            return
        self.forget_iterators(frame.where)
        cut = self.frames.index(frame)
        above = [f for f in self.frames[cut + 1 :] if f.where != frame.where]
        self.frames[cut:] = above
        frame.block.__exit__(*ending(error=given.flag))
        pending = self.callbacks[frame.where]
        if given.flag:
            self.rows.update(frame.before)
            del pending[frame.callbacks :]
        if not self.frames_on(frame.where):
            self.expected += pending
            pending.clear()

    def register_callback(self, given):
        """Register what is to run in this tenant when the transaction ends."""
        name = self.active

        def call():
            assert get_tenant() == getattr(self.tenants[name], "ref", None)
            self.called.append(name)

        transaction.on_commit(call)
        open_here = self.frames_on(self.here)
        (self.callbacks[self.here] if open_here else self.expected).append(name)

    def fail_in_a_block(self, given):
        """A row of a key that is taken is refused, and all before it undone."""
        if given.pk in self.mine.tags:
            with pytest.raises(IntegrityError):
                self._twice(given.pk)

    @transaction.atomic
    def _twice(self, pk):
        Tag.objects.update(name="undone")
        Tag.objects.create(pk=pk, name="again")

    def fail_after_a_switch(self, given):
        """What is written in a block is undone with its connection."""
        other = given.tenant or "a"
        if self.active is None:
            return
        name = f"{given.word} of {other}"
        with pytest.raises(Stop):
            self._stopped(other, name)
        if self.where(other) != self.here:
            authors = self.rows[other].authors
            authors.update(dict.fromkeys(authors, name))

    @transaction.atomic
    def _stopped(self, other, name):
        Tag.objects.update(name="undone")
        with override_tenant(self.tenants[other]):
            Author.objects.update(name=name)
        Tag.objects.update(name="undone")
        raise Stop

    # Breakdowns.

    def reconnect(self, given):
        """Close the connection; the next statement opens another."""
        if not self.frames_on(self.here):
            self.forget_iterators(self.here)
            connection.close()

    def break_down(self, given):
        """The server ends the connection, within a transaction or not."""
        if self.active is None or connection.vendor != "postgresql":
            return
        here = self.here
        self.forget_iterators(here)
        terminate(connections["default"])
        with pytest.raises((DatabaseError, InterfaceError)):
            Author.objects.count()
        ended = self.frames_on(here)
        self.frames = [frame for frame in self.frames if frame.where != here]
        for frame in reversed(ended):
            if frame.block is not None:
                frame.block.__exit__(DatabaseError, DatabaseError(), None)
        if ended:
            self.rows.update(ended[0].before)
            self.callbacks[here].clear()
        connection.close()


def terminate(wrapper):
    """End the connection's process on the server, and wait until it has ended."""
    wrapper.ensure_connection()
    info = wrapper.connection.info
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [info.backend_pid])
