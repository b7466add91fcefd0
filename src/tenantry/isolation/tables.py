"""The tables of row tenants, as PostgreSQL has them, in order of reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.isolation.identifiers import quote
from tenantry.isolation.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
    """Return a statement for each table that deletes up to so many of its rows.

    Only rows that no other row of these tables refers to. Each returns the number.
    """
    return [
        _counting([_deletion(schema, table, circle=circle, size=size)])
        for table in circle
    ]


def at_once(schema: str, circle: Sequence[Table]) -> str:
    """Return a statement that deletes all rows of the tables; it returns the number.

    Being one, it may delete rows that refer to each other, whatever their foreign keys
    say of when that is looked at.
    """
    return _counting([f"DELETE FROM {_name(schema, table)}" for table in circle])


def together(inserts: Iterable[str]) -> list[str]:
    """Return the statements as one, by which rows may come that refer to each other."""
    parts = [f"i{number} AS ({sql})" for number, sql in enumerate(inserts)]
    return [f"WITH {', '.join(parts)} SELECT 1;"] if parts else []


def _name(schema: str, table: Table) -> str:
    return f"{quote(schema)}.{quote(table.name)}"


def _counting(deletions: list[str]) -> str:
    parts = ", ".join(
        f"d{number} AS ({sql} RETURNING 1)" for number, sql in enumerate(deletions)
    )
    sums = " + ".join(
        f"(SELECT count(*) FROM d{number})" for number in range(len(deletions))
    )
    return f"WITH {parts} SELECT {sums}"


def _deletion(schema: str, table: Table, *, circle: Sequence[Table], size: int) -> str:
    """Return what deletes some of the rows that none in the circle refers to."""
    name = _name(schema, table)
    free = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {_name(schema, other)} o WHERE "
        + " AND ".join(
            f"o.{quote(here)} = t.{quote(there)}"
            for here, there in zip(each.columns, each.referred, strict=True)
        )
        + (" AND o.ctid <> t.ctid)" if other == table else ")")
        for other in circle
        for each in other.references
        if each.table == table.name
    )
    where = f"WHERE {free} " if free else ""
    rows = f"SELECT ctid FROM {name} t {where}LIMIT {size}"
    return f"DELETE FROM {name} WHERE ctid = ANY (ARRAY({rows}))"


def refer_to_each_other(circle: Sequence[Table]) -> bool:
    """Whether rows of these tables may refer to each other in a circle."""
    names = {table.name for table in circle}
    return any(each.table in names for table in circle for each in table.references)
