"""`tunebook check`: every problem of campaign files, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli._options import json_option

if TYPE_CHECKING:
    from runner.domain.campaign import Campaign


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@json_option
def command(paths: tuple[Path, ...], as_json: bool) -> None:
    """Check campaign files, or every campaign of a folder.

    Shows all problems at once, each with its place and what to do. The campaign files beside them, and those of the
    project, are looked at for the same name. Starts nothing and needs no hardware.
    Exit status 0 when every file is good, 2 otherwise; a warning is no error.
    """
    from runner.campaign.load import load_all
    from runner.domain.campaign import Campaign
    from runner.errors import CampaignError, Problem

    problems: list[Problem] = []
    good: list[Campaign] = []
    for path, result in load_all(paths, beside=True):
        if isinstance(result, Campaign):
            good.append(result)
            facts = {"event": "checked", "file": str(path), "campaign": result.name, "search_key": result.search_key}
            click.echo(json.dumps(facts) if as_json else f"ok {path}: {describe(result)}")
        else:
            problems += result.problems()
    for warning in _warnings(paths, good):
        click.echo(f"warning: {warning}", err=True)
        if as_json:
            click.echo(json.dumps({"event": "warning", "message": warning}))
    if as_json:
        for one in problems:
            said = {"event": "problem", "slug": one.slug, "what": one.what, "where": str(one.where), "hint": one.hint}
            click.echo(json.dumps(said))
        click.echo(json.dumps({"event": "end", "exit_code": CampaignError.status if problems else 0}))
    if problems:
        raise CampaignError(problems)


def _warnings(paths: tuple[Path, ...], good: list[Campaign]) -> list[str]:
    """Campaigns that would share their trials with another one, given here or standing beside."""
    from runner.campaign.load import load, neighbours_of
    from runner.campaign.neighbours import shared_lineages
    from runner.errors import CampaignError

    if not good:
        return []
    beside = []
    for file in neighbours_of(one for path in paths for one in (path.iterdir() if path.is_dir() else (path,))):
        try:
            beside.append(load(file))
        except CampaignError:
            continue  # nobody asked about that one
    return shared_lineages(good, [*good, *beside])


def describe(campaign: Campaign) -> str:
    """One line about a good campaign: name, entries, grid points, levels, trials."""
    from runner.space.expand import size

    parts = (
        counted(len(campaign.entries), "entry", "entries"),
        counted(size(campaign.space), "grid point"),
        ("at most " if campaign.workload.load_search else "") + counted(campaign.workload.most_levels, "level"),
        counted(campaign.search.trials, "trial"),
    )
    return f"{campaign.name}, {', '.join(parts)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


COMMAND: click.Command = command
