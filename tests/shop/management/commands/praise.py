"""A command of a project's own, for tenants."""

from django.core.management.base import CommandError

from tenantry import require_tenant
from tenantry.management import TenantCommand
from tests.shop.models import Author


class Command(TenantCommand):
    """Praises the authors of each tenant."""

    def add_arguments(self, parser):
        """Add an option, and nothing of tenantry's."""
        parser.add_argument("word", nargs="?", default="good")
        parser.add_argument("--not-in", default="")

    def handle_tenant(self, tenant, **options):
        """Write a line for each author."""
        assert require_tenant() == tenant.ref
        assert not {"only", "jobs", "format", "shard"} & options.keys()
        if tenant.key == options["not_in"]:
            msg = f"not in {tenant.name}"
            raise CommandError(msg)
        for author in Author.objects.all():
            self.stdout.write(f"{author.name} is {options['word']}")
        print("printed for", tenant.key)  # noqa: T201  (is to be caught as well)
        return f"done in {tenant.key}"
