"""`tunebook reproduce`: measure a published trial again, and say whether its number comes out."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from runner.cli._options import json_option, results_option
from runner.cli._session import closing, listening_to_signals, progress
from runner.util.project import project_folder

if TYPE_CHECKING:
    from runner.reproduce import Reproduced


@click.command("reproduce")
@click.argument("what", metavar="TRIAL|URL|FOLDER")
@click.option(
    "--trial", metavar="NAME#N", help="Which trial of a site or folder. Default: the best of its one campaign."
)
@click.option("--repeats", type=click.IntRange(min=2), default=3, show_default=True, help="Measurements here.")
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="PATH", help="The model, where no source is published."
)
@click.option(
    "--trust", is_flag=True, help="Also what runs code of the publisher: a command, an interpreter, LD_PRELOAD."
)
@results_option
@json_option
def command(
    what: str, trial: str | None, repeats: int, model: Path | None, trust: bool, results: Path, as_json: bool
) -> None:
    """Measure a trial again, with the launch, workload and seed that were published, and compare.

    TRIAL is NAME#7 or an id of the results here. URL is a site that `tunebook build` made, or the address of a trial on
    it; FOLDER is such a site (public/), a folder of `store export --publish`, or a baseline file. Of these nothing but
    the published files is read.

    Exit status 0: reproduced, a tie or better. 1: worse, or it fails here. 6: the interval is too wide, the number was
    published from one measurement, or the hardware or the engine's version differs; the ratio is then told beside.

    \b
    tunebook reproduce quickstart#3
    tunebook reproduce https://example.org/results/campaigns/quickstart/#trial-3
    tunebook reproduce campaigns/published --trial cpu-engines#best
    """
    from runner.events import emit
    from runner.published import published, refuse_foreign_code
    from runner.reproduce import reproduce

    stop = Event()
    with progress(as_json), listening_to_signals(stop), closing(as_json) as end:
        given = published(what, trial, results)
        if given.foreign and not trust:
            refuse_foreign_code(given)
        emit("notice", message=f"trial {given.trial.number} of {given.baseline.name}: {given.trial.launch}")
        done = reproduce(
            given,
            results,
            project_folder(),
            repeats=repeats,
            model=str(model.resolve()) if model else None,
            stop=stop.is_set,
            notify=lambda name, data: emit(name, None, **data),
        )
        if as_json:
            emit("reproduced", None, **as_plain(done))
        else:
            click.echo(as_text(done))
        end["exit_code"] = done.exit_code
    click.get_current_context().exit(done.exit_code)


WORDS = {0: "REPRODUCED", 1: "NOT REPRODUCED", 6: "NO VERDICT", 130: "interrupted"}


def as_text(done: Reproduced) -> str:

    from runner.cli._summary import at_text
    from runner.domain.metrics import format_value, metric_ref
    from runner.events.console import values_text
    from runner.render.comparison import verdict_text
    from runner.stats.regression import mean_of
    from runner.util.redact import redact
    from runner.util.visible import visible_lines

    then, objective = done.then, done.campaign.objective
    metric = metric_ref(objective.metric).metric
    how = f"{len(then.values)}x, {'repeated' if then.basis == 'confirmed' else 'from the search'}"
    lines = [
        f"{WORDS[done.exit_code]}: trial {then.number} of {done.campaign.name}, {metric.title} {at_text(objective.at)}",
        f"  launch     {then.launch}",
        f"  values     {then.configuration.entry}: {values_text(then.configuration.values)}",
        f"  published  {format_value(mean_of(then.values), metric)}, {how}, {then.measured_utc[:10]}",
    ]
    if done.values and done.change is not None:
        here = f"{format_value(mean_of(done.values), metric)}, {len(done.values)}x"
        lines.append(f"  here       {here}: {100 * done.change:+.1f} % of the published mean")
    found = done.result
    if found is not None:
        told = (found.verdict.value, found.log_ratio, found.low, found.high, found.repeats, found.reason)
        lines.append(f"  verdict    {verdict_text(*told)}")
    lines += [f"  differs    {text.replace(' then', ' published').replace(' now', ' here')}" for text in done.differs]
    return visible_lines(redact("\n".join(lines)))


def as_plain(done: Reproduced) -> dict[str, Any]:
    found = done.result
    return {
        "campaign": done.campaign.name,
        "number": done.then.number,
        "source": done.source,
        "metric": done.campaign.objective.metric,
        "published": list(done.then.values),
        "here": list(done.values),
        "change": done.change,
        "verdict": found.verdict.value if found else None,
        "reason": found.reason if found else None,
        "log_ratio": found.log_ratio if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "differs": list(done.differs),
        "failed": done.failed,
    }


COMMAND: click.Command = command
