"""Any order of writes, blocks, switches and breakdowns leaves each tenant its own rows.

Hypothesis invents the order; a model in plain Python says what each tenant must hold.
"""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg import pq

from tenantry.backends.postgresql.statement import CarryingCursor
from tenantry.exceptions import TenantryError
from tests.conformance.conftest import SHARES_CONNECTION
from tests.conformance.machine.rules import Machine
from tests.projects import PROVE
from tests.world import replaced, without_guards, without_seam

LENGTH = 50
VIOLATIONS = (
    AssertionError,
    pytest.fail.Exception,
    DatabaseError,
    IndexError,  # a block is left where it was not entered
    RuntimeError,  # or there is one still
    TenantryError,
)
STEPS = 10_000 if PROVE else 600


def run(world, *, runs=STEPS // LENGTH + 2, phases=(Phase.generate, Phase.shrink)):
    """Run the machine on the two tenants; return how many steps it has taken."""
    taken = []

    def machine():
        made = Machine(world.a, world.b)
        taken.append(made)
        return made

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=LENGTH,
            derandomize=not PROVE,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return sum(each.steps for each in taken)


def test_each_tenant_holds_what_the_model_says_after_every_step(world):
    taken = 0
    while taken < STEPS:
        taken += run(world)


def test_control_without_guards_the_machine_finds_a_violation(world):
    with without_guards(), pytest.raises(VIOLATIONS):
        run(world, runs=12, phases=[Phase.generate])


def test_control_a_transaction_that_keeps_its_tenant_wrongly_is_found_out(world):
    with BUG(), pytest.raises(VIOLATIONS):
        run(world, runs=12, phases=[Phase.generate])


@contextmanager
def remembered():
    """What a transaction was told is kept in mind, and not forgotten by a rollback."""
    real = CarryingCursor._execute_send

    def execute_send(self, query, **kwargs):
        running = self._pgconn.transaction_status == pq.TransactionStatus.INTRANS
        if running and getattr(self._conn, "told", None) == self.carry():
            with replaced(self, "is_told", True):
                return real(self, query, **kwargs)
        self._conn.told = self.carry() if running else None
        return real(self, query, **kwargs)

    with replaced(CarryingCursor, "_execute_send", execute_send):
        yield


@contextmanager
def left_wherever():
    """A block is left on the connection of whatever tenant is active then."""
    with (
        without_seam(transaction.Atomic, "__enter__"),
        without_seam(transaction.Atomic, "__exit__"),
    ):
        yield


BUG = remembered if SHARES_CONNECTION else left_wherever
