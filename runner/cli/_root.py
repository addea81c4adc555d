"""The root command."""

from __future__ import annotations

import click

from runner import __version__
from runner.cli._commands import Commands
from runner.util.dotenv import use_env_files
from runner.util.environment import hide_ours
from runner.util.net import keep_loopback_direct
from runner.util.project import project_folder


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tunebook")
def root() -> None:
    """Find the best way to serve a large language model on this hardware, and publish what was found.

    A campaign file says what to try; `run` tries it, `build` makes the site.
    """
    if use_env_files(project_folder()):
        hide_ours()
    keep_loopback_direct()
