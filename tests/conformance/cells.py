"""The method matrix's cells: a method of Django's, called in a tenant, and judged.

Each cell runs in a transaction of both tenants that is rolled back, so that all cells
find the same rows, with the same primary keys in both tenants.
"""

import copy
import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.query import RawQuerySet

from tenantry import override_tenant
from tenantry.connections import open_count
from tenantry.exceptions import TenantryError
from tests.world import ONE, TWO, replaced

READS, ASKS, WRITES, LOCAL, FREE = "reads", "asks", "writes", "local", "free"
"""What a method does: shows rows; needs a tenant, shows none; changes rows; touches no
database; touches one or not, as the model has it."""
OWN, NONE, OTHER, GIVEN = "in A", "in none", "in B", "in B, of B, given A's objects"
USES = (OWN, NONE, OTHER, GIVEN)
# How classes and objects are made: those are the matrix's origins, not its rows.
MAKING = {"__init__", "__new__", "__init_subclass__"}


class Recipe(NamedTuple):
    """How a method is called: what it does, and an act that does it to a `Case`."""

    kind: str
    act: Any
    fails: tuple[type[Exception], ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where an object comes from: made in A or with none active; whose it is then."""

    title: str
    make: Any
    bound: bool = True
    whole: bool = True
    """Whether all its fields are loaded."""
    loose: bool = False
    """Whether either being refused, or being right, will do."""


@dataclass(frozen=True)
class Subject:
    """A class of Django's whose methods are the matrix's rows."""

    find: Any
    model: type[Model]
    origins: list[Origin]
    recipes: dict[str, Any]
    label: str
    one: str | None = None
    """A foreign key of the model."""
    many: str | None = None
    """A relation of the model to many."""
    when: str | None = None
    """The way to a date."""
    adds: str = "saved"
    """Whether related managers are given a saved object or a new one."""

    def names(self):
        """Return the public methods and properties, special methods included."""
        cls = self.find()
        return [name for name in dir(cls) if is_public(cls, name)]

    def variants(self, name):
        """Return the method's recipes; none where nobody has written one."""
        found = self.recipes.get(name)
        if found is None and name.startswith("a"):
            # The asynchronous twin, which calls the other: once will do.
            found = as_list(self.recipes.get(name[1:], []))[:1]
        if not found and issubclass(self.find(), Model):
            found = self._of_field(name)
        return as_list([] if found is None else found)

    def _of_field(self, name):
        names = {each.attname for each in self.model._meta.concrete_fields}
        return Recipe(LOCAL, lambda c: c.get()) if name in names else None


def as_list(recipes):
    """Return the recipes as a list, be there one or several."""
    return recipes if isinstance(recipes, list) else [recipes]


def is_public(cls, name):
    """Whether the name is one that callers may use, and Django's own."""
    if not name.startswith("_"):
        return True
    if not (name.startswith("__") and name.endswith("__")) or name in MAKING:
        return False
    value = inspect.getattr_static(cls, name)
    if not (inspect.isroutine(value) or isinstance(value, classmethod)):
        return False
    module = getattr(getattr(value, "__func__", value), "__module__", None)
    if module and module.partition(".")[0] not in {"django", "tenantry", "tests"}:
        return False  # put there by another library
    return value is not inspect.getattr_static(object, name, None)


@dataclass(frozen=True)
class Cell:
    """A method of an object, called in a tenant."""

    subject: Subject
    name: str
    recipe: Recipe
    origin: Origin
    use: str

    @property
    def active(self):
        """Whose tenant is active: "a" or "b" or None."""
        return {OWN: "a", NONE: None}.get(self.use, "b")

    @property
    def abroad(self):
        """Whether the object is used where it does not belong."""
        return self.use == NONE or (self.use == OTHER and self.origin.bound)

    @property
    def kind(self):
        """What the method does here."""
        kind = self.recipe.kind
        return FREE if kind == LOCAL and not self.origin.whole else kind


class Statements:
    """Notes the statements that are sent, but for those of transactions."""

    def __init__(self):
        self.sent = []
        self.listening = False

    @contextmanager
    def heard(self, listening=True):
        """Note them within the block, or don't."""
        before, self.listening = self.listening, listening
        try:
            yield
        finally:
            self.listening = before

    @contextmanager
    def installed(self):
        """Listen to all connections."""
        real = CursorWrapper._execute_with_wrappers
        ends = ("SAVEPOINT", "RELEASE", "ROLLBACK")

        def execute(cursor, sql, *args, **kwargs):
            if self.listening and not str(sql).startswith(ends):
                self.sent.append(str(sql))
            return real(cursor, sql, *args, **kwargs)

        with replaced(CursorWrapper, "_execute_with_wrappers", execute):
            yield self


async def _gathered(found):
    try:
        if inspect.isawaitable(found):
            return await found
        return [each async for each in found]
    finally:
        # The loop's own thread asked how databases are set, and opened none of them.
        opened = connections.open_tenants
        assert all(each.connection is None for each in opened.values())
        open_count.add(-len(opened))
        opened.clear()


@dataclass
class Case:
    """One call: what a recipe's act is given."""

    subject: Any
    name: str
    of: Subject
    home: Any
    """The tenant that objects are given of: the active one; A where none is."""
    statements: Statements
    gave: bool = False
    """Whether an object was given."""

    def get(self):
        """Return the attribute."""
        return getattr(self.subject, self.name)

    def call(self, *args, **kwargs):
        """Call the method, and wait for it where it is asynchronous."""
        found = self.get()(*args, **kwargs)
        if inspect.isawaitable(found) or inspect.isasyncgen(found):
            return async_to_sync(_gathered)(found)
        return found

    def fetch(self, pk=ONE):
        """Return an object of the model, to be given to the method."""
        self.gave = True
        return self._fetch(pk)

    def _fetch(self, pk=ONE):
        with self.statements.heard(listening=False), override_tenant(self.home):
            return self.of.model._default_manager.get(pk=pk)

    def new(self):
        """Return an object that was never saved."""
        made = copy.copy(self._fetch())
        made._state = type(made._state)()
        made.pk = None
        setattr(made, self.of.label, "new")
        return made

    @property
    def manager(self):
        """The model's own manager."""
        return self.of.model._default_manager

    @property
    def addable(self):
        """An object that a related manager has not."""
        return self.fetch(TWO) if self.of.adds == "saved" else self.new()

    def changed(self, target):
        """Return the object with another text."""
        setattr(target, self.of.label, "changed")
        return target


def text_of(value):
    """Return the value as text, rows and all; lazy ones are evaluated."""
    if isinstance(value, str):
        return value
    if isinstance(value, Model):
        return text_of([getattr(value, f.attname) for f in value._meta.concrete_fields])
    if isinstance(value, dict):
        return text_of([*value.keys(), *value.values()])
    if isinstance(value, BaseManager):
        return text_of(value.all())
    if isinstance(value, (list, tuple, set, QuerySet, RawQuerySet)) or hasattr(
        value, "__next__"
    ):
        return "; ".join(text_of(each) for each in value)
    return repr(value)


def all_rows(tenant):
    """Return all rows of the tenant's shop, by one statement."""
    with override_tenant(tenant), connection.cursor() as cursor:
        cursor.execute(_every_table(connection.vendor))
        return sorted(cursor.fetchall())


def _every_table(vendor):
    form = "CAST(ROW({}) AS text)" if vendor == "postgresql" else "JSON_ARRAY({})"
    models = apps.get_app_config("shop").get_models(include_auto_created=True)
    return " UNION ALL ".join(
        f"SELECT '{model._meta.db_table}', "
        + form.format(", ".join(f.column for f in model._meta.concrete_fields))
        + f" FROM {model._meta.db_table}"
        for model in models
    )


@dataclass
class Outcome:
    """What a call did."""

    text: str = ""
    error: Exception | None = None
    sent: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    gave: bool = False

    @property
    def refused(self):
        """Whether the boundary refused it."""
        return isinstance(self.error, TenantryError)


class Undo(Exception):
    """Rolls a cell back."""


class Laboratory:
    """Runs cells on two tenants, in a transaction of both that is rolled back."""

    def __init__(self, world, statements):
        self.a, self.b = world.a, world.b
        self.statements = statements
        self.before = self._rows()

    def __enter__(self):
        self._stack = ExitStack()
        for tenant in (self.a, self.b):
            self._stack.enter_context(override_tenant(tenant))
            self._stack.enter_context(transaction.atomic())
        self._stack.enter_context(override_tenant(None))
        return self

    def __exit__(self, *error):
        self._stack.__exit__(Undo, Undo(), None)

    def renew(self):
        """Make the rows as they were."""
        self.__exit__()
        self.__enter__()

    def run(self, cell):
        """Return what the method does to an object of that origin, in that tenant."""
        active = {"a": self.a, "b": self.b, None: None}[cell.active]
        outcome = Outcome()
        made = cell.origin.make(self.b if cell.use == GIVEN else self.a)
        home = self.b if cell.use == OTHER else self.a
        case = Case(made, cell.name, cell.subject, home, self.statements)
        self.statements.sent = outcome.sent
        with override_tenant(active), self.statements.heard():
            try:
                outcome.text = text_of(cell.recipe.act(case))
            except Exception as error:  # noqa: BLE001  (judged)
                outcome.error = error
        outcome.gave = case.gave
        outcome.changed = self.changed(outcome)
        return outcome

    def changed(self, outcome):
        """Return whose rows are changed: all of both are compared with before."""
        if isinstance(outcome.error, DatabaseError):
            self.renew()
            return set()
        for tenant in (self.a, self.b):
            with override_tenant(tenant):
                transaction.set_rollback(False)  # a refusal within a block of Django's
        now = self._rows() if outcome.sent else self.before
        changed = {name for name, rows in now.items() if rows != self.before[name]}
        if changed:
            self.renew()
        return changed

    def _rows(self):
        return {"a": all_rows(self.a), "b": all_rows(self.b)}

    def wrongs(self, subject, name, uses=USES):
        """Run all cells of a method; yield each with what is wrong with it, or None."""
        for recipe, origin in product(subject.variants(name), subject.origins):
            gives = True
            for use in uses:
                if use == GIVEN and not gives:
                    continue
                cell = Cell(subject, name, recipe, origin, use)
                outcome = self.run(cell)
                gives = outcome.gave
                if gives or use != GIVEN:
                    yield cell, judge(cell, outcome)
        assert self._rows() == self.before


def judge(cell, outcome):
    """Return what is wrong with the outcome; None where all is as it must be."""
    allowed = {cell.active} if cell.kind == WRITES else set()
    if outcome.changed - allowed:
        return f"it changed rows of {outcome.changed}"
    if cell.use == GIVEN:
        return _given(outcome)
    if cell.origin.loose:
        return _loose(cell, outcome)
    if cell.abroad and cell.kind != LOCAL:
        free = cell.kind == FREE and not outcome.sent
        return None if free else _refused(outcome)
    return _failed(cell, outcome) or _done(cell, outcome)


def _failed(cell, outcome):
    if outcome.error is None or isinstance(outcome.error, cell.recipe.fails):
        return None
    return f"it failed: {outcome.error!r}"


def _sent(outcome):
    return f"it sent {outcome.sent}" if outcome.sent else None


def _refused(outcome):
    if outcome.refused:
        return _sent(outcome)
    return f"it was not refused: {outcome.error or outcome.text!r}"


def _given(outcome):
    if not outcome.refused or outcome.changed:
        return f"another tenant's object was taken: {outcome.error or outcome.text!r}"
    return None


def _loose(cell, outcome):
    if cell.use != OWN and outcome.refused:
        return None
    other = {"a": "of b", "b": "of a", None: " of "}[cell.active]
    if other in outcome.text:
        return f"it shows {outcome.text!r}"
    return _failed(cell, outcome)


def _done(cell, outcome):
    if cell.kind == LOCAL:
        return _sent(outcome)
    if cell.kind == WRITES:
        return None if outcome.changed else "it changed nothing"
    if cell.kind == READS:
        return _shows(cell, outcome)
    if cell.kind == ASKS and outcome.text in {"", "None", "False", "0"}:
        return "no answer"
    return None


def _shows(cell, outcome):
    other = "b" if cell.active == "a" else "a"
    if f"of {cell.active}" in outcome.text and f"of {other}" not in outcome.text:
        return None
    return f"it shows {outcome.text!r}"
