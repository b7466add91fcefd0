"""A browser for tests: cookies by host, redirects from host to host."""

from urllib.parse import urlsplit

from django.test import Client

SHARED = "https://example.com"
MOST = 10


class Browser:
    """Keeps cookies for each host, as browsers do and Django's client does not."""

    def __init__(self):
        self.clients = {}
        self.visited = []

    def client(self, url):
        """Return the client with the cookies of the URL's host, and of `/t/slug`."""
        parts = urlsplit(url)
        prefix = parts.path.split("/")[2] if parts.path.startswith("/t/") else ""
        client = Client(headers={"host": parts.netloc})
        return self.clients.setdefault((parts.netloc, prefix), client)

    def ask(self, method, url, data=None):
        """Send one request; follow nothing."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        send = getattr(self.client(url), method)
        self.visited.append(url)
        return send(path, data or {}, secure=parts.scheme == "https")

    def get(self, url):
        """Open the URL, and what it redirects to; return the last answer."""
        return self.follow(url, self.ask("get", url))

    def post(self, url, **data):
        """Send a form, and follow its answer."""
        return self.follow(url, self.ask("post", url, data))

    def follow(self, url, answer):
        """Follow redirects to where they end."""
        for _ in range(MOST):
            if answer.status_code != 302:
                return answer
            url = absolute(url, answer["Location"])
            answer = self.ask("get", url)
        raise AssertionError(self.visited)

    def name(self, tenant):
        """Return as whom the tenant sees the browser."""
        return self.get(at(tenant, "/whoami/")).content.decode()


def absolute(url, target):
    """Return the target of a redirect, as a whole URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{target}" if target[:1] == "/" else target


def at(tenant, path):
    """Return the tenant's URL of a path; of None, the shared site's."""
    return f"{SHARED}{path}" if tenant is None else tenant.url(path)


def log_in(browser, place, name, password, **more):  # noqa: PLR0917
    """Log in with a password, by the page."""
    url = at(place, "/people/login/")
    return browser.post(url, username=name, password=password, **more)
