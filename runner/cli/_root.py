"""The root command."""

from __future__ import annotations

import click

from runner import __version__
from runner.cli._commands import Commands


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tunebook")
def root() -> None:
    """Find the best way to serve a large language model on this hardware, and publish what was found.

    A campaign file says what to try; `run` tries it, `build` makes the site.
    """
