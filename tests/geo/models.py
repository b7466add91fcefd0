"""A shared app: rows that belong to no tenant."""

from django.db import models


class Country(models.Model):
    """A country, the same for everybody."""

    name = models.CharField(max_length=50)
    flag = models.FileField(null=True)  # null: tests insert rows by SQL

    def __str__(self):
        return self.name
