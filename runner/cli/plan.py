"""`tunebook plan`: what a campaign would do and cost at worst, without doing it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli._options import json_option
from runner.errors import CampaignError, Problem, TunebookError
from runner.util.project import project_folder

if TYPE_CHECKING:
    from runner.domain.campaign import Campaign
    from runner.plan import Plan, Planned

_SHOWN, _SHOWN_REFUSED = 12, 6
"""Rows of the two tables; `--json` has all."""


@click.command("plan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(min=1), help="Configurations looked at, per file."
)
@json_option
def command(paths: tuple[Path, ...], limit: int, as_json: bool) -> None:
    """Show what campaign files would run: configurations, duplicates, rejections, levels, time and GPU-hours at worst.

    Starts nothing and writes nothing.
    """
    from runner.campaign.load import load_all
    from runner.plan import plan

    problems: list[Problem] = []
    for path, result in load_all(paths):
        if isinstance(result, CampaignError):
            problems += result.problems()
            continue
        planned = plan(result, limit)
        absent = not_here(result)
        click.echo(json.dumps(as_plain(planned, path, absent)) if as_json else as_text(planned, path, absent))
    if as_json:
        click.echo(json.dumps({"event": "end", "exit_code": CampaignError.status if problems else 0}))
    if problems:
        raise CampaignError(problems)


def not_here(campaign: Campaign) -> Problem | None:
    """Why the campaign can not run on this machine: what `run` would say before its first attempt."""
    from runner.preflight import refuse_unless_ready

    try:
        refuse_unless_ready(campaign, project_folder())
    except TunebookError as error:
        return error.problems()[0]
    return None


def as_text(plan: Plan, path: Path, absent: Problem | None = None) -> str:
    """The plan for people: the sums first, then the configurations, then what was refused and why."""
    return (
        "\n".join([*_sums(plan, path), *_absent(absent), *_configurations(plan), *_rejections(plan), *_unchecked(plan)])
        + "\n"
    )


def _sums(plan: Plan, path: Path) -> Iterator[str]:
    from runner.domain.units import format_duration

    campaign, worst = plan.campaign, plan.worst
    looked = len(plan.configurations)
    refused = len(plan.rejected)
    yield f"{campaign.name} ({path})"
    yield f"  model      {campaign.model.label} on {campaign.hardware.label}, deploy {campaign.deploy.kind}"
    more = ", and all between: ranges are searched as such" if plan.continuous else ""
    yield f"  space      {plan.grid:,} points on the grid of {', '.join(e.name for e in campaign.entries)}{more}"
    what = "all" if plan.complete else "a sample"
    yield f"  looked at  {looked:,} configurations ({what}): {refused} refused, {plan.duplicates} duplicates"
    search = campaign.search
    first = f", of them {len(plan.defaults)} engine default{'s'[: len(plan.defaults) > 1]}" if search.baseline else ""
    yield f"  trials     {plan.trials} by {search.sampler}, seed {search.seed}{first}"
    yield f"  levels     {len(plan.levels)} per trial: {_levels(plan)}"
    each = format_duration(campaign.workload.each_level.duration)
    count = f"{len(plan.levels)} level{'s'[: len(plan.levels) > 1]} x {each} x {worst.attempts:,} attempts"
    measuring = format_duration(worst.measuring * worst.attempts)
    yield f"  measuring  at most {measuring} in all ({count}, {format_duration(worst.measuring)} each)"
    confirm = f" + {format_duration(worst.confirm)} to confirm" if worst.confirm else ""
    end = "" if worst.ended_by == "trials" else f", ended by {worst.ended_by}"
    total = f"{format_duration(worst.total)} ({format_duration(worst.attempt)} per attempt{confirm}{end})"
    yield f"  at worst   {total}, if every phase runs into its deadline"
    if campaign.hardware.gpus:
        price = campaign.hardware.price_per_gpu_hour
        cost = f", {worst.gpu_hours * price:,.2f} {campaign.hardware.currency}" if price else ""
        yield f"  GPU-hours  {worst.gpu_hours:.1f} at worst{cost}"


def _absent(problem: Problem | None) -> Iterator[str]:
    if problem is not None:
        yield f"  not here   {problem.what}" + (f" ({problem.hint})" if problem.hint else "")


def _levels(plan: Plan) -> str:
    scenarios: dict[str, list[str]] = {}
    for level in plan.levels:
        scenarios.setdefault(level.scenario.text, []).append(f"{level.load_value:g}")
    kind = plan.levels[0].load_kind
    return "; ".join(f"{scenario} at {kind} {', '.join(values)}" for scenario, values in scenarios.items())


def _configurations(plan: Plan) -> Iterator[str]:
    yield ""
    yield "  configurations"
    rows = [*((planned, "default") for planned in plan.defaults), *((planned, "") for planned in plan.configurations)]
    kept = [(planned, note) for planned, note in rows if planned.rule is None]
    for planned, note in kept[:_SHOWN]:
        configuration = planned.configuration
        text = values(configuration.values.items()) if not note else f"{note} {values(configuration.flags.items())}"
        yield f"    {configuration.fingerprint[:8]}  {configuration.entry}  {text.rstrip()}"
    yield from _rest(len(kept), _SHOWN)


def _rejections(plan: Plan) -> Iterator[str]:
    refused = [planned for planned in (*plan.defaults, *plan.configurations) if planned.rule is not None]
    if not refused:
        return
    yield ""
    yield "  refused before any deployment"
    for planned in refused[:_SHOWN_REFUSED]:
        configuration = planned.configuration
        what = values(configuration.values.items()) or "default"
        yield f"    {configuration.fingerprint[:8]}  {configuration.entry}  {what}"
        yield f"              {planned.rule}: {planned.reason}"
    yield from _rest(len(refused), _SHOWN_REFUSED)


def _rest(count: int, shown: int) -> Iterator[str]:
    if count > shown:
        yield f"    ... {count - shown:,} more (--json shows all)"


def _unchecked(plan: Plan) -> Iterator[str]:
    yield ""
    yield "  not checked here"
    for text in plan.unchecked:
        yield f"    - {text}"


def values(items: Iterable[tuple[str, object]]) -> str:
    """`parallel=4 flash-attn=on`"""
    from runner.space.constraints import show

    return " ".join(f"{name}={v if isinstance(v, str) else show(v)}" for name, v in items)  # type: ignore[arg-type]


def as_plain(plan: Plan, path: Path, absent: Problem | None = None) -> dict[str, Any]:
    """The plan as one JSON object: `event` is `plan`."""
    campaign, worst = plan.campaign, plan.worst
    return {
        "event": "plan",
        "file": str(path),
        "campaign": campaign.name,
        "version_sha256": campaign.version_sha256,
        "search_key": campaign.search_key,
        "grid": plan.grid,
        "continuous": plan.continuous,
        "complete": plan.complete,
        "duplicates": plan.duplicates,
        "trials": plan.trials,
        "levels": [
            {"position": p.position, "scenario": p.scenario.text, "load_kind": p.load_kind, "load_value": p.load_value}
            for p in plan.levels
        ],
        "worst_case": {
            "attempt_seconds": worst.attempt,
            "attempts": worst.attempts,
            "measuring_seconds": worst.measuring * worst.attempts,
            "search_seconds": worst.search,
            "confirm_seconds": worst.confirm,
            "total_seconds": worst.total,
            "gpu_hours": worst.gpu_hours,
            "ended_by": worst.ended_by,
        },
        "defaults": [_plain(planned) for planned in plan.defaults],
        "configurations": [_plain(planned) for planned in plan.configurations],
        "unchecked": list(plan.unchecked),
        "not_here": {"error": absent.slug, "what": absent.what, "hint": absent.hint} if absent else None,
    }


def _plain(planned: Planned) -> dict[str, Any]:
    configuration = planned.configuration
    return {
        "fingerprint": configuration.fingerprint,
        "entry": configuration.entry,
        "values": dict(configuration.values),
        "flags": dict(configuration.flags),
        "env": dict(configuration.env),
        "rule": planned.rule,
        "reason": planned.reason,
    }


COMMAND: click.Command = command
