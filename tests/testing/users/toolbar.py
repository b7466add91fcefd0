"""What django-debug-toolbar counts of a tenant's queries, in a user's project."""

from debug_toolbar.toolbar import DebugToolbar
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from tenantry.connections import TenantConnections
from tenantry.testing import TenantTestCase
from tests.shop.models import Author
from tests.world import replaced


def page(request):
    """Ask the database twice."""
    names = [*Author.objects.values_list("name", flat=True)]
    names += Author.objects.filter(pk=1).values_list("name", flat=True)
    return HttpResponse(f"<html><body>{names}</body></html>")


urlpatterns = [path("", page), path("__debug__/", include("debug_toolbar.urls"))]


def always(request):
    return True


@override_settings(DEBUG=True)
class Toolbar(TenantTestCase):
    def counted(self):
        """Return the aliases of the queries that the toolbar saw in a request."""
        seen = []

        def created(sender, toolbar, **_):
            seen.append(toolbar)

        DebugToolbar._created.connect(created)
        try:
            assert self.client.get("/").status_code == 200
        finally:
            DebugToolbar._created.disconnect(created)
        panel = seen[-1].get_panel_by_id("SQLPanel")
        return [query["alias"] for query in panel._queries]

    def test_the_tenants_queries_are_counted(self):
        assert self.counted() == [self.tenant.ref.label] * 2
        assert self.counted() == [self.tenant.ref.label] * 2


@override_settings(DEBUG=True)
class Closed(Toolbar):
    """The first request of a thread: nothing of the tenant is open yet."""

    def setUp(self):
        self.client.get("/")

    def counted(self):
        from django.db import connections

        from tenantry.isolation import isolations

        if not isolations["default"].shares_connection:
            # Its transaction ends here; nothing was written in it.
            opened = connections.open_tenants
            kept = dict(opened)
            opened.clear()
            try:
                return super().counted()
            finally:
                connections.forget(self.tenant.ref)
                opened.update(kept)
        return super().counted()

    def test_without_what_all_gives_they_are_not_counted(self):
        """The negative control: `all()` as it would be without the active tenant."""
        from tenantry.isolation import isolations

        if isolations["default"].shares_connection:
            self.skipTest("its connection is a configured one")

        def configured(self, initialized_only=False):
            return [self.configured(alias) for alias in self]

        with replaced(TenantConnections, "all", configured):
            assert self.counted() == []
