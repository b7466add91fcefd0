"""Paths of a project: from its URLconf, with keys in place of parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import URLResolver, get_resolver
from django.urls.converters import IntConverter, UUIDConverter
from django.utils import timezone
from django.utils.regex_helper import normalize

from tenantry.testing.canaries import CHILD_PK, PK, SLUG, UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

HREF = re.compile(r"""href=["'](/[^"'#]*)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A leaf of the URLconf, and the paths that it may be reached by, likely first."""

    route: str
    paths: tuple[str, ...] = ()
    why_not: str = ""


def patterns(urlconf: str) -> Iterator[Pattern]:
    """Return every pattern of the URLconf, included ones too."""
    resolver = get_resolver(urlconf)
    yield from _below(resolver, resolver.pattern.regex.pattern, "", {})


def _below(  # noqa: PLR0917  (what has gathered on the way down)
    resolver: URLResolver, regex: str, route: str, converters: dict[str, Any]
) -> Iterator[Pattern]:
    for child in resolver.url_patterns:
        part: Any = child.pattern
        whole = regex + part.regex.pattern.removeprefix("^")
        shown = route + str(part)
        known = {**converters, **part.converters}
        if isinstance(child, URLResolver):
            yield from _below(child, whole, shown, known)
        else:
            yield _pattern(whole, shown, known)


def _pattern(regex: str, route: str, converters: dict[str, Any]) -> Pattern:
    route = f"/{route.removeprefix('^/')}"
    if "|" in regex:
        return Pattern(route=route, why_not="its regular expression has alternatives")
    paths: list[str] = []
    for form, names in normalize(regex):
        candidates = [_candidates(name, converters.get(name)) for name in names]
        for number in range(max(map(len, candidates), default=1)):
            values = {
                name: known[min(number, len(known) - 1)]
                for name, known in zip(names, candidates, strict=True)
            }
            paths.append("/" + (form % values).removeprefix("/"))
    return Pattern(route=route, paths=tuple(dict.fromkeys(paths)))


def _candidates(name: str, converter: Any) -> list[Any]:
    """Return values that a parameter may have, in both tenants."""
    today = timezone.localdate()
    if name in ("year", "month", "day"):
        return [getattr(today, name)]
    if isinstance(converter, UUIDConverter):
        return [UUID]
    if isinstance(converter, IntConverter):
        return [PK, CHILD_PK]
    return [PK, SLUG, CHILD_PK, UUID]


def links(html: str) -> list[str]:
    """Return the paths that a page links to on its own host."""
    found = [link.replace("&amp;", "&") for link in HREF.findall(html)]
    return [link for link in found if not link.startswith("//")]
