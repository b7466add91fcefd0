"""What may be a key, a slug and a host, and the one form that hosts are brought to."""

import pytest
from django.core.exceptions import ValidationError

from tenantry.catalog.registry import normalized
from tenantry.catalog.validators import (
    NotReserved,
    normalize_host,
    normalize_path,
    validate_key,
    validate_slug,
)

HOSTS = {
    "acme.example.com": "acme.example.com",
    "ACME.Example.COM": "acme.example.com",
    "acme.example.com.": "acme.example.com",
    "acme.example.com:8000": "acme.example.com",
    "ACME.example.com.:443": "acme.example.com",
    "acme.example.com:": "acme.example.com",
    " acme.example.com ": "acme.example.com",
    "localhost": "localhost",
    "127.0.0.1:8000": "127.0.0.1",
    "[::1]": "[::1]",
    "[::1]:8000": "[::1]",
    "[0:0:0:0:0:0:0:1]": "[::1]",
    "[2001:DB8::00ff]:80": "[2001:db8::ff]",
    "2001:db8::ff": "[2001:db8::ff]",
    "münchen.example": "xn--mnchen-3ya.example",
    "MÜNCHEN.example:80": "xn--mnchen-3ya.example",
    "xn--mnchen-3ya.example": "xn--mnchen-3ya.example",
    "日本語.example": "xn--wgv71a119e.example",
    "東京タワー.example": "xn--5ck2eqb538s34z.example",
    "a" * 63 + ".example": "a" * 63 + ".example",
}
NO_HOSTS = [
    "",
    ".",
    "..",
    "a..b",
    ".example.com",
    "-a.example.com",
    "a-.example.com",
    "a_b.example.com",
    "a b.example.com",
    "a/b",
    "http://acme.example.com",
    "acme.example.com/path",
    "acme.example.com:port",
    "user@example.com",
    "*.example.com",
    "[::1",
    "::1]",
    "[::1]x",
    "[::g]",
    "1:2:3",
    "a" * 64 + ".example",
    "a." * 127 + "ab",
    "acme.example.com\n.evil.com",
    "acme\0.example.com",
    "acme.example.com, evil.com",
    "\N{CYRILLIC SMALL LETTER A}cme.example.com",
    "p\N{GREEK SMALL LETTER ALPHA}ypal.example",
]


@pytest.mark.parametrize(("given", "stored"), HOSTS.items())
def test_a_host_has_one_form(given, stored):
    assert normalize_host(given) == stored
    assert normalize_host(stored) == stored
    assert normalized(given) == stored


@pytest.mark.parametrize("given", NO_HOSTS)
def test_what_is_no_host_is_refused(given):
    with pytest.raises(ValidationError):
        normalize_host(given)
    assert normalized(given) is None


@pytest.mark.parametrize(
    ("given", "stored"),
    {"": "", "/": "", "eu": "/eu", "/eu/": "/eu", "/t/acme": "/t/acme"}.items(),
)
def test_a_path_has_one_form(given, stored):
    assert normalize_path(given) == stored


@pytest.mark.parametrize("given", ["/a//b", "/a b", "/../a", "/a/..", "/a?b", "/ä"])
def test_what_is_no_path_prefix_is_refused(given):
    with pytest.raises(ValidationError):
        normalize_path(given)


@pytest.mark.parametrize("key", ["a", "acme", "a1", "a-b", "a_b", "select", "x" * 40])
def test_a_key(key):
    validate_key(key)


@pytest.mark.parametrize(
    "key", ["", "A", "1a", "_a", "-a", "a.b", "ä", "a\n", "x" * 41]
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValidationError) as refusal:
        validate_key(key)
    assert refusal.value.code == "invalid"


@pytest.mark.parametrize("slug", ["a", "1", "a-b", "x" * 63])
def test_a_slug(slug):
    validate_slug(slug)


@pytest.mark.parametrize("slug", ["-a", "a-", "A", "a_b", "a.b", "a\n", "ä", "a/b"])
def test_what_is_no_slug_is_refused(slug):
    with pytest.raises(ValidationError):
        validate_slug(slug)


@pytest.mark.parametrize("word", ["www", "api", "admin", "static", "localhost"])
def test_what_is_reserved_is_refused(word):
    with pytest.raises(ValidationError) as refusal:
        NotReserved()(word)
    assert refusal.value.code == "reserved"


def test_what_is_reserved_is_the_projects_choice(settings):
    settings.TENANTRY = {**settings.TENANTRY, "RESERVED_KEYS": ["ours"]}
    NotReserved()("www")
    with pytest.raises(ValidationError):
        NotReserved()("ours")
