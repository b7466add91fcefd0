"""The same table with a tenant column, in front of every index that Django makes."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class Sale(models.Model):
    id = models.BigAutoField(primary_key=True)
    customer = models.CharField(max_length=60)
    sold_on = models.DateField()
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    note = models.TextField()
    facts = models.JSONField()
    words = SearchVectorField()
    tenant_key = models.TextField(db_collation="C")

    class Meta:
        indexes = (
            models.Index(fields=["tenant_key", "id"], name="sale_id"),
            models.Index(fields=["tenant_key", "customer"], name="sale_customer"),
            models.Index(
                fields=["tenant_key", "customer"],
                name="sale_customer_like",
                opclasses=["text_ops", "varchar_pattern_ops"],
            ),
            models.Index(fields=["tenant_key", "sold_on"], name="sale_sold_on"),
            GinIndex(fields=["facts"], name="sale_facts"),
            GinIndex(fields=["words"], name="sale_words"),
        )

    def __str__(self):
        return self.customer
