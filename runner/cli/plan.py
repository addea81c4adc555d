"""`tunebook plan`: what a campaign would do and cost at worst, without doing it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli._options import json_option, results_option
from runner.errors import CampaignError, Problem, TunebookError, UsageError
from runner.util.project import cache_folder, project_folder

if TYPE_CHECKING:
    from runner.domain.campaign import Campaign
    from runner.domain.model_facts import ModelFacts
    from runner.domain.prior import Prior
    from runner.plan import Plan, Planned
    from runner.prospect import Prospect
    from runner.store.known import Known

MOST_BYTES = 1 << 30
"""Of a published snapshot."""
DOWNLOAD_SECONDS = 300.0


@click.command("plan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(min=1), help="Configurations looked at, per file."
)
@click.option(
    "--store",
    metavar="FILE|URL",
    help="Snapshot that says what is measured: a snapshot.duckdb, or results/data/results.duckdb of a published site. "
    "Default: the snapshot of the results folder, when there is one.",
)
@click.option("--markdown", is_flag=True, help="The comment of a pull request: every text in it is escaped.")
@results_option
@json_option
def command(
    paths: tuple[Path, ...], limit: int, store: str | None, markdown: bool, results: Path, as_json: bool
) -> None:
    """Show what campaign files would run: configurations, duplicates, rejections, levels, time and cost.

    With a snapshot it also says what is measured already, what `run` would still do, and about how long that takes.
    Starts nothing. Writes nothing but to the cache: a downloaded snapshot, and a note that a model file was verified.
    """
    from runner.campaign.load import load_all
    from runner.cli import _plan_markdown, _plan_memory, _plan_prior, _plan_text
    from runner.plan import plan
    from runner.prospect import prospect
    from runner.store.known import known

    if markdown and as_json:
        raise UsageError("--markdown and --json are two forms of one answer", hint="give one of them")
    snapshot = snapshot_file(store, results)
    label = store or "the snapshot of this project"
    problems: list[Problem] = []
    sections: list[list[str]] = []
    for path, result in load_all(paths, beside=True):
        if isinstance(result, CampaignError):
            problems += result.problems()
            sections.append(_plan_markdown.of_problems(path, result.problems()))
            continue
        facts = _plan_memory.facts_here(result)
        planned, absent = plan(result, limit, _plan_memory.ground_here(result, facts, results)), not_here(result)
        seen = known(snapshot, result) if snapshot else None
        left = prospect(planned, seen) if seen else None
        taken = _plan_prior.prior_here(result, results, facts)
        if markdown:
            sections.append(_plan_markdown.of_plan(planned, path, absent, seen, left, label, taken))
        elif as_json:
            read = store or (str(snapshot) if snapshot else None)
            click.echo(json.dumps(as_plain(planned, path, absent, seen, left, read, facts, taken)))
        else:
            click.echo(_plan_text.as_text(planned, path, absent, seen, left, label, facts, taken))
    if markdown:
        click.echo(_plan_markdown.comment(sections), nl=False)
    if as_json:
        click.echo(json.dumps({"event": "end", "exit_code": CampaignError.status if problems else 0}))
    if problems:
        raise CampaignError(problems)


def snapshot_file(store: str | None, results: Path) -> Path | None:
    """The file that `--store` means, downloaded when it is an address; without it the project's own, when there is
    one. Raises UsageError, NetworkError, NoSpace, Unwritable."""
    from runner.store.reader import snapshot_path
    from runner.util.download import download, is_address

    if store is None:
        own = snapshot_path(results)
        return own if own.is_file() else None
    if is_address(store):
        name = f"{hashlib.sha256(store.encode()).hexdigest()[:32]}.duckdb"
        target = cache_folder() / "snapshots" / name
        return download(store, target, most=MOST_BYTES, seconds=DOWNLOAD_SECONDS)
    path = Path(store).expanduser()
    if path.name == "store.duckdb":
        raise UsageError(
            f"{path} is the live store, which only runs open", hint=f"name {path.with_name('snapshot.duckdb')}"
        )
    if path.is_dir():
        inside = [path / name for name in ("snapshot.duckdb", "results/data/results.duckdb", "results.duckdb")]
        path = next((one for one in inside if one.is_file()), inside[0])
    return path


def not_here(campaign: Campaign) -> Problem | None:
    """Why the campaign can not run on this machine: what `run` would say before its first attempt."""
    from runner.preflight import refuse_unless_ready

    try:
        refuse_unless_ready(campaign, project_folder(), ask_network=False)
    except TunebookError as error:
        return error.problems()[0]
    return None


def as_plain(
    plan: Plan,
    path: Path,
    absent: Problem | None = None,
    known: Known | None = None,
    left: Prospect | None = None,
    store: str | None = None,
    facts: ModelFacts | None = None,
    taken: Prior | None = None,
) -> dict[str, Any]:
    """The plan as one JSON object: `event` is `plan`."""
    from runner.cli import _plan_memory, _plan_presets, _plan_prior

    campaign, worst = plan.campaign, plan.worst
    price = campaign.hardware.price_per_gpu_hour
    return {
        "event": "plan",
        "file": str(path),
        "campaign": campaign.name,
        "version_sha256": campaign.version_sha256,
        "search_key": campaign.search_key,
        "presets": _plan_presets.plain(campaign),
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
            "confirming_attempts": {"planned": worst.confirming[0], "at_most": worst.confirming[1]},
            "total_seconds": worst.total,
            "gpu_hours": worst.gpu_hours,
            "cost": worst.gpu_hours * price if price and campaign.hardware.gpus else None,
            "currency": campaign.hardware.currency if price and campaign.hardware.gpus else None,
            "ended_by": worst.ended_by,
        },
        "memory": _plan_memory.plain(facts, campaign),
        **_plan_prior.plain(taken),
        "store": store,
        "measured": _measured(known, left),
        "would": _would(known, left),
        "defaults": [_plain(planned) for planned in plan.defaults],
        "configurations": [_plain(planned) for planned in plan.configurations],
        "unchecked": list(plan.unchecked),
        "not_here": {"error": absent.slug, "what": absent.what, "hint": absent.hint} if absent else None,
    }


def _measured(known: Known | None, left: Prospect | None) -> dict[str, Any] | None:
    """None without a snapshot."""
    if known is None or left is None:
        return None
    states = [trial.status for trial in known.trials]
    return {
        "series": known.series,
        "points": left.points,
        "looked_at": left.looked_at,
        "trials": len(states),
        **{state: states.count(state) for state in ("succeeded", "failed", "unmeasured", "withdrawn")},
        "confirming_attempts": len(known.confirmed),
    }


def _would(known: Known | None, left: Prospect | None) -> dict[str, Any] | None:
    if known is None or left is None:
        return None
    pace = known.pace
    return {
        "run": left.would.value,
        "text": left.text,
        "new_trials": left.new_trials,
        "trials_again": left.again,
        "confirming_attempts": left.confirm,
        "seconds": left.seconds,
        "cost": left.cost,
        "pace": {"median_seconds": pace.seconds, "attempts": pace.attempts, "of": pace.of} if pace else None,
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
