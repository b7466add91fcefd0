"""Projects in a folder of their own, made as the documentation says."""

import http.client
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
SECONDS = 120

SHOP = {
    "shop/models.py": """\
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=100)
""",
    "shop/views.py": """\
from django.http import HttpResponse

from shop.models import Book


def index(request):
    books = Book.objects.order_by("pk")
    return HttpResponse(",".join(f"{book.pk}:{book.title}" for book in books))
""",
    "mysite/urls.py": """\
from django.contrib import admin
from django.urls import path

from shop.views import index

urlpatterns = [path("admin/", admin.site.urls), path("", index, name="index")]
""",
}
DATA = """
from django.contrib.auth.models import User
from django.test import Client
from shop.models import Book

Book.objects.create(pk=7, title="Lost").delete()
Book.objects.create(title="Dune")
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("ann", "ann@example.com", "secret"))
print(client.session.session_key)
"""


class Site:
    """A Django project in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")},
            "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    def sh(self, command, *, check=True, **environment):
        """Run a shell command in the folder; return how it ended."""
        if "PYTHONPATH" in environment:
            paths = [environment["PYTHONPATH"], self.environment["PYTHONPATH"]]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        done = subprocess.run(
            ["sh", "-ec", command],  # noqa: S607  (any POSIX shell)
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def manage(self, *arguments, **environment):
        """Run a management command; return what it wrote."""
        return self.sh(shlex.join(["python", "manage.py", *arguments]), **environment)

    def python(self, code, **environment):
        """Run Python with the project's Django ready; return what it printed."""
        ready = (
            "import os, django; "
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings'); "
            "django.setup()\n"
        )
        (self.folder / "_run.py").write_text(ready + code)
        return self.sh("python _run.py", **environment).stdout

    def write(self, path, text):
        """Write a file; settings are added to those that are there."""
        path = self.folder / path
        if path.name == "settings.py":
            text = f"{path.read_text()}\n{text}"
        path.write_text(text + "\n")

    @contextmanager
    def served(self, command):
        """Run the development server on a free port; give the port."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [*shlex.split(command), "--noreload", f"127.0.0.1:{port}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                assert process.poll() is None, f"{command} has ended"
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(SECONDS)


def get(port, host, path="/", **headers):
    """Ask a server; return status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def existing_project(folder, database=None):
    """Return an ordinary project with an app and data, and a session key in it."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder)
    site.sh("django-admin startproject mysite .")
    site.manage("startapp", "shop")
    for path, text in SHOP.items():
        site.write(path, text)
    site.write("mysite/settings.py", 'INSTALLED_APPS += ["shop"]')
    if database is not None:
        entry = json.dumps(database)
        site.write("mysite/settings.py", f'DATABASES = {{"default": {entry}}}')
    site.manage("makemigrations", "shop")
    site.manage("migrate", "-v0")
    return site, site.python(DATA).split()[-1]


def follow(site, blocks):
    """Do what the blocks say, in order; the server is asked, then stopped."""
    answers = {}
    for block in blocks:
        if block.file is not None:
            site.write(block.file[0], block.text)
        elif block.info == "console":
            for command in block.text.splitlines():
                if command.startswith("pip install "):
                    continue  # tests/docs/test_readme.py says that it is installed
                if command == "python manage.py runserver":
                    with site.served(command) as port:
                        for host in ("acme.localhost", "globex.localhost", "localhost"):
                            answers[host] = get(port, host)
                else:
                    site.sh(command)
    return answers
