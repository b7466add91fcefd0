"""A tenant app that refers to shared countries, in every way that Django knows."""

from django.conf import settings
from django.db import models

# Where tenants have databases of their own, no key can lead to the shared one.
ENFORCED = getattr(settings, "TRAVEL_ENFORCED", False)


def country(on_delete, **options):
    """Return a foreign key to a country."""
    return models.ForeignKey(
        "geo.Country", on_delete, db_constraint=ENFORCED, **options
    )


class Visit(models.Model):
    """Goes with its country, and nothing refers to it."""

    country = country(models.CASCADE)

    def __str__(self):
        return f"visit {self.pk}"


class Trip(models.Model):
    """Goes with its country, and takes its stops along."""

    country = country(models.CASCADE)

    def __str__(self):
        return f"trip {self.pk}"


class Stop(models.Model):
    """A part of a trip."""

    trip = models.ForeignKey(Trip, models.CASCADE)

    def __str__(self):
        return f"stop {self.pk}"


class Home(models.Model):
    """Stays, without its country."""

    country = country(models.SET_NULL, null=True)

    def __str__(self):
        return f"home {self.pk}"


class Passport(models.Model):
    """Keeps its country from going."""

    country = country(models.PROTECT)

    def __str__(self):
        return f"passport {self.pk}"


class Visa(models.Model):
    """Keeps its country from going, unless its trip goes as well."""

    country = country(models.RESTRICT)
    trip = models.ForeignKey(Trip, models.CASCADE, null=True)

    def __str__(self):
        return f"visa {self.pk}"


class Guide(models.Model):
    """Knows several countries."""

    countries = models.ManyToManyField("geo.Country", db_constraint=ENFORCED)

    def __str__(self):
        return f"guide {self.pk}"


class Memory(models.Model):
    """Is left to the database."""

    country = models.ForeignKey("geo.Country", models.DO_NOTHING, db_constraint=False)

    def __str__(self):
        return f"memory {self.pk}"
