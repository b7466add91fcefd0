"""`make demo`: makes its tenants, serves them, and knows a wrong answer for one."""

import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tenantry import demo
from tenantry.demo.customers.names import names, trade_of
from tenantry.demo.shop.looks import look_of
from tenantry.demo.shop.trades import TRADES
from tests import servers
from tests.demo.running import PATIENCE_SECONDS, get, wait_until_served

TENANTS = 12
KEY = re.compile(r"[a-z][a-z0-9_-]*\Z")

# Runs the demo, with an act of ours after provisioning.
ALTERED = """
import os, signal, sys
import django
from tenantry.demo import __main__ as demo

options = demo.parse(sys.argv[1:])
demo.choose(options)
django.setup()

from django.conf import settings
from tenantry.demo import run
from tenantry.demo.customers.models import Tenant

def exchange_two():
    one, other = (
        settings.DEMO_DATA / "tenants" / tenant.location
        for tenant in Tenant.objects.order_by("pk")[6:8]
    )
    os.rename(one, "kept")
    os.rename(other, one)
    os.rename("kept", other)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

provision = run.provision

def provision_and_then(number):
    seconds = provision(number)
    {then}()
    return seconds

run.provision = provision_and_then
sys.exit(run.run(tenants=options.tenants, serve=False))
"""


def assert_all_is_right(done, isolation):
    status, out, err = done
    assert status == 0, err
    told = json.loads(out)
    assert list(told) == [
        "tenants",
        "isolation",
        "provision_seconds",
        "ms_per_tenant",
        "requests",
        "requests_per_second",
        "wrong_answers",
        "peak_memory_mb",
    ]
    assert told["tenants"] == TENANTS
    assert told["isolation"] == isolation
    assert told["requests"] == 2 * TENANTS
    assert told["wrong_answers"] == 0


def test_every_tenant_answers_with_its_own_rows_and_after_a_new_start_too(place):
    for _ in range(2):
        done = place.run("--tenants", TENANTS, "--no-serve")
        assert_all_is_right(done, "database")


@pytest.mark.postgres
@pytest.mark.parametrize("isolation", ["schema", "row"])
def test_every_tenant_answers_with_its_own_rows_on_postgresql(place, isolation):
    import psycopg
    from psycopg import sql

    server = servers.postgres()
    name = f"tenantry_demo_test_{os.getpid()}"
    place.environment["TENANTRY_DEMO_POSTGRES_NAME"] = name
    place.environment.pop("TENANTRY_DEMO_POSTGRES_URL", None)
    try:
        for _ in range(2):
            done = place.run(
                "--tenants", TENANTS, "--no-serve", "--isolation", isolation
            )
            assert_all_is_right(done, isolation)
    finally:
        with psycopg.connect(
            dbname="postgres",
            host=server["HOST"],
            port=server["PORT"],
            user=server["USER"],
            password=server["PASSWORD"],
            autocommit=True,
        ) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))
            for role in ("serving", "owner"):
                drop = sql.SQL("DROP ROLE IF EXISTS {}")
                connection.execute(drop.format(sql.Identifier(f"{name}_{role}")))


def test_two_tenants_exchanged_are_wrong_answers_and_a_failure(place):
    status, out, err = place.run(
        "--tenants", TENANTS, "--no-serve", code=ALTERED.format(then="exchange_two")
    )
    assert status == 1
    assert json.loads(out)["wrong_answers"] == 4, "two pages of each of the two"
    assert len(re.findall("^wrong: ", err, re.MULTILINE)) == 4


def test_what_a_killed_demo_left_does_not_hinder_the_next(place):
    status, _, _ = place.run("--tenants", 2, code=ALTERED.format(then="die"))
    assert status == -signal.SIGKILL
    assert_all_is_right(place.run("--tenants", TENANTS, "--no-serve"), "database")


def test_a_folder_that_the_demo_did_not_make_is_left_as_it_is(place):
    theirs = place.folder / ".demo" / "theirs"
    theirs.parent.mkdir()
    theirs.write_text("precious")
    status, out, err = place.run("--tenants", 1, "--no-serve")
    assert (status, out) == (1, "")
    assert "--data" in err
    assert theirs.read_text() == "precious"


@pytest.mark.postgres  # for the driver
def test_without_a_server_the_error_names_the_next_step(place, port):
    url = f"postgresql://nobody@127.0.0.1:{port}"
    place.environment["TENANTRY_DEMO_POSTGRES_URL"] = url
    status, _, err = place.run("--tenants", 1, "--no-serve", "--isolation", "schema")
    assert status == 1
    assert "TENANTRY_DEMO_POSTGRES_URL=" in err
    assert "Traceback" not in err


def test_a_taken_port_is_refused_before_anything_is_made(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = place.run("--tenants", 1, "--port", port)
    assert status == 1
    assert f"PORT={port + 1}" in err
    assert not (place.folder / ".demo").exists()


def test_it_serves_the_list_the_shops_and_the_admins_static_files(place, port):
    process = place.start("--tenants", 3, "--port", port)
    try:
        wait_until_served(process, port)
        everyone = get(port, "localhost")
        for key, name in names(3):
            assert f'href="http://{key}.localhost:{port}/"' in everyone
            assert f"<code>{key}</code>" in get(port, f"{key}.localhost")
            assert name in get(port, f"{key}.localhost", "/admin/login/")
        assert "Amber" not in get(port, "localhost", "/?q=alder")
        assert get(port, "acme.localhost", "/static/admin/css/base.css")
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    assert not err


def test_it_has_no_problems_and_its_migrations_are_complete(place):
    (place.folder / ".demo").mkdir()  # Django asks the database whether it knows JSON
    for command in (
        ["check", "--fail-level", "WARNING"],
        ["makemigrations", "--check", "--dry-run"],
    ):
        done = place.manage(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_keys_are_valid_and_each_is_there_once():
    found = names(2500)
    keys = [name.key for name in found]
    assert len(set(keys)) == len({name.name for name in found}) == len(found)
    assert all(KEY.match(key) and len(key) <= 40 for key in keys)
    assert names(100) == found[:100]
    assert {trade_of(key) for key in keys} == set(TRADES)


def test_a_shop_looks_the_same_every_time_and_unlike_most_others():
    keys = [name.key for name in names(1000)]
    looks = [look_of(key) for key in keys]
    assert looks == [look_of(key) for key in keys]
    assert len({str(look) for look in looks}) > 900


def test_every_picture_that_is_named_is_drawn():
    drawn = (Path(demo.__file__).parent / "shop/templates/shop/art.svg").read_text()
    for trade in TRADES.values():
        for glyph in trade.goods:
            assert f'id="{glyph}"' in drawn


def test_the_shop_is_written_as_if_there_were_no_tenants():
    for path in (Path(demo.__file__).parent / "shop").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            told = re.sub(r"tenantry\.demo", "", path.read_text())
            assert "tenant" not in told, path
