"""Provisions tenants one by one, with the rows that the demo seeds."""

import time

import counting
from django.core.management import call_command
from django.db import connection

from tenantry.demo.customers.models import Tenant


def make(keys):
    """Return what each cost; the first makes the tables as well."""
    call_command("migrate", verbosity=0)
    return [one(key) for key in keys]


def one(key):
    server = counting.server_cpu(connection)
    cpu, wall = time.process_time(), time.perf_counter()
    with counting.tally() as tally:
        Tenant.objects.provision(key=key, name=key)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    server = counting.server_cpu(connection) - server
    trips = tally.counts["round_trips"]
    return {"wall": wall, "cpu": cpu, "server": server, "round_trips": trips}
