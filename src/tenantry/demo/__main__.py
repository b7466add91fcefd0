"""`python -m tenantry.demo`: makes the demo's tenants, then serves or verifies them."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import django

from tenantry.exceptions import TenantryError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tenantry.demo",
        description="Make a thousand shops, each a Django of its own, and serve them.",
    )
    parser.add_argument(
        "--tenants", type=positive, default=1000, help="how many (default: 1000)"
    )
    parser.add_argument(
        "--isolation",
        choices=("database", "schema", "row"),
        default="database",
        help="a SQLite file each (database, the default), a PostgreSQL schema each, or "
        "rows of shared tables (row)",
    )
    parser.add_argument(
        "--users",
        choices=("confined", "members", "both", "own"),
        default="confined",
        help="each shop's own (confined, the default), shared users who are members of "
        "shops, both (shared staff, the shops' own customers), or a shop for each user "
        "who signs up (own)",
    )
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument(
        "--no-serve",
        action="store_true",
        help="ask every tenant for its pages instead; print one line of JSON, and exit "
        "with status 0 only if all are right",
    )
    parser.add_argument(
        "--data", default=".demo", help="the demo's own folder (default: .demo)"
    )
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Return the number, which must be one or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("there must be at least one tenant")
    return number


def choose(options: argparse.Namespace) -> None:
    """Tell the settings what was chosen, by the variables that they read."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tenantry.demo.settings"
    os.environ["TENANTRY_DEMO_DATA"] = options.data
    os.environ["TENANTRY_DEMO_ISOLATION"] = options.isolation
    os.environ["TENANTRY_DEMO_USERS"] = options.users
    os.environ["TENANTRY_DEMO_PORT"] = str(options.port)
    os.environ["TENANTRY_DEMO_SEED"] = secrets.token_hex(16)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status."""
    options = parse(arguments)
    if options.isolation != "database" and find_spec("psycopg") is None:
        sys.stderr.write(
            "error: PostgreSQL needs psycopg: pip install 'psycopg[binary]'\n"
        )
        return FAILED
    choose(options)
    django.setup()
    from tenantry.demo import run  # noqa: PLC0415  (has models, which need the settings)

    try:
        return run.run(tenants=options.tenants, serve=not options.no_serve)
    except TenantryError as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
