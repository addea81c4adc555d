"""`tunebook gate`: has a campaign's winner become slower since a baseline?"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from runner.cli._options import json_option, results_option
from runner.cli._session import closing, listening_to_signals, progress
from runner.errors import UsageError
from runner.util.project import project_folder

if TYPE_CHECKING:
    from runner.gate import GateResult

FILE = click.Path(path_type=Path, dir_okay=False)


def _share(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """`5%` or `0.05`."""
    try:
        share = float(value.removesuffix("%").strip()) / (100 if value.rstrip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise click.BadParameter(f"{value!r} is not a share above 0 and below 100 %, such as 5% or 0.05")
    return share


@click.command("gate")
@click.argument("campaign", type=click.Path(path_type=Path))
@click.option("--baseline", metavar="RUN|TAG|FILE", help="A run, a git tag that one was made at, or a baseline file.")
@click.option("--max-regression", "limit", default="5%", show_default=True, callback=_share, metavar="SHARE")
@click.option("--repeats", type=click.IntRange(min=2), default=5, show_default=True, help="Measurements before a look.")
@click.option("--at-most", type=click.IntRange(min=2), metavar="N", help="Go on to N while undecided. Default: twice.")
@click.option("--defaults", is_flag=True, help="Gate the default of the best trial's entry, too.")
@click.option("--junit", type=FILE, metavar="FILE", help="Write JUnit XML.")
@click.option("--summary", type=FILE, metavar="FILE", help="Append Markdown ($GITHUB_STEP_SUMMARY gets it by itself).")
@click.option("--write-baseline", "target", type=FILE, metavar="FILE", help="Write the baseline, and measure nothing.")
@results_option
@json_option
def command(
    campaign: Path,
    baseline: str | None,
    limit: float,
    repeats: int,
    at_most: int | None,
    defaults: bool,
    junit: Path | None,
    summary: Path | None,
    target: Path | None,
    results: Path,
    as_json: bool,
) -> None:
    """Measure the best trial of a baseline again, and say whether it lost more than is allowed.

    PASS, exit status 0: the whole interval is inside of what is allowed. FAIL, 1: the whole interval is beyond it, or
    the engine fails now. INCONCLUSIVE, 6: neither, with how many more repeats would tell; or a loss shows only in
    repeats beside which other programs took more than 5 % of the CPU; or the two can not be compared: other hardware,
    another load, a baseline that was measured once. Another version of the engine, its driver or the flags of the file
    is what a gate is for: it is named, and no obstacle.

    \b
    tunebook gate campaigns/llama3-chat.yaml --baseline llama3-chat --max-regression 3%
    tunebook gate campaigns/llama3-chat.yaml --write-baseline baselines/llama3-chat.json
    tunebook gate campaigns/llama3-chat.yaml --baseline baselines/llama3-chat.json --junit gate.xml
    """
    if target is not None:
        _write(campaign, baseline, target, results)
        return
    against = _asked(baseline, repeats, at_most)
    from time import monotonic

    from runner.cli._gate_report import as_plain, as_text
    from runner.events import emit
    from runner.gate import gate

    stop = Event()
    with progress(as_json), listening_to_signals(stop), closing(as_json) as end:
        result = gate(
            campaign,
            against,
            results,
            project_folder(),
            limit=limit,
            repeats=repeats,
            at_most=at_most or 2 * repeats,
            defaults=defaults,
            stop=stop.is_set,
            notify=lambda name, data: emit(name, None, **data),
            clock=monotonic,
        )
        if as_json:
            for one in result.gated:
                emit("gated", None, **as_plain(result, one))
            end["decision"] = result.decision.value
        else:
            click.echo(as_text(result))
        _reports(result, junit, summary)
        end["exit_code"] = result.exit_code
    click.get_current_context().exit(result.exit_code)


def _asked(baseline: str | None, repeats: int, at_most: int | None) -> str:
    if baseline is None:
        hint = "a run or its campaign's name, a git tag, or a file of --write-baseline"
        raise UsageError("--baseline is missing: against what?", hint=hint)
    if at_most is not None and at_most < repeats:
        raise UsageError(f"--at-most {at_most} is less than --repeats {repeats}")
    return baseline


def _reports(result: GateResult, junit: Path | None, summary: Path | None) -> None:
    from runner.cli._gate_report import append_markdown, as_junit
    from runner.util.files import atomic_write, disk_errors

    if junit is not None:
        with disk_errors(junit, "--junit"):
            atomic_write(junit, as_junit(result))
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    for path in (summary, step and Path(step)):
        if path:
            with disk_errors(path, "--summary"):
                append_markdown(path, result)


def _write(campaign: Path, baseline: str | None, target: Path, results: Path) -> None:
    from runner.baselines import baseline_of, write_baseline
    from runner.campaign.load import load
    from runner.util.files import disk_errors

    loaded = load(campaign)
    found = baseline_of(baseline or loaded.name, loaded, results, project_folder())
    best = found.best
    if best is None:
        raise UsageError(f"no trial of {loaded.name} succeeded: there is nothing to write")
    with disk_errors(target, "--write-baseline"):
        target.parent.mkdir(parents=True, exist_ok=True)
        count = write_baseline(target, found)
    click.echo(f"{target}: {count} trials; the best is trial {best.number}, measured {len(best.values)}x")
    if len(best.values) < 2:
        click.echo("warning: one measurement has no interval: a gate against it stays inconclusive", err=True)


COMMAND: click.Command = command
