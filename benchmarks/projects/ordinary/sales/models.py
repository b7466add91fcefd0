"""A table with what is asked for most: keys, texts, dates, words, JSON."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class Sale(models.Model):
    id = models.BigAutoField(primary_key=True)
    customer = models.CharField(max_length=60, db_index=True)
    sold_on = models.DateField(db_index=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    note = models.TextField()
    facts = models.JSONField()
    words = SearchVectorField()

    class Meta:
        indexes = (
            GinIndex(fields=["facts"], name="sale_facts"),
            GinIndex(fields=["words"], name="sale_words"),
        )

    def __str__(self):
        return self.customer
