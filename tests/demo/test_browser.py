"""A visitor with a browser in two shops of the demo: each has its own of everything."""

import re
import signal
import struct
import zlib

import pytest

from tenantry.demo.customers.names import names
from tests.demo.running import PATIENCE_SECONDS, wait_until_served

pytestmark = pytest.mark.chromium
SHOPS = tuple(name.key for name in names(2))
MILLISECONDS = 15_000


def picture(shade):
    """Return a PNG of one grey, a pixel high, so wide that it tells its shade."""

    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", shade, 1, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" + bytes([shade]) * shade)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def served(place, port):
    """The demo, served; yields its port and, when it has ended, what it printed."""
    process = place.start("--tenants", 3, "--port", port)
    said = []
    try:
        wait_until_served(process, port)
        yield port, said
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        said.append(out)
    assert process.returncode == 0, err
    addresses = re.findall(r"^From: (.*)$", out, re.MULTILINE)
    assert len(set(addresses)) == len(addresses) == len(SHOPS), out
    for key in SHOPS:
        (mail,) = [part for part in out.split("-" * 79) if f"buyer@{key}.org" in part]
        assert f"http://{key}.localhost:{port}/orders/1/" in mail


class Visitor:
    """Somebody with one browser, who goes from shop to shop."""

    def __init__(self, browser, port):
        self.port = port
        self.page = browser.new_context().new_page()
        self.page.set_default_timeout(MILLISECONDS)

    def open(self, key, path="/"):
        return self.page.goto(f"http://{key}.localhost:{self.port}{path}")

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def send_picture(self, key, shade):
        """Send one of product 1, and return its address."""
        self.open(key, "/products/1/")
        file = {"name": "it.png", "mimeType": "image/png", "buffer": picture(shade)}
        self.page.set_input_files("input[name=file]", file)
        self.page.click("text=Send it")
        return self.page.locator(".sent img").first.evaluate("image => image.src")

    def widths_of_pictures(self, key):
        self.open(key, "/products/1/")
        self.page.wait_for_load_state("networkidle")
        return self.page.eval_on_selector_all(
            ".sent img", "all => all.map(image => image.naturalWidth)"
        )

    def order(self, key):
        """Order product 1, and return what the page of the order says."""
        self.open(key, "/products/1/")
        self.page.click("text=Put in the basket")
        self.page.fill("input[name=email]", f"buyer@{key}.org")
        self.page.click("button:text-is('Order')")
        self.page.wait_for_selector("#confirmed")
        return self.text("#order")

    def may_sign_in(self, key, user):
        self.page.context.clear_cookies()
        self.open(key, "/admin/")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", "demo")
        self.page.click("input[type=submit]")
        return "/login/" not in self.page.url


@pytest.mark.service("Everything", "the demo, in Chromium", by="all of the below")
def test_each_of_two_shops_has_its_own_of_everything(served, browser):
    port, _ = served
    visitor = Visitor(browser, port)

    # A part of the page that is kept in the cache, under one name in all shops.
    cached = {}
    for key in (*SHOPS, *SHOPS):
        visitor.open(key)
        found = visitor.text("#cached")
        assert cached.setdefault(key, found) == found
    assert len({text.split(", ")[0] for text in cached.values()}) == len(SHOPS)

    # Uploads: the same name in both, each served by its own shop only.
    sources = {
        key: visitor.send_picture(key, 40 + 2 * n) for n, key in enumerate(SHOPS)
    }
    for number, key in enumerate(SHOPS):
        assert visitor.widths_of_pictures(key) == [40 + 2 * number]
    visitor.send_picture(SHOPS[0], 50)
    assert visitor.widths_of_pictures(SHOPS[0]) == [50, 40]
    path = visitor.page.locator(".sent img").first.evaluate(
        "image => new URL(image.src).pathname"
    )
    assert visitor.open(SHOPS[0], path).status == 200
    assert visitor.open(SHOPS[1], path).status == 404
    assert all(f"//{key}.localhost" in sources[key] for key in SHOPS)

    # A task confirms order 1 of each, in the shop's own time zone.
    zones = {}
    for key in SHOPS:
        said = visitor.order(key)
        assert f"buyer@{key}.org" in said
        zones[key] = set(re.findall(r"\d\d:\d\d (\S+?)[.,]? ", said + " "))
    assert all(len(found) == 1 for found in zones.values()), zones
    assert zones[SHOPS[0]] != zones[SHOPS[1]]

    # Users.
    assert visitor.may_sign_in(SHOPS[0], user=SHOPS[0])
    assert not visitor.may_sign_in(SHOPS[1], user=SHOPS[0])
