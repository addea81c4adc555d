"""What a module that is run by itself (`python -m ...`) does with an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runner.errors import TunebookError


@contextmanager
def as_exit() -> Iterator[None]:
    """Say a TunebookError on standard error and leave with its status. The command line has a way of its own."""
    import click

    try:
        yield
    except TunebookError as error:
        for problem in error.problems():
            click.echo("\n".join(problem.lines()), err=True)
        raise SystemExit(error.status) from error
