"""What is asked of the sales, the same of every contender."""

import datetime as dt

from django.contrib.postgres.search import SearchQuery

FROM = dt.date(2021, 3, 1)
WORD = SearchQuery("cinnamon", config="simple")


def one(rows, first):
    return rows.filter(pk=first + 500)


def equality(rows, first):
    return rows.filter(customer="customer 17")


def spread(rows, first):
    return rows.filter(sold_on__gte=FROM).order_by("sold_on")[:20]


def page(rows, first):
    return rows.order_by("-id")[100:120]


def count(rows, first):
    return rows.all()


def prefix(rows, first):
    return rows.filter(customer__startswith="customer 17")


def contains(rows, first):
    return rows.filter(note__icontains="cinnamon")


def search(rows, first):
    return rows.filter(words=WORD)


def json(rows, first):
    return rows.filter(facts__contains={"channel": 17})


QUERIES = {
    "key": one,
    "equality": equality,
    "range": spread,
    "page": page,
    "count": count,
    "prefix": prefix,
    "contains": contains,
    "search": search,
    "json": json,
}


def ask(name, rows, first):
    found = QUERIES[name](rows, first)
    return found.count() if name == "count" else list(found)
