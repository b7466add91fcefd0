"""The demo's course: a new place, tenants provisioned, then served or verified."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from tqdm import tqdm

from tenantry.demo import data, server, verify
from tenantry.demo.customers.models import Tenant
from tenantry.demo.customers.names import names, settings_of
from tenantry.demo.customers.seed import make_staff

# A server works while the next statement is made; files are made by this process.
JOBS = {"schema": 2, "row": 2, "database": 1}


def run(*, tenants: int, serve: bool) -> int:
    """Make that many tenants and serve them, or ask them all; return an exit status."""
    if serve:
        server.check_port(settings.DEMO_PORT)
    start_anew()
    seconds = provision(tenants)
    data.write_record(
        settings.DEMO_DATA,
        tenants=tenants,
        seconds=round(seconds, 1),
        milliseconds=round(1000 * seconds / tenants, 1),
    )
    if serve:
        server.serve(settings.DEMO_PORT, tenants)
        return 0
    facts: dict[str, Any] = {
        "tenants": tenants,
        "isolation": settings.DEMO_ISOLATION,
        "provision_seconds": round(seconds, 2),
        "ms_per_tenant": round(1000 * seconds / tenants, 2),
    }
    result = verify.verify([name.key for name in names(tenants)])
    sys.stdout.write(json.dumps({**facts, **result.facts()}) + "\n")
    for wrong in result.wrong[: verify.TOLD]:
        sys.stderr.write(f"wrong: {wrong}\n")
    return 1 if result.wrong else 0


def start_anew() -> None:
    """Remove what an earlier demo made, and migrate the shared database."""
    data.start_folder(settings.DEMO_DATA)
    if settings.DEMO_ON_POSTGRES:
        roles = settings.DEMO_ROLES if settings.DEMO_ISOLATION == "row" else {}
        data.start_database(
            settings.DEMO_SERVER, roles=roles.values(), password=settings.DEMO_SEED
        )
    call_command("migrate", interactive=False, verbosity=0)
    if settings.DEMO_USERS != "confined":
        make_staff()


def provision(number: int) -> float:
    """Provision that many tenants; return how many seconds it took."""
    wanted = [
        {"key": key, "name": name, "settings": settings_of(key)}
        for key, name in names(number)
    ]
    start = perf_counter()
    with tqdm(total=number, desc="provisioning", unit="tenant", disable=None) as bar:

        def show(done: int, _: int) -> None:
            bar.update(done - bar.n)

        Tenant.objects.provision_many(
            wanted, jobs=JOBS[settings.DEMO_ISOLATION], on_progress=show
        )
    connections.close_all()  # the last tenants' are open still
    return perf_counter() - start
