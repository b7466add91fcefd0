"""A project with three kinds, two declared tenants, and placements of every sort."""

import pytest

from tests import servers
from tests.projects import DATABASE, ROWS, SCHEMA, Project
from tests.settings import base

# Where a tenant lives, and of which kind it is. `auth` is each tenant's own but for
# `board`, which shares it; `shop` and `admin` are of kind `default` only.
TENANTS = {
    "acme": ("default", "default"),
    "globex": ("default", "blog"),
    "bureau": ("default", "board"),
    "initech": ("silo", "blog"),
    "umbrella": ("files", "board"),
    "piper": ("files", "default"),
    "raviga": ("rows", "default"),
    "aviato": ("rows", "blog"),
}
DECLARED = {"www": ("default", "blog"), "hq": ("files", "board")}
ALL = TENANTS | DECLARED
KINDS = {
    "blog": {
        "TENANT_APPS": ["contenttypes", "auth", "sessions", "gadgets"],
        "URLCONF": "blog_urls",
    },
    "board": {"TENANT_APPS": ["gadgets"], "URLCONF": "board_urls"},
}
MODELS = """
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models

class Gadget(models.Model):
    name = models.CharField(max_length=20)
    user_id = models.IntegerField(null=True)
    notes = GenericRelation("shop.Note", related_query_name="gadgets")
"""
INITIAL = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel("Gadget", [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=20)),
            ("user_id", models.IntegerField(null=True)),
        ]),
    ]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path, reverse

from tenantry import get_tenant

GADGETS = None

def front(request):
    from gadgets.models import Gadget
    names = ",".join(Gadget.objects.values_list("name", flat=True))
    return HttpResponse(f"NAME|{get_tenant()}|{reverse('authors')}|{names}")

urlpatterns = [path("NAME/", front, name="authors")]
"""


class Mixed(Project):
    """A project whose tenants live in schemas, rows, databases and files."""

    def __init__(self, folder):
        super().__init__(
            "mixed",
            folder,
            INSTALLED_APPS=[*base.INSTALLED_APPS, "gadgets"],
            SILENCED_SYSTEM_CHECKS=["tenantry.W042"],
        )
        package = folder / "gadgets"
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "models.py").write_text(MODELS)
        (package / "migrations" / "__init__.py").touch()
        self.write("0001_initial", INITIAL)
        for name in ("blog", "board"):
            (folder / f"{name}_urls.py").write_text(URLS.replace("NAME", name))

    def write(self, name, text):
        """Write a migration of the app `gadgets`."""
        (self.folder / "gadgets" / "migrations" / f"{name}.py").write_text(text)

    def databases(self):
        """Return DATABASES: one role for all, which row-level security is forced on."""
        files = str(self.folder / "files.sqlite3")
        return {
            "default": {**servers.postgres_roles()["owner"], "NAME": self.name},
            "files": {"ENGINE": "django.db.backends.sqlite3", "NAME": files},
        }

    def tenantry(self):
        """Return the TENANTRY setting."""
        own = {"OPTIONS": {"NAME": self.name + "_{key}"}}
        return {
            **base.tenantry(SCHEMA),
            "PLACEMENTS": {
                "default": {"BACKEND": SCHEMA},
                "silo": {"BACKEND": DATABASE, **own},
                "files": {"BACKEND": DATABASE, "DATABASE": "files"},
                "rows": {"BACKEND": ROWS},
            },
            "KINDS": KINDS,
            "DECLARED_TENANTS": {
                key: {
                    "NAME": f"Our {key}",
                    "KIND": kind,
                    "PLACEMENT": placement,
                    "DOMAINS": [f"{key}.example.com"],
                }
                for key, (placement, kind) in DECLARED.items()
            },
        }

    def set(self, **options):
        """Change options of TENANTRY; None removes one."""
        changed = {**self.settings["TENANTRY"], **options}
        kept = {name: value for name, value in changed.items() if value is not None}
        self.change(TENANTRY=kept)

    def create_database(self, copy_of):
        """Make the shared database, owned by the role that all is done by."""
        assert copy_of is None, "the tenants' databases and files are not copied"
        owner = servers.postgres_roles()["owner"]["USER"]
        self.execute(f"CREATE DATABASE {self.name} OWNER {owner}")

    def drop_databases(self):
        """Remove the shared database, the tenants' and the templates'."""
        rows = self.execute(
            f"SELECT datname FROM pg_database WHERE datname ~ '^{self.name}_'"
        )
        for name in [*(row[0] for row in rows), *self.templates()]:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def fill():
    """Give the shared site and each tenant a user of the same key, and what it has."""
    from django.contrib.auth.models import User
    from gadgets.models import Gadget

    from tenantry import override_tenant
    from tests.shop.models import Author

    User.objects.create(pk=1, username="shared")
    for key, (_, kind) in ALL.items():
        with override_tenant(key):
            if kind != "board":
                User.objects.create(pk=1, username=key)
            model = Author if kind == "default" else Gadget
            model.objects.create(pk=1, name=f"of {key}")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The project, with all its tenants; not to be changed but to be put back."""
    made = Mixed(tmp_path_factory.mktemp("mixed") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key, (placement, kind) in TENANTS.items():
            where = ("--placement", placement, "--domain", f"{key}.example.com")
            made.manage("tenants", "create", key, "--kind", kind, *where).ok()
        made.manage("tenants", "create", "--declared").ok()
        made.call(fill)
        yield made
    finally:
        made.close()
