"""`TenantCommand`: a command that does something for each of the chosen tenants."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, OutputWrapper

from tenantry.cli.each import DividedOutput, run_each
from tenantry.cli.options import add_format, add_jobs, add_selection, selection
from tenantry.cli.output import told
from tenantry.context import get_tenant
from tenantry.fleet.selection import Selection

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

OURS = (
    *("only", "exclude", "where", "state", "placement", "kind", "shard"),
    *("jobs", "format"),
)


class TenantCommand(BaseCommand):
    """Base class of a management command that acts on tenants, one after the other.

    Write `handle_tenant(tenant, **options)`: it is called with each chosen tenant
    active. The command has the options of `manage.py tenants run` (`--only`,
    `--exclude`, `--where`, `--state`, `--placement`, `--kind`, `--shard`, `--jobs`,
    `--format`) and ends as that does: a failure stops no other tenant, and the exit
    status is 0 only if every tenant succeeded. Inside `tenants run` it acts on the
    tenant that is active there.

    With `--jobs` several threads call `handle_tenant` of one instance: keep what
    belongs to one tenant in local variables.
    """

    argv: tuple[str, ...] = ()

    def handle_tenant(self, tenant: Any, **options: Any) -> str | None:
        """Do what the command does, for this tenant; return text to write, or None.

        *options* are those that `add_arguments` added, and Django's.
        """
        raise NotImplementedError

    def create_parser(
        self, prog_name: str, subcommand: str, **kwargs: Any
    ) -> CommandParser:
        """Add the choice of tenants, `--jobs` and `--format` to the command's own.

        Raises `NotImplementedError` where the command has no `handle_tenant`.
        """
        if type(self).handle_tenant is TenantCommand.handle_tenant:
            msg = (
                f"{type(self).__module__}.{type(self).__name__} needs a method "
                "`handle_tenant(self, tenant, **options)`. `handle` is the base "
                "class's, which calls it for each tenant."
            )
            raise NotImplementedError(msg)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        _add_ours(parser)
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as from the shell; remember how, to say how the rest is done."""
        self.argv = tuple(argv[2:])
        super().run_from_argv(argv)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Call `handle_tenant` for each; raise `CommandError` where one failed."""
        own = {name: value for name, value in options.items() if name not in OURS}
        divided: Any = DividedOutput(self.stdout._out)  # noqa: SLF001
        self.stdout = OutputWrapper(divided)

        def act(tenant: Any, _stream: Any) -> None:
            said = self.handle_tenant(tenant, **own)
            if said:
                self.stdout.write(said)

        with told():
            run_each(
                self,
                options,
                act,
                tenants=_choice(options).tenants(),
                verb=self.__module__.rpartition(".")[2],
                again=self._again(),
            )

    def _again(self) -> str:
        """Return the command for the tenants that failed, its own options intact."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        _add_ours(parser)
        _, own = parser.parse_known_args(self.argv)
        words = [self.__module__.rpartition(".")[2], *own]
        escaped = shlex.join(words).replace("{", "{{").replace("}", "}}")
        return f"{escaped} --only {{only}}"


def _add_ours(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    add_jobs(parser)
    add_format(parser)


def _choice(options: dict[str, Any]) -> Selection:
    """Return the choice that the options make; with none, the active tenant, or all."""
    chosen = selection(options)
    active = get_tenant()
    if active is not None and chosen.is_all:
        return Selection(only=(active.key,), state="any")
    return chosen
