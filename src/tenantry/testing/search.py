"""Looks for another tenant's marker: in responses, their context, and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Manager, Model, QuerySet
from django.utils.functional import Promise

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEP = 4
MANY = 200


class Search:
    """For the marker of one tenant, or an object that was read in it."""

    def __init__(self, marker: str, label: str) -> None:
        self.marker = marker
        self.label = label

    def in_response(self, response: Any) -> str:
        """Return where in the response it is, in words; an empty text if nowhere."""
        if self.marker in body(response):
            return "in its body"
        headers = [*response.headers.values(), response.cookies.output()]
        if any(self.marker in value for value in headers):
            return "in its headers"
        if self.in_value(context_of(response)):
            return "in its context"
        return ""

    def in_value(self, value: Any) -> bool:
        """Whether it is in a value, or in what that holds."""
        return any(self._is_it(found) for found in walk(value, DEEP))

    def _is_it(self, found: Any) -> bool:
        if isinstance(found, Model):
            return found._state.db == self.label
        return self.marker in found


def body(response: Any) -> str:
    """Return the body of a response as text; of an asynchronous stream, nothing."""
    if not response.streaming:
        content: bytes = response.content
    elif response.is_async:
        return ""
    else:
        # Read once: kept, so that it may be searched again.
        content = response.__dict__.setdefault("_searched", b"".join(response))
    return content.decode(response.charset or "utf-8", errors="replace")


def context_of(response: Any) -> list[Any]:
    """Return what the templates of the response were given."""
    context = response.context
    if context is None:
        return []
    layers = context if isinstance(context, list) else [context]
    return [
        value
        for layer in layers
        for each in getattr(layer, "dicts", [layer])
        for name, value in each.items()
        if name not in ("request", "block", "forloop")
    ]


def walk(value: Any, depth: int) -> Iterator[Any]:
    """Return the texts and the objects of models in a value."""
    if isinstance(value, str | Promise):
        yield str(value)
    elif isinstance(value, bytes):
        yield value.decode(errors="replace")
    elif depth:
        for part in _parts(value):
            if isinstance(part, Model):
                yield part
                yield from (str(v) for v in vars(part).values() if type(v) is str)
            else:
                yield from walk(part, depth - 1)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Model):
        return [value, *vars(value).values()]
    if isinstance(value, dict):
        return list(value.values())[:MANY]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)[:MANY]
    if isinstance(value, Manager):
        value = value.all()
    if isinstance(value, QuerySet):
        try:
            return list(value.all()[:MANY])
        except Exception:  # noqa: BLE001  (the page could not have shown it either)
            return []
    return []
