"""The command line. A command is one file here or in `report.cli`: `COMMAND: click.Command`."""

from __future__ import annotations


def main() -> None:
    """Entry point of `tunebook`: one handler turns every error into its message and its exit status."""
    from runner.cli._main import run_command_line

    raise SystemExit(run_command_line())
