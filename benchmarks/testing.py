"""A class of ten tests, in plain Django or in a tenant, run in this process."""

import time
import unittest


def test_class():
    """Return it: each test makes rows, asks for them, and requests a page."""
    from django.apps import apps  # noqa: PLC0415
    from django.test import TestCase  # noqa: PLC0415
    from shop.models import Order, Product  # noqa: PLC0415

    base = TestCase
    if apps.is_installed("tenantry"):
        from tenantry.testing import TenantTestCase  # noqa: PLC0415

        base = TenantTestCase

    class Tests(base):
        @classmethod
        def setUpTestData(cls):
            cls.products = Product.objects.bulk_create(
                Product(pk=number, name=f"product {number}", price=number)
                for number in range(1, 11)
            )

        def check(self):
            for product in self.products[:3]:
                Order.objects.create(product=product, customer="Ann")
            assert Product.objects.filter(price__gte=5).count() == 6
            orders = Order.objects.select_related("product").order_by("pk")
            assert [order.product.pk for order in orders] == [1, 2, 3]
            assert self.client.get("/ten/").status_code == 200

    for number in range(10):
        setattr(Tests, f"test_{number}", Tests.check)
    return Tests


class TestDatabases:
    """The test databases of a project; made at first use, removed by `leave`."""

    def __init__(self):
        self.made = None

    def enter(self):
        from django.test import utils  # noqa: PLC0415

        utils.setup_test_environment()
        self.made = utils.setup_databases(
            verbosity=0, interactive=False, serialized_aliases=frozenset()
        )

    def leave(self):
        from django.test import utils  # noqa: PLC0415

        utils.teardown_databases(self.made, verbosity=0)
        self.made = None

    def run(self):
        """Return the seconds that a class of ten tests took."""
        if self.made is None:
            self.enter()
        suite = unittest.TestLoader().loadTestsFromTestCase(test_class())
        result = unittest.TestResult()
        began = time.perf_counter()
        suite.run(result)
        seconds = time.perf_counter() - began
        if result.testsRun != 10 or not result.wasSuccessful():
            raise RuntimeError([*result.errors, *result.failures][0][1])
        return seconds


databases = TestDatabases()
