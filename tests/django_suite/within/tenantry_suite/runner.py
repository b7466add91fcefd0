"""Django's test runner, which writes down how each test ended.

In the modes of an isolation the suite's tables are made in a tenant, and that tenant is
active for the whole of the run, in threads that the tests start as well.
"""

import json
import os
import threading
from pathlib import Path

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.test.runner import DiscoverRunner

from tenantry_suite import everywhere
from tenantry_suite.results import Recorder


class Runner(DiscoverRunner):
    """Writes the outcomes, as JSON, to the file that TENANTRY_SUITE_RESULTS names."""

    def get_resultclass(self):
        return Recorder

    def setup_databases(self, **kwargs):
        if settings.MODE in settings.ISOLATED:
            live_in_a_tenant()
        made = super().setup_databases(**kwargs)
        if settings.MODE != "django":
            everywhere.hide_the_catalog()
        return made

    def run_checks(self, databases):
        super().run_checks(databases)
        everywhere.silence_our_checks()

    def teardown_databases(self, old_config, **kwargs):
        if settings.MODE in settings.ISOLATED:
            from tenantry.context import ACTIVE

            ACTIVE.set(
                None
            )  # where `deactivate` would refuse: a test left a block open
        super().teardown_databases(old_config, **kwargs)

    def run_suite(self, suite, **kwargs):
        result = super().run_suite(suite, **kwargs)
        Path(os.environ["TENANTRY_SUITE_RESULTS"]).write_text(
            json.dumps(result.outcomes, indent=0, sort_keys=True)
        )
        return result


def live_in_a_tenant():
    """Let the test database have a tenant as soon as it is made, and activate it."""
    from django.db.backends.postgresql.creation import DatabaseCreation

    create_test_db = DatabaseCreation.create_test_db

    def create_with_tenant(self, *args, **kwargs):
        name = create_test_db(self, *args, **kwargs)
        if self.connection.configured_alias == DEFAULT_DB_ALIAS:
            make_tenant()
        return name

    DatabaseCreation.create_test_db = create_with_tenant
    features_are_those_of_default()
    if settings.MODE == "row":
        let_the_tenant_migrate()
    threads_inherit_the_tenant()


def make_tenant():
    """Make the tenant with all tables of the suite, and activate it."""
    from django.core.management import call_command

    from tenantry import activate
    from tenantry.isolation import isolations
    from tenantry_suite.catalog.models import Tenant

    tenant = Tenant(key="suite", state="active")
    tenant.save()
    isolation = isolations[tenant.placement]
    if isolation.shares_tables:
        isolation.tables_of(tenant.ref).prepare()
    isolation.create_empty(tenant.ref)
    activate(tenant)
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    call_command("createcachetable")


def features_are_those_of_default():
    """Let `skipUnlessDBFeature` find the tenant's connection among a test's databases.

    Tests name it `default`; active, it goes by the tenant's label.
    """
    from django.test import testcases

    class Default:
        alias = DEFAULT_DB_ALIAS

        def __getattr__(self, name):
            return getattr(connections[DEFAULT_DB_ALIAS], name)

    testcases.connection = Default()


def threads_inherit_the_tenant():
    """Start each thread with the tenant of the one that starts it.

    Python's threads begin with an empty context. A project binds what it starts; the
    suite's tests know of no tenant.
    """
    from tenantry import bind_tenant

    start = threading.Thread.start

    def start_bound(self):
        self.run = bind_tenant(self.run)
        start(self)

    threading.Thread.start = start_bound


def let_the_tenant_migrate():
    """Let `migrate` be Django's where a row tenant is active.

    It is refused, as tables that tenants share are migrated for all of them; those of
    the suite have one tenant.
    """
    from django.core.management.commands import migrate

    from tenantry.management.commands.migrate import Command

    Command.handle = migrate.Command.handle
