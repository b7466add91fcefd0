"""Drives a project's own views as a browser does: reads, changes, sends forms."""

import re
from html.parser import HTMLParser

BLAMED = re.compile(r"<[^>]*\berror[^>]*>(.{0,300})", re.DOTALL | re.IGNORECASE)


def host(key):
    """Return the host of a tenant."""
    return f"{key}.example.com"


def client(key, **facts):
    """Return a browser that is at a tenant's site; mails are kept, not sent."""
    from django.core import mail
    from django.test import Client
    from django.test.utils import setup_test_environment

    if not hasattr(mail, "outbox"):
        setup_test_environment()
    return Client(headers={"host": host(key)}, **facts)


def send(browser, url, *, expect=302, **changed):
    """Fetch a page, change what its forms hold, send it all; return the answer."""
    page = browser.get(url)
    assert page.status_code == 200, (url, page.status_code)
    answer = browser.post(url, {**content(page), **changed})
    assert answer.status_code == expect, (url, answer.status_code, errors(answer))
    return answer


def content(page):
    """Return what a browser would send of the page's forms, left as they are."""
    reader = Forms()
    reader.feed(page.content.decode())
    return reader.found


def errors(page):
    """Return what the page complains about."""
    return BLAMED.findall(page.content.decode())


class Forms(HTMLParser):
    """Collects the values in the forms of a page that are sent by POST."""

    def __init__(self):
        super().__init__()
        self.found = {}
        self.posting = False
        self.name = None  # of the select or textarea that is being read
        self.text = None

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag == "form":
            self.posting = facts.get("method", "").lower() == "post"
        elif not self.posting:
            return
        elif tag == "input" and facts.get("name"):
            self.take_input(facts)
        elif tag in {"select", "textarea"}:
            self.name, self.text = facts.get("name"), ""
        elif tag == "option" and self.name and "selected" in facts:
            self.found[self.name] = facts.get("value", "")

    def take_input(self, facts):
        sort = facts.get("type", "text")
        boxed = sort in {"checkbox", "radio"}
        if boxed and "checked" not in facts:
            return
        if sort not in {"submit", "button", "file", "image"}:
            self.found[facts["name"]] = facts.get("value") or ("on" if boxed else "")

    def handle_data(self, data):
        if self.text is not None:
            self.text += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self.name:
            self.found[self.name] = self.text.removeprefix("\n")
        if tag in {"select", "textarea"}:
            self.name = self.text = None
        if tag == "form":
            self.posting = False
