"""Asks every tenant for its pages, and checks that its own rows answer and no others.

The pages show article numbers; each begins with a mark that is drawn anew for every run
and tenant, is stored in the tenant's tables alone, and is never told to a page but by
them. As all tenants have the same primary keys, a wrong connection would answer with a
perfectly good page: of another mark.
"""

from __future__ import annotations

import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client
from tqdm import tqdm

from tenantry.demo.customers.seed import PASSWORD, PRODUCTS, article_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

THREADS = 4
SIGN_INS = 2
TOLD = 10
ARTICLE = re.compile(r"\b[0-9a-f]{10}-[0-9]{2}\b")
OK, FOUND, NOT_FOUND = 200, 302, 404


@dataclass(slots=True)
class Result:
    """How many requests were made, in what time, and which answers were wrong."""

    requests: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return what the line of JSON tells."""
        return {
            "requests": self.requests,
            "requests_per_second": round(self.requests / self.seconds),
            "wrong_answers": len(self.wrong),
            "peak_memory_mb": peak_memory_mb(),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """A page of a tenant, and the articles that it must show: these, and no others."""

    key: str
    path: str
    articles: frozenset[str]

    def fault_of(self, status: int, body: str) -> str | None:
        """Return what is wrong with the answer, if anything is."""
        if status != OK:
            return f"{self.key}{self.path}: status {status}"
        shown = frozenset(ARTICLE.findall(body))
        if shown != self.articles:
            return (
                f"{self.key}{self.path}: it lacks {sorted(self.articles - shown)}, and "
                f"shows {sorted(shown - self.articles)} of others"
            )
        return None


def verify(keys: Sequence[str]) -> Result:
    """Ask for two pages of each tenant, in several threads, then try the sign-ins."""
    result = ask_all(get_wsgi_application(), questions(keys))
    result.wrong += sign_ins(keys[: SIGN_INS + 1])
    return result


def questions(keys: Iterable[str]) -> list[Question]:
    """Return each tenant's home and one of its products, in random order."""
    asked = []
    for number, key in enumerate(keys):
        articles = [article_of(key, place + 1) for place in range(PRODUCTS)]
        pk = number % PRODUCTS + 1
        asked += [
            Question(key, "/", frozenset(articles)),
            Question(key, f"/products/{pk}/", frozenset(articles[pk - 1 : pk])),
        ]
    random.shuffle(asked)
    return asked


def ask_all(application: Callable[..., Any], asked: Sequence[Question]) -> Result:
    """Ask the questions in several threads, each switching tenants all the time."""
    result = Result(requests=len(asked))
    get(application, "localhost", "/")  # the first request builds what all need
    with tqdm(total=len(asked), desc="asking", unit="page", disable=None) as bar:

        def ask_some(some: Sequence[Question]) -> None:
            try:
                for question in some:
                    answer = get(
                        application, f"{question.key}.localhost", question.path
                    )
                    fault = question.fault_of(*answer)
                    if fault is not None:
                        result.wrong.append(fault)
                    bar.update()
            finally:
                connections.close_all()

        start = perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(ask_some, [asked[i::THREADS] for i in range(THREADS)]))
        result.seconds = perf_counter() - start
    return result


def get(application: Callable[..., Any], host: str, path: str) -> tuple[int, str]:
    """Return status and body, from the whole handler as a server calls it."""
    environ: dict[str, Any] = {"HTTP_HOST": host, "PATH_INFO": path}
    environ |= {"wsgi.input": BytesIO(), "wsgi.errors": sys.stderr}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = application(environ, lambda status, *_: statuses.append(status))
    try:
        body = b"".join(answer).decode()
    finally:
        answer.close()
    return int(statuses[0].partition(" ")[0]), body


def sign_ins(keys: Sequence[str]) -> list[str]:
    """Return where a login or a session of one tenant was good in the next one."""
    wrong = []
    for key, other in pairwise(keys):
        visitor = client(key)
        if not sign_in(visitor, user=key) or not is_inside(visitor):
            wrong.append(f"{key}: its own owner cannot sign in")
        stranger = client(other)
        stranger.cookies = visitor.cookies
        if is_inside(stranger):
            wrong.append(f"{other}: takes a session of {key}")
        if sign_in(client(other), user=key):
            wrong.append(f"{other}: lets the owner of {key} sign in")
    unknown = client("nobody-here").get("/").status_code
    return wrong if unknown == NOT_FOUND else [*wrong, f"unknown host: {unknown}"]


def client(key: str) -> Client:
    """Return a visitor of the tenant's own host."""
    return Client(headers={"host": f"{key}.localhost"})


def sign_in(visitor: Client, *, user: str) -> bool:
    """Try the admin's login page; whether it let the visitor in."""
    form = {"username": user, "password": PASSWORD, "next": "/admin/"}
    return visitor.post("/admin/login/", form).status_code == FOUND


def is_inside(visitor: Client) -> bool:
    """Whether the visitor's session opens the admin."""
    return visitor.get("/admin/").status_code == OK


def peak_memory_mb() -> int | None:
    """Return the most memory that this process held; None where nobody counts it."""
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
