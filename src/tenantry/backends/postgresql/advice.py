"""What `tenants doctor --pooler` says of a pooler, and of the settings it meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.backends.postgresql.pooler import NONE, SESSION, STATEMENT, TRANSACTION
from tenantry.isolation.base import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.backends.postgresql.pooler import Pooler

ENGINE = "tenantry.backends.postgresql"
MODES = {
    SESSION: "in session mode: a client keeps its server until it disconnects",
    TRANSACTION: "in transaction mode: a server is another client's after each "
    "transaction",
    STATEMENT: "in statement mode: a server is another client's after each statement",
}


def advise(alias: str, settings: dict[str, Any], pooler: Pooler) -> Iterator[Finding]:
    """Return what was found, what tenantry does about it, and what is to be mended."""
    where = f"DATABASES[{alias!r}]"
    yield _mode(pooler)
    yield _carried(settings)
    yield from _of_sessions(pooler)
    yield from _of_transactions(pooler)
    if pooler.shares:
        yield _cursors(where, settings)
        yield from _prepared(where, settings, pooler)
        yield from _role(where, settings)
    yield from _of_pools(where, settings, pooler)


def _mode(pooler: Pooler) -> Finding:
    behind = f"PostgreSQL {pooler.server}"
    if pooler.mode == NONE:
        text = f"No pooler: each connection is a process of {behind}."
        return Finding(level="ok", name="pooler", text=text)
    seen = "; statements of one client were seen on different servers"
    text = (
        f"{pooler.product or 'A pooler'} in front of {behind}, {MODES[pooler.mode]}"
        f"{seen if pooler.moved else ''}."
    )
    return Finding(level="ok", name="pooler", text=text)


def _carried(settings: dict[str, Any]) -> Finding:
    text = (
        "Each statement carries its tenant, in one message or one pipeline. The "
        "setting ends with its transaction, so no mode can mix tenants up."
        if settings["ENGINE"] == ENGINE
        else "Tenants have databases of their own, so no connection serves two."
    )
    return Finding(level="ok", name="tenants", text=text)


def _of_sessions(pooler: Pooler) -> Iterator[Finding]:
    if pooler.setting_leaks:
        whom = "another" if pooler.shares else "the next"
        yield Finding(
            level="warning",
            name="session-settings",
            text=f"What one client has SET, {whom} client sees. tenantry sets nothing "
            "that stays; your own SET, temporary tables, session advisory locks and "
            "LISTEN are for whoever gets the server.",
            next_step="In your own SQL use SET LOCAL and pg_advisory_xact_lock, in a "
            "transaction."
            if pooler.shares
            else "Set PgBouncer's server_reset_query to DISCARD ALL.",
        )


def _of_transactions(pooler: Pooler) -> Iterator[Finding]:
    if pooler.mode == STATEMENT:
        yield Finding(
            level="error",
            name="transactions",
            text="The pooler refuses transactions, so atomic() fails, and with it the "
            "admin, bulk_create, delete and `migrate`.",
            next_step="Use transaction mode.",
        )


def _cursors(where: str, settings: dict[str, Any]) -> Finding:
    if settings.get("DISABLE_SERVER_SIDE_CURSORS"):
        text = "iterator() uses no server-side cursors."
        return Finding(level="ok", name="server-side-cursors", text=text)
    return Finding(
        level="error",
        name="server-side-cursors",
        text="iterator() outside of a transaction declares a cursor on one server and "
        "may fetch from another, where it does not exist: an error, at random. (Never "
        "another tenant's rows: the cursors' names are unique.)",
        next_step=f"Set {where}['DISABLE_SERVER_SIDE_CURSORS'] = True.",
    )


def _prepared(
    where: str, settings: dict[str, Any], pooler: Pooler
) -> Iterator[Finding]:
    if settings["OPTIONS"].get("prepare_threshold") is None:
        return
    if pooler.prepared_leaks:
        yield Finding(
            level="error",
            name="prepared-statements",
            text="prepare_threshold is set, and what one client has prepared, another "
            "executes by the same name: a wrong statement, or an error.",
            next_step=f"Remove prepare_threshold from {where}['OPTIONS'], or use "
            "PgBouncer 1.21 or newer with max_prepared_statements.",
        )
    else:
        text = "The pooler keeps the prepared statements of its clients apart."
        yield Finding(level="ok", name="prepared-statements", text=text)


def _role(where: str, settings: dict[str, Any]) -> Iterator[Finding]:
    if settings["OPTIONS"].get("assume_role"):
        yield Finding(
            level="error",
            name="assume-role",
            text="assume_role sets the role of the session: other clients then act in "
            "that role, and statements of ours in none.",
            next_step=f"Remove assume_role from {where}['OPTIONS']: let USER be the "
            "role, or give it to the role with ALTER ROLE … SET role.",
        )


def _of_pools(
    where: str, settings: dict[str, Any], pooler: Pooler
) -> Iterator[Finding]:
    kept = settings["CONN_MAX_AGE"] != 0
    if settings["OPTIONS"].get("pool"):
        if kept:
            yield Finding(
                level="error",
                name="connection-age",
                text="Django's pool and CONN_MAX_AGE exclude each other.",
                next_step=f"Set {where}['CONN_MAX_AGE'] = 0.",
            )
        if pooler.mode != NONE:
            yield Finding(
                level="warning",
                name="two-pools",
                text="Django's pool is in front of another pooler: it keeps that one's "
                "clients open and saves little.",
                next_step=f"Remove pool from {where}['OPTIONS'].",
            )
    elif kept and pooler.mode == SESSION:
        yield Finding(
            level="warning",
            name="connection-age",
            text="In session mode a connection that is kept keeps its server: no more "
            "threads are served at a time than the pooler has servers.",
            next_step=f"Set {where}['CONN_MAX_AGE'] = 0, or use transaction mode.",
        )
