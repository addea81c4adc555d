"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from runner.util.project import project_folder, results_folder

F = TypeVar("F", bound=Callable[..., Any])


def _resolve(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path:
    return results_folder(value, project_folder())


def results_option(command: F) -> F:
    """`--results DIR`; the command gets `results: Path`, absolute."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_resolve,
        metavar="DIR",
        help="Results folder (default: $TUNEBOOK_RESULTS, tunebook.toml, or results/ of the project).",
    )(command)


def json_option(command: F) -> F:
    """`--json`; the command gets `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, one object per line.")(command)
