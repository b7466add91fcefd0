"""Test cases of a user's project, by the classes of `tenantry.testing`."""

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection, connections, transaction
from django.test import TestCase, override_settings

from tenantry import activate, deactivate, get_tenant, override_tenant
from tenantry.exceptions import NotSupported
from tenantry.signals import tenant_provisioned
from tenantry.testing import (
    AsyncTenantClient,
    TenantClient,
    TenantRequestFactory,
    TenantTestCase,
    TransactionTenantTestCase,
)
from tests import views
from tests.customers.models import Tenant
from tests.geo.models import Country
from tests.shop.models import Author

provisioned = []


def note(tenant, **_):
    provisioned.append(tenant.key)


tenant_provisioned.connect(note)


class First(TenantTestCase):
    fixtures = ["ann.json"]

    @classmethod
    def setUpTestData(cls):
        assert get_tenant() == cls.tenant.ref
        cls.author = Author.objects.create(pk=7, name="class of one")

    @classmethod
    def setup_tenant(cls, tenant):
        assert get_tenant() == tenant.ref
        Author.objects.create(pk=8, name=f"set up for {tenant.key}")

    def names(self):
        return sorted(Author.objects.values_list("name", flat=True))

    def test_a_writes(self):
        assert self.names() == ["Ann by fixture", "class of one", "set up for test1"]
        Author.objects.create(name="left by a")
        with override_tenant(self.other_tenant):
            assert self.names() == ["set up for test2"]
            Author.objects.create(name="left by a in the other")
        with override_tenant(None):
            Country.objects.create(name="left by a")
        self.tenant.name = "changed"
        self.tenant.save()

    def test_b_finds_nothing_of_a(self):
        assert self.names() == ["Ann by fixture", "class of one", "set up for test1"]
        with override_tenant(self.other_tenant):
            assert self.names() == ["set up for test2"]
        with override_tenant(None):
            assert not Country.objects.exists()
        assert self.tenant.name == "Test tenant 1"
        assert Tenant.objects.get(key="test1").name == "Test tenant 1"

    def test_the_client_reaches_the_tenant(self):
        self.assertContains(self.client.get("/"), "class of one")
        self.assertNotContains(self.client.get("/"), "set up for test2")

    def test_the_client_logs_in_to_the_tenant(self):
        user = User.objects.create_superuser("ann")
        self.client.force_login(user)
        self.assertContains(self.client.get("/admin/auth/user/"), "ann")
        self.client.logout()
        assert self.client.get("/admin/").status_code == 302

    async def test_the_asynchronous_client_too(self):
        user = await User.objects.acreate_superuser("ann")
        await self.async_client.aforce_login(user)
        response = await self.async_client.get("/admin/auth/user/")
        self.assertContains(response, "ann")

    def test_queries_of_the_tenant_are_counted(self):
        with self.assertNumQueries(1):
            self.names()
        with self.assertNumQueries(1, using=self.tenant.ref.label):
            self.names()
        with self.assertNumQueries(1):
            self.client.get("/")

    def test_callbacks_on_commit_are_captured(self):
        ran = []
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            transaction.on_commit(lambda: ran.append(get_tenant().key))
        assert (ran, len(callbacks)) == (["test1"], 1)

    def test_another_may_be_activated(self):
        activate(self.other_tenant)
        assert self.names() == ["set up for test2"]
        deactivate()

    def test_zzz_what_was_activated_is_not_any_more(self):
        assert get_tenant() == self.tenant.ref

    def test_a_factory_makes_requests_of_the_tenant(self):
        request = TenantRequestFactory().get("/")
        assert request.tenant == self.tenant
        self.assertContains(views.authors(request), "class of one")

    def test_rollback_inside_is_the_tenants(self):
        def fails():
            with transaction.atomic():
                Author.objects.create(name="never")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fails()
        assert "never" not in self.names()

    def test_a_tenant_may_be_provisioned(self):
        made = Tenant.objects.provision(key="brief", domains=["brief.example.org"])
        with override_tenant(made):
            Author.objects.create(name="brief")
            assert self.names() == ["brief"]


class Second(TenantTestCase):
    def test_tenants_are_made_once(self):
        assert not Author.objects.exists()
        assert set(provisioned) - {"brief"} == {"test1", "test2"}
        assert provisioned.count("test1") == 1

    def test_what_migrations_made_is_there(self):
        assert Permission.objects.filter(codename="add_author").exists()


class Third(TransactionTenantTestCase):
    fixtures = ["ann.json"]

    @classmethod
    def setup_tenant(cls, tenant):
        Author.objects.create(pk=8, name=f"set up for {tenant.key}")

    def names(self):
        return sorted(Author.objects.values_list("name", flat=True))

    def expect_only_what_was_set_up(self):
        assert self.names() == ["Ann by fixture", "set up for test1"]
        with override_tenant(self.other_tenant):
            assert self.names() == ["set up for test2"]
        with override_tenant(None):
            assert not Country.objects.exists()
            assert not Tenant.objects.filter(key="brief").exists()
        assert Permission.objects.filter(codename="add_author").exists()

    def commit(self):
        assert not connection.in_atomic_block
        self.expect_only_what_was_set_up()
        Author.objects.create(name="committed")
        Permission.objects.all().delete()
        with override_tenant(self.other_tenant):
            Author.objects.create(name="committed in the other")
        with override_tenant(None):
            Country.objects.create(name="committed")
            assert not connections["default"].in_atomic_block
        Tenant.objects.provision(key="brief", domains=["brief.example.org"])

    def test_a_commits(self):
        self.commit()

    def test_b_commits_as_well(self):
        self.commit()

    def test_c_the_client_reaches_the_tenant(self):
        self.assertContains(self.client.get("/"), "set up for test1")


def resolved_by(resolver, **options):
    """Find tenants in another way."""
    chain = [{"BACKEND": f"tenantry.routing.{resolver}", "OPTIONS": options}]
    return override_settings(TENANTRY={**settings.TENANTRY, "RESOLVERS": chain})


class Reached(TenantTestCase):
    """The clients send what the project's resolvers look at."""

    def check(self):
        assert self.client.get("/").content.startswith(b"test1|")
        other = TenantClient(tenant=self.other_tenant)
        assert other.get("/").content.startswith(b"test2|")
        asynchronous = AsyncTenantClient(tenant=self.other_tenant)
        response = async_to_sync(asynchronous.get)("/")
        assert response.content.startswith(b"test2|")
        request = TenantRequestFactory(tenant=self.other_tenant).get("/form/")
        assert request.tenant == self.other_tenant
        assert request.path_info == "/form/"

    def test_by_domain(self):
        self.check()

    @resolved_by("SubdomainResolver", BASE="example.com")
    def test_by_subdomain(self):
        self.check()

    @resolved_by("PathResolver", PREFIX="/t/")
    def test_by_path(self):
        self.check()
        assert self.client.get("/t/test1/").content.startswith(b"test1|")
        followed = self.client.get("/go/", follow=True)
        assert followed.status_code == 200
        assert followed.request["PATH_INFO"].startswith("/t/test1/")

    @resolved_by("HeaderResolver")
    def test_by_header(self):
        self.check()

    @resolved_by("SessionResolver")
    def test_what_no_resolver_can_tell_is_said(self):
        with pytest.raises(NotSupported, match="how tenant 'test1' is reached"):
            self.client.get("/")

    def test_another_host_may_be_asked(self):
        shared = self.client.get("/", SERVER_NAME="example.com")
        assert shared.content.startswith(b"shared|")
        other = self.client.get("/", headers={"host": "test2.test"})
        assert other.content.startswith(b"test2|")


class Plain(TestCase):
    def test_no_tenant_is_active(self):
        assert get_tenant() is None


class WithOneTenant(TenantTestCase):
    tenant_count = 1
    tenant_fields = {"name": "Given".format}

    def test_fields_are_given(self):
        assert self.tenant.name == "Given"
        assert self.other_tenant is None
