"""Finds out, on the live connection, what stands between us and PostgreSQL.

Two clients are opened. Whichever server process answers a client shows the mode: a
pooler in session mode gives a client one and the same; in transaction and statement
mode both are served by the same ones in turn.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NONE, SESSION, TRANSACTION, STATEMENT = "none", "session", "transaction", "statement"
SETTING = "tenantry_doctor.seen"
ROUNDS = 10
PATIENCE = 2.0
"""Seconds for which a client is let wait for a server that the other one holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """What was seen of the way to a database."""

    mode: str
    """`none`, `session`, `transaction` or `statement`."""

    product: str
    """What the pooler calls itself, where it says so; else empty."""

    server: str
    """PostgreSQL's version."""

    moved: bool
    """Statements of one client were seen on different servers."""

    setting_leaks: bool
    """What one client SET, another saw: the next one, in session mode."""

    prepared_leaks: bool
    """A statement that one client prepared, another could execute by its name."""

    @property
    def shares(self) -> bool:
        """Whether a server may be another client's between two statements of ours."""
        return self.mode in {TRANSACTION, STATEMENT}


class Client:
    """A connection of its own, past Django's and its pool; no tenant travels on it."""

    def __init__(self, driver: Any, params: dict[str, Any]) -> None:
        self.connection = driver.connect(**params)
        self.connection.autocommit = True

    def one(self, sql: str) -> Any:
        """Return the first value that the statement gives."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    @property
    def server(self) -> int:
        """Process id of the server that answers just now."""
        return int(self.one("SELECT pg_backend_pid()"))

    @property
    def promised(self) -> int:
        """Process id that was told at connecting; a pooler tells one of its own."""
        return int(self.connection.info.backend_pid)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def probe(wrapper: Any) -> Pooler:
    """Return what stands between the wrapper and its database."""
    driver, params = wrapper.Database, wrapper.get_connection_params()

    with ExitStack() as stack:

        def connect(**changes: Any) -> Client:
            return stack.enter_context(closing(Client(driver, {**params, **changes})))

        one, other = connect(), connect()
        ours, theirs = _servers(one, other)
        shares = bool(ours & theirs) or len(ours | theirs) > 2  # noqa: PLR2004
        pooled = shares or one.server != one.promised
        prepared = shares and _prepared_leaks(one, other)
        leaks = _setting_leaks(one, other if shares else None, connect)
        mode, moved = NONE, False
        if shares:
            mode, moved = _while_one_is_held(connect(), connect(), driver.Error)
        elif pooled:
            mode = SESSION
        return Pooler(
            mode=mode,
            product=_product(connect, driver.Error) if pooled else "",
            server=str(connect().one("SHOW server_version")),
            moved=moved or len(ours) > 1,
            setting_leaks=leaks,
            prepared_leaks=prepared,
        )


def _servers(one: Client, other: Client) -> tuple[set[int], set[int]]:
    """Return the servers that answered each of two clients, who ask in turn."""
    asked = [(one.server, other.server) for _ in range(ROUNDS)]
    return {first for first, _ in asked}, {second for _, second in asked}


def _while_one_is_held(
    one: Client, other: Client, error: type[Exception]
) -> tuple[str, bool]:
    """Return the mode, and whether a client moves while another holds its server."""
    before = one.server
    try:
        other.one("BEGIN")
        held = other.server
    except error:
        return STATEMENT, False
    seen: list[int] = []
    waiting = threading.Thread(target=lambda: seen.append(one.server))
    waiting.start()
    waiting.join(PATIENCE)
    other.one("ROLLBACK")
    waiting.join()
    return TRANSACTION, held == before and seen[0] != before


def _setting_leaks(
    one: Client, other: Client | None, connect: Callable[[], Client]
) -> bool:
    """Whether another client sees what one has SET; in session mode the next client."""
    value = secrets.token_hex(8)
    one.one(f"SELECT set_config('{SETTING}', '{value}', false)")
    if other is None:
        one.close()
        other = connect()
    seen = bool(other.one(f"SELECT current_setting('{SETTING}', true)") == value)
    if seen:
        other.one(f"SELECT set_config('{SETTING}', '', false)")
    return seen


def _prepared_leaks(one: Client, other: Client) -> bool:
    """Whether another client can execute what one has prepared in the protocol."""
    if not hasattr(one.connection, "pgconn"):
        return False  # psycopg 2, which prepares nothing
    first, second = one.connection.pgconn, other.connection.pgconn
    name = f"tenantry_doctor_{secrets.token_hex(8)}".encode()
    first.prepare(name, b"SELECT 1")
    seen = second.exec_prepared(name, None).ntuples == 1
    if seen:
        second.exec_(b"DEALLOCATE " + name)
    return bool(seen)


def _product(connect: Callable[..., Client], error: type[Exception]) -> str:
    """Return what PgBouncer's console says it is, where we may ask it."""
    try:
        return str(connect(dbname="pgbouncer").one("SHOW VERSION"))
    except error:
        return ""
