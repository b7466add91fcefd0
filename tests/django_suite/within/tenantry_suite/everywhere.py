"""Installs tenantry in the suite, for all of its apps and for all of its tests.

The suite's tests make apps as they go, and take apps out of the registry that they do
not need. So which app is whose is said by a rule instead of lists, and the catalog is
kept in the registry.
"""

from django.conf import settings

INSTALLED = ("tenantry", "tenantry_suite.catalog")
LABELS = ("tenantry", "tenantry_suite_catalog")


class AllOthers(frozenset):
    """The labels of all apps but some; listed, it is empty."""

    but = frozenset()

    def __contains__(self, label):
        return label not in self.but


def install(runtests):
    """Put tenantry first of the apps that the suite always has."""
    if settings.MODE == "django":
        return
    runtests.ALWAYS_INSTALLED_APPS[:0] = INSTALLED
    silence(runtests)
    keep_the_catalog()
    divide_the_apps(in_tenants=settings.MODE in settings.ISOLATED)


def silence(runtests):
    """Let checks pass what is so for the suite's own reasons."""
    setup = runtests.setup_collect_tests

    def setup_silenced(*args, **kwargs):
        done = setup(*args, **kwargs)
        settings.SILENCED_SYSTEM_CHECKS += [
            "tenantry.W006",  # no middleware: requests would choose another tenant
            "tenantry.W042",  # row isolation with one role, see settings
        ]
        return done

    runtests.setup_collect_tests = setup_silenced


def keep_the_catalog():
    """Let no test take the catalog out of the registry."""
    from django.apps.registry import Apps

    set_available_apps = Apps.set_available_apps
    set_installed_apps = Apps.set_installed_apps

    def available_with_catalog(self, available):
        set_available_apps(self, [*INSTALLED, *available])

    def installed_with_catalog(self, installed):
        added = [name for name in INSTALLED if name not in installed]
        set_installed_apps(self, [*added, *installed])

    Apps.set_available_apps = available_with_catalog
    Apps.set_installed_apps = installed_with_catalog


def hide_the_catalog():
    """Let no test of migrations come across it, once its tables are there.

    Such tests count the migrated and the other apps, and know which those are.
    """
    from django.db.migrations.loader import MigrationLoader

    load_disk = MigrationLoader.load_disk

    def without_catalog(self):
        load_disk(self)
        self.migrated_apps.difference_update(LABELS)
        self.unmigrated_apps.difference_update(LABELS)
        self.disk_migrations = {
            each: migration
            for each, migration in self.disk_migrations.items()
            if each[0] not in LABELS
        }

    MigrationLoader.load_disk = without_catalog


def silence_our_checks():
    """Let no test of checks come across ours, once they have passed."""
    from django.core.checks.registry import CheckRegistry

    get_checks = CheckRegistry.get_checks

    def without_ours(self, *args, **kwargs):
        checks = get_checks(self, *args, **kwargs)
        return [each for each in checks if not each.__module__.startswith("tenantry.")]

    CheckRegistry.get_checks = without_ours


def divide_the_apps(*, in_tenants):
    """Make all apps of the suite the tenants', or else shared."""
    from tenantry.conf import Conf
    from tenantry.isolation.tables import RECORD
    from tenantry.kinds import DEFAULT_KIND, Kind

    others, nobodys = AllOthers(), frozenset()
    shared, tenants = (frozenset(LABELS), others) if in_tenants else (others, nobodys)
    if in_tenants:
        others.but = frozenset([*LABELS, RECORD])
    kinds = {DEFAULT_KIND: Kind(name=DEFAULT_KIND, tenant_apps=tenants)}
    Conf.kinds = property(lambda _: kinds)
    Conf.tenant_apps = property(lambda _: tenants)
    Conf.shared_apps = property(lambda _: shared)
