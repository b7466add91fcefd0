"""A tenant app with every sort of relation."""

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Tag(models.Model):
    """Something that books have many of."""

    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class LongNames(models.QuerySet):
    """A custom QuerySet, for custom managers."""

    def long(self):
        """Return authors with a long name."""
        return self.filter(name__regex=".{3}")


class Author(models.Model):
    """Somebody who writes books; lives in a shared country."""

    name = models.CharField(max_length=50)
    country = models.ForeignKey(
        "geo.Country", models.DO_NOTHING, null=True, db_constraint=False
    )

    notes = GenericRelation("Note")

    objects = LongNames.as_manager()

    def __str__(self):
        return self.name


class Book(models.Model):
    """A book, with its author and tags."""

    title = models.CharField(max_length=50)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books", null=True)
    tags = models.ManyToManyField(Tag, related_name="books")

    def __str__(self):
        return self.title


class Chapter(models.Model):
    """A part of a book, in its place; for what Django adds to a model by its fields."""

    title = models.CharField(max_length=50)
    book = models.ForeignKey(Book, models.CASCADE, related_name="chapters")
    written = models.DateTimeField()
    sort = models.CharField(max_length=1, choices={"p": "plain"}, default="p")

    class Meta:
        order_with_respect_to = "book"

    def __str__(self):
        return self.title


class Stock(models.Model):
    """How many there are of something; for upserts."""

    sku = models.CharField(max_length=50, unique=True)
    count = models.IntegerField(default=0)

    def __str__(self):
        return self.sku


class Note(models.Model):
    """A note on anything."""

    text = models.CharField(max_length=50)
    written = models.DateTimeField(null=True)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.IntegerField()
    about = GenericForeignKey()

    def __str__(self):
        return self.text
