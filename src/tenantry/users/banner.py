"""The banner on every page that somebody sees while acting as another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.catalog.acting import Acting

TEMPLATE = "tenantry/impersonation_banner.html"
# With these a browser is sent a page in a form that nothing can be put into, or told
# that the one it has from before will do.
ASKED = (
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_RANGE",
)
BODY_ENDS = re.compile(r"</body\s*>", re.IGNORECASE)
# What a browser shows nothing of, or as text; one that is not closed goes to the end.
HIDDEN = re.compile(
    r"<!--(?:.*?(?:-->|--!>)|(?P<open_comment>.*\Z))"
    r"|<(?P<name>script|style|textarea|title|template|noscript|iframe|xmp|noembed"
    r"|noframes)\b(?:.*?</(?P=name)\s*>|(?P<open>.*\Z))",
    re.IGNORECASE | re.DOTALL,
)
WHOLE = re.compile(r"<(?:!doctype|html|body)\b", re.IGNORECASE)


def ask_for_pages(request: HttpRequest) -> None:
    """Let the answer be a whole page that a banner can be put into."""
    for name in ASKED:
        request.META.pop(name, None)
    request.__dict__.pop("headers", None)  # made of META, and kept


def put(request: HttpRequest, response: Any, who: Acting) -> None:
    """Put the banner into the response where it is a page, and let nobody store it.

    What is streamed, encoded, or no HTML is left alone, and so is a piece of a page.
    """
    add_never_cache_headers(response)
    kind = response.get("Content-Type", "").partition(";")[0].strip().lower()
    if (
        response.streaming
        or kind != "text/html"
        or response.has_header("Content-Encoding")
    ):
        return
    charset = response.charset or "utf-8"
    try:
        page = response.content.decode(charset)
    except (UnicodeDecodeError, LookupError):
        charset = "latin-1"  # any byte is a character of it, and comes out the same
        page = response.content.decode(charset)
    at = place(page)
    if at is None:
        return
    context = {"impersonator": who.impersonator, "expires_at": who.expires_at}
    html = render_to_string(TEMPLATE, {**context, "user": who.user}, request)
    text = html.encode("ascii", "xmlcharrefreplace").decode("ascii")
    response.content = (page[:at] + text + page[at:]).encode(charset)
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))
    del response["ETag"]


def place(page: str) -> int | None:
    """Return where the page's body ends; None where it is only a piece of a page.

    The last end that is none in a comment or a script: what a page holds of what its
    users wrote cannot put the banner out of sight.
    """
    hidden = [(each.start(), each.end()) for each in HIDDEN.finditer(page)]
    ends = [
        each.start()
        for each in BODY_ENDS.finditer(page)
        if not any(start <= each.start() < stop for start, stop in hidden)
    ]
    if ends:
        return ends[-1]
    if not WHOLE.search(page):
        return None
    last = next((m for m in HIDDEN.finditer(page) if _is_open(m)), None)
    return len(page) if last is None else last.start()


def _is_open(match: re.Match[str]) -> bool:
    return match["open"] is not None or match["open_comment"] is not None
