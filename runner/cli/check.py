"""`tunebook check`: every problem of campaign files, before anything runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
def command(paths: tuple[Path, ...]) -> None:
    """Check campaign files, or every campaign of a folder.

    Shows all problems at once, each with its place and what to do. Starts nothing and needs no hardware.
    Exit status 0 when every file is good, 2 otherwise.
    """
    from runner.campaign.load import load_all
    from runner.domain.campaign import Campaign
    from runner.errors import CampaignError, Problem

    problems: list[Problem] = []
    for path, result in load_all(paths):
        if isinstance(result, Campaign):
            click.echo(f"ok {path}: {describe(result)}")
        else:
            problems += result.problems()
    if problems:
        raise CampaignError(problems)


def describe(campaign: object) -> str:
    """One line about a good campaign: name, entries, grid points, levels, trials."""
    from runner.domain.campaign import Campaign
    from runner.space.expand import size

    assert isinstance(campaign, Campaign)
    parts = (
        counted(len(campaign.entries), "entry", "entries"),
        counted(size(campaign.space), "grid point"),
        counted(len(campaign.workload.levels), "level"),
        counted(campaign.search.trials, "trial"),
    )
    return f"{campaign.name}, {', '.join(parts)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


COMMAND: click.Command = command
