"""The tables of row tenants, as PostgreSQL has them, in order of reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.isolation.identifiers import quote
from tenantry.isolation.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KEY = "tenantry_key"
RECORD = "django_migrations"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to another tenant table (or the same), tenant column included."""

    table: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A tenant table: the columns that can be written, and what it refers to."""

    name: str
    columns: tuple[str, ...]
    references: tuple[Reference, ...]

    @property
    def column_list(self) -> str:
        """The columns that can be written, as SQL lists them."""
        return ", ".join(map(quote, self.columns))

    @property
    def refers_to_itself(self) -> list[Reference]:
        """The foreign keys among its own rows."""
        return [each for each in self.references if each.table == self.name]


def tenant_tables(execute: Callable[..., list[Any]], schema: str) -> list[Table]:
    """Return the tenant tables of the schema, by name."""
    return [
        Table(
            name,
            tuple(columns),
            tuple(Reference(t, tuple(here), tuple(there)) for t, here, there in refers),
        )
        for name, columns, refers in execute(statements("row")["tables"], [schema])
    ]


def by_reference(tables: Sequence[Table]) -> Iterator[list[Table]]:
    """Yield the tables, each after those it refers to; those in a circle together."""
    left = {table.name: table for table in tables}
    while left:
        ready = [table for table in left.values() if not _awaited(table, left)]
        for table in ready:
            yield [table]
            del left[table.name]
        if not ready:
            circle = _circle(next(iter(left)), left)
            yield [left.pop(name) for name in sorted(circle)]


def _awaited(table: Table, left: dict[str, Table]) -> set[str]:
    return {each.table for each in table.references} & left.keys() - {table.name}


def _circle(start: str, left: dict[str, Table]) -> set[str]:
    """Return a circle of references that waits for nothing outside itself."""
    reach = {name: _reachable(name, left) for name in left}
    return min((reach[name] for name in reach[start]), key=len)


def _reachable(name: str, left: dict[str, Table]) -> set[str]:
    found, waiting = {name}, [name]
    while waiting:
        for other in _awaited(left[waiting.pop()], left) - found:
            found.add(other)
            waiting.append(other)
    return found


def in_batches(schema: str, circle: Sequence[Table], size: int) -> list[str]:
    """Return the statements that delete up to so many rows of each of the tables.

    Rows of a table that refers to itself go when no other row refers to them.
    """
    found = []
    for table in circle:
        name = f"{quote(schema)}.{quote(table.name)}"
        leaves = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {name} o WHERE "
            + " AND ".join(
                f"o.{quote(here)} = t.{quote(there)}"
                for here, there in zip(each.columns, each.referred, strict=True)
            )
            + " AND o.ctid <> t.ctid)"
            for each in table.refers_to_itself
        )
        found.append(
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {name} t "
            f"{'WHERE ' + leaves if leaves else ''} LIMIT {size}))"
        )
    return found
