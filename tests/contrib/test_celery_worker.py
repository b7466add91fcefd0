"""Celery's worker over RabbitMQ: several processes, and no task in a wrong tenant.

`make prove` runs 10,000 tasks in 100 tenants with 4 processes.
"""

import contextlib
import secrets
import signal
import subprocess
import sys
import time

import pytest

from tests import servers
from tests.contrib import celery_project
from tests.projects import PROVE, ROOT, migrated

pytestmark = [pytest.mark.rabbitmq, pytest.mark.redis, pytest.mark.postgres]

TENANTS, BATCHES, PROCESSES, SECONDS = (100, 10, 4, 1200) if PROVE else (6, 5, 2, 120)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with migrated("schema", tmp_path_factory.mktemp("celery") / "p") as made:
        name = f"tenantry-{secrets.token_hex(6)}"
        made.variables = {
            "TENANTRY_CELERY": name,
            "TENANTRY_CELERY_BROKER": servers.rabbitmq(),
            "TENANTRY_CELERY_BACKEND": f"{servers.redis()}/0",
            "CELERY_SKIP_CHECKS": "1",
        }
        made.warnings = "ignore"
        made.close_server()
        made.keys = [f"t{number}" for number in range(TENANTS)]
        made.call(celery_project.fill, made.keys)
        try:
            yield made
        finally:
            remove(name)


def remove(name):
    """Leave no queue and no key behind."""
    import redis
    from kombu import Connection

    with Connection(servers.rabbitmq()) as connection:
        channel = connection.channel()
        channel.queue_delete(name)
        channel.exchange_delete(name)
    with contextlib.closing(redis.from_url(servers.redis())) as store:
        keys = list(store.scan_iter(f"{name}*", count=1000))
        if keys:
            store.delete(*keys)


@contextlib.contextmanager
def worker(project, *options):
    """Run a worker for a block."""
    command = [sys.executable, "-m", "celery", "-A", celery_project.__name__, "worker"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-lERROR"]
    log = project.folder / "worker.log"
    with log.open("w") as out:
        running = subprocess.Popen(
            [*command, *quiet, *options],
            cwd=ROOT,
            env={**project.environment(), "PYTHONDONTWRITEBYTECODE": ""},
            stdout=out,
            stderr=out,
        )
        try:
            yield log
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def wait_for(project, total):
    """Return what the tasks wrote down, when all have."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = project.call(celery_project.audit, project.keys)
        done = sum(sum(runs.values()) for runs in found.values())
        if done >= total or time.monotonic() > deadline:
            return found
        time.sleep(2 if PROVE else 0.3)


@pytest.mark.service("Celery", "RabbitMQ, prefork", by="a header of the message")
def test_each_task_runs_in_the_tenant_it_was_sent_in(project):
    expected = {
        key: {
            f"{key} {what}": runs * BATCHES
            for what, runs in celery_project.BATCH.items()
        }
        for key in project.keys
    }
    total = sum(sum(runs.values()) for runs in expected.values())
    project.call(celery_project.send, project.keys, BATCHES)
    with worker(project, f"-c{PROCESSES}", "-Pprefork"):
        found = wait_for(project, total)
    assert total == TENANTS * BATCHES * 10
    assert found == expected
