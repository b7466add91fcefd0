"""What is asked of the sales, the same of every contender."""

import datetime as dt

from django.contrib.postgres.search import SearchQuery

FROM = dt.date(2021, 3, 1)
WORD = SearchQuery("cinnamon", config="simple")


# Each gets the tenant's rows, and the number before its first primary key.
QUERIES = {
    "key": lambda rows, first: rows.filter(pk=first + 500),
    "equality": lambda rows, _: rows.filter(customer="customer 17"),
    "range": lambda rows, _: rows.filter(sold_on__gte=FROM).order_by("sold_on")[:20],
    "page": lambda rows, _: rows.order_by("-id")[100:120],
    "count": lambda rows, _: rows.all(),
    "prefix": lambda rows, _: rows.filter(customer__startswith="customer 17"),
    "like": lambda rows, _: rows.extra(
        where=["customer LIKE %s"], params=["customer 17%"]
    ),
    "contains": lambda rows, _: rows.filter(note__icontains="cinnamon"),
    "search": lambda rows, _: rows.filter(words=WORD),
    "json": lambda rows, _: rows.filter(facts__contains={"channel": 17}),
}


def ask(name, rows, first):
    found = QUERIES[name](rows, first)
    return found.count() if name == "count" else list(found)
