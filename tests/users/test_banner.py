"""Where the banner is put: at the end of the body that a browser sees."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory, override_settings

from tenantry.catalog.acting import Acting, Impersonator
from tenantry.types import TenantRef
from tenantry.users import banner

HERE = "[here]"
HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>x[here]</body></html>",
        "<html><body>x[here]</BODY ></html>",
        "<body><!-- </body> -->[here]</body>",
        "<body>[here]</body><!-- </body> -->",
        "<body>[here]</body><script>'</body>'</script>",
        "<body></body>[here]</body>",
        "<body>[here]</body><textarea></body></textarea>",
        "<body>[here]</body><!-- </body>",
        "<!doctype html><p>no end[here]",
        "<body>x[here]<!-- never closed </body>",
        "<body>x[here]<script>never closed </body>",
    ],
)
def test_the_place_is_the_end_of_the_body(page):
    assert banner.place(page.replace(HERE, "")) == page.index(HERE)


@pytest.mark.parametrize("piece", ["", "<li>one</li>", "text"])
def test_a_piece_of_a_page_has_no_place(piece):
    assert banner.place(piece) is None


def test_the_plain_last_end_would_be_out_of_sight():
    page = "<body>x</body><!-- </body> -->"
    assert banner.place(page) < page.rindex("</body>")
    assert "<!--" in page[: page.rindex("</body>")]


@pytest.fixture
def who():
    return Acting(
        pk=1,
        tenant=TenantRef(key="acme", placement="default", location="acme"),
        user="Ánn & co",
        impersonator=Impersonator(pk="1", name="<b>Bob"),
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def put(who, response):
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with override_settings(ROOT_URLCONF="tests.users.urls"):
        banner.put(request, response, who)
    return response


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16"])
def test_a_page_keeps_its_charset_and_says_its_new_length(who, charset):
    page = "<html><body>é</body></html>"
    response = HttpResponse(
        page.encode(charset), content_type=f"text/html; charset={charset}"
    )
    response["Content-Length"] = str(len(response.content))
    response["ETag"] = '"before"'
    text = put(who, response).content.decode(charset)
    assert text.startswith("<html><body>é<form")
    assert "&lt;b&gt;Bob" in text
    assert "&#193;nn &amp; co" in text
    assert response["Content-Length"] == str(len(response.content))
    assert "ETag" not in response


def test_bytes_that_are_not_of_the_charset_stay_as_they_are(who):
    response = HttpResponse(b"<body>\xff</body>", content_type=HTML)
    assert put(who, response).content.startswith(b"<body>\xff<form")


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse("<body></body>", content_type="text/plain"),
        HttpResponse("<body></body>", content_type="application/json"),
        HttpResponse("<body></body>", headers={"Content-Encoding": "gzip"}),
        HttpResponse("<li>"),
    ],
    ids=["text", "json", "encoded", "piece"],
)
def test_what_is_no_page_stays_as_it_is(who, response):
    before = response.content
    assert put(who, response).content == before


def test_a_stream_stays_as_it_is(who):
    response = StreamingHttpResponse(["<body></body>"])
    assert put(who, response).getvalue() == b"<body></body>"
