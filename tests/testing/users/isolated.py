"""Proofs of isolation in a user's project, and that leaks are seen by them."""

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from tenantry import override_tenant
from tenantry.testing import TenantTestCase, assert_isolated
from tests.shop.models import Author, Book
from tests.testing.users import leaks

LEAKS = "tests.testing.users.leaks"


class Proofs(TenantTestCase):
    def setUp(self):
        leaks._cache.clear()

    def look(self, **more):
        return assert_isolated(tenant=self.tenant, other=self.other_tenant, **more)

    def test_an_unmodified_project_is_isolated(self):
        report = self.look()
        paths = {visit.path for visit in report.visited if visit.status == 200}
        assert "/admin/auth/user/990001/change/" in paths
        assert "/admin/auth/user/" in paths
        assert "/admin/auth/user/" in report.telling
        assert "/" in report.telling
        assert {"shop.Author", "shop.Book", "auth.User"} <= set(report.models)
        assert not Author.objects.exists()
        with override_tenant(self.other_tenant):
            assert not User.objects.exists()

    @override_settings(ROOT_URLCONF=LEAKS)
    def test_a_view_that_keeps_what_it_read_is_seen(self):
        with pytest.raises(AssertionError) as told:
            self.look()
        said = str(told.value)
        assert "GET /cached/ (anybody, 200) shows 'test2' in its body" in said
        assert (
            "GET /inner/one/990001/ (superuser, 200) shows 'test2' in its head" in said
        )
        assert "/fine/" not in said
        assert "/admin/" not in said.partition("requests")[0]

    @override_settings(ROOT_URLCONF=LEAKS)
    def test_only_what_is_named_is_requested(self):
        report = self.look(urls=["/fine/"], models=[Author, "shop.Book"])
        assert {visit.path for visit in report.visited} == {"/fine/"}
        assert report.models == ["shop.Author", "shop.Book"]
        assert report.telling == {"/fine/"}

    def test_a_manager_that_keeps_what_it_read_is_seen(self):
        kept = []

        def newest(self):
            kept.extend(self.all()[:1] if not kept else [])
            return kept

        with override_tenant(self.other_tenant):
            kept.append(Book.objects.create(title="kept"))
        manager = type(Author.objects)
        manager.newest = newest
        try:
            with pytest.raises(AssertionError, match=r"shop.Author.objects.newest\(\)"):
                self.look(urls=[], models=[Author])
        finally:
            del manager.newest

    def test_nothing_visited_is_no_proof(self):
        with pytest.raises(AssertionError, match="No URL was answered"):
            self.look(urls=["/nowhere/"], models=[])
