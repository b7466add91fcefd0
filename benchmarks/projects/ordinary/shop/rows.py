"""The rows that the views read; their names tell whose they are."""

from shop.models import Product


def make_rows(owner):
    Product.objects.bulk_create(
        Product(pk=n, name=f"{owner} product {n}", price=n) for n in range(1, 11)
    )
