"""Commands are found by their file."""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module

import click

COMMAND_PACKAGES = ("runner.cli", "report.cli")
"""As strings: the only dynamic crossing from runner to report."""


class Commands(click.Group):
    """Finds commands by their file, so that `--help` of one imports no other."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a word: the help and status 0. It is a question, not a mistake."""
        if not args:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def _homes(self) -> dict[str, str]:
        homes: dict[str, str] = {}
        for package in COMMAND_PACKAGES:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                if not module.name.startswith("_"):
                    homes[module.name.rstrip("_").replace("_", "-")] = f"{package}.{module.name}"
        return homes

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._homes())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        home = self._homes().get(name)
        if home is None:
            return None
        command: click.Command = import_module(home).COMMAND
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)
