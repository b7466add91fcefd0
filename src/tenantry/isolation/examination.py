"""What `tenants doctor` finds out about the tables and roles of row isolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tenantry.isolation.base import Finding
from tenantry.isolation.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that must hold: what is said where it does, and where it does not."""

    level: Literal["warning", "error"] = "error"
    well: str
    ill: str
    next_step: str


HARDEN = "Run `manage.py tenants doctor --repair`."
QUESTIONS = {
    "serving_role": Question(
        well="The serving role {serving} cannot get around the policies.",
        ill="The serving role {serving} can get around the policies: {found}.",
        next_step="Serve requests as a role without these rights; name the one that "
        "owns the tables in OPTIONS['OWNER_DATABASE'].",
    ),
    "owner_role": Question(
        well="The owner {owner} is under the policies as well.",
        ill="The owner {owner} is above the policies: {found}. Views and functions "
        "that it owns show the rows of all tenants.",
        next_step="Let a role own the tables that is neither.",
    ),
    "one_role": Question(
        level="warning",
        well="One role serves, another owns the tables.",
        ill="The role {found} serves requests and owns the tables: it could lift their "
        "policies.",
        next_step="Name another role in OPTIONS['OWNER_DATABASE'].",
    ),
    "other_roles": Question(
        level="warning",
        well="No other role reads the tables past the policies.",
        ill="Other roles read the rows of all tenants: {found}.",
        next_step="Revoke their rights on the tables, unless they are for backups.",
    ),
    "policies": Question(
        well="Each table is protected by its policy, and by no other.",
        ill="Tables are not protected as they must be: {found}.",
        next_step=HARDEN + " Drop policies that are not tenantry's.",
    ),
    "columns": Question(
        well="Each table marks its rows with their tenant.",
        ill="Tables do not mark their rows with their tenant: {found}.",
        next_step=HARDEN,
    ),
    "keys": Question(
        well="Each key holds within its tenant.",
        ill="Keys do not begin with the tenant: {found}.",
        next_step=HARDEN,
    ),
    "indexes": Question(
        level="warning",
        well="Each btree index begins with the tenant.",
        ill="Indexes do not begin with the tenant, so they are of little use: {found}.",
        next_step=HARDEN,
    ),
    "relations": Question(
        well="Nothing beside the tables holds rows of tenants.",
        ill="The policies do not reach: {found}.",
        next_step="Drop them, or let the owner of the tables own the views.",
    ),
    "rights": Question(
        well="The serving role {serving} may read and write each table, and no more.",
        ill="The rights of the serving role {serving} are not right on: {found}.",
        next_step=HARDEN,
    ),
    "owners": Question(
        level="warning",
        well="The owner {owner} owns each table.",
        ill="Tables are owned by other roles, so they cannot be migrated: {found}.",
        next_step="ALTER TABLE … OWNER TO {owner}, as a superuser.",
    ),
    "steps": Question(
        level="warning",
        well="No migration is left half-way.",
        ill="Migrations are left half-way: {found}. No tenant is made meanwhile.",
        next_step="Run `manage.py tenants migrate`: it goes on from there.",
    ),
}


ROLES = ("serving_role", "owner_role", "one_role")


def examine(
    execute: Callable[..., list[Any]],
    *,
    questions: Iterable[str],
    schema: str,
    serving: str,
    owner: str,
) -> Iterator[Finding]:
    """Yield what is found of the tables in the schema, one finding a question."""
    facts = {"schema": schema, "serving": serving, "owner": owner}
    for name in questions:
        question = QUESTIONS[name]
        found = [row[0] for row in execute(statements("doctor")[name], facts)]
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        said = question.ill if found else question.well
        yield Finding(
            level=question.level if found else "ok",
            name=name.replace("_", "-"),
            text=said.format(**facts, found=", ".join(found[:SHOWN]) + more),
            next_step=question.next_step.format(**facts) if found else "",
        )
