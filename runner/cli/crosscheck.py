"""`tunebook crosscheck`: do the engines of a campaign, or its configurations, give the same answers?"""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from runner.cli._options import json_option, results_option
from runner.cli._session import listening_to_signals, progress
from runner.errors import TunebookError
from runner.util.project import project_folder

if TYPE_CHECKING:
    from runner.crosscheck import Checked, Crosschecked


@click.command("crosscheck")
@click.argument("campaign", type=click.Path(path_type=Path))
@click.option("--reference", metavar="ENTRY", help="Whose default is right. Default: that of quality:, or the first.")
@click.option("--trial", "trials", metavar="N", type=int, multiple=True, help="Trials of its latest series to ask.")
@results_option
@json_option
def command(campaign: Path, reference: str | None, trials: tuple[int, ...], results: Path, as_json: bool) -> None:
    """Ask each entry of a campaign file the same prompts at temperature 0, and compare with a reference.

    Deploys one after the other and measures no load. Nothing enters the store; the answers stay in the records below
    results/crosscheck. Engines differ legitimately at near ties: this reports, and fails only when nothing could be
    compared (exit status 1). A guard inside a campaign is quality: {reference: ENTRY, min_agreement: 0.9}.

    \b
    tunebook crosscheck campaigns/cpu-engines.yaml
    tunebook crosscheck campaigns/quickstart.yaml --trial 3 --trial 7
    """
    from runner.crosscheck import crosscheck
    from runner.events import emit

    stop = Event()
    status = 3
    told = "stopping: the engine that runs is ended; once more to end it at once"
    with progress(as_json), listening_to_signals(stop, told):
        try:
            done = crosscheck(
                campaign,
                results,
                project_folder(),
                reference,
                trials,
                stop.is_set,
                lambda name, data: emit(name, None, **data),
            )
            status = done.exit_code
            if as_json:
                for one in done.checked:
                    emit("crosschecked", None, **as_plain(done, one))
            else:
                click.echo(as_text(done, results))
        except TunebookError as error:
            status = error.status
            raise
        finally:
            if as_json:
                emit("end", exit_code=status)
    click.get_current_context().exit(status)


def as_plain(done: Crosschecked, one: Checked) -> dict[str, Any]:
    from runner.crosscheck import died_of
    from runner.stats.intervals import wilson

    found = one.agreement
    plain: dict[str, Any] = {
        "campaign": done.campaign.name,
        "reference": done.reference,
        "entry": one.configuration.entry,
        "number": one.number,
        "values": dict(one.configuration.values),
        "is_reference": one.is_reference,
        "prompts": done.prompts,
        "answered": one.answered,
        "problem": died_of(one),
        "record": str(one.record),
    }
    low, high = wilson(found.exact, found.prompts) if found else (None, None)
    return plain | {
        "compared": found.prompts if found else None,
        "exact": found.exact if found else None,
        "exact_match": found.exact / found.prompts if found else None,
        "exact_low": low,
        "exact_high": high,
        "token_agreement": found.share if found else None,
        "token_unit": found.unit if found else None,
        "first_divergence": found.first_divergence if found else None,
        "near_ties": found.near_ties if found else None,
        "logprob_difference": found.logprob_difference if found else None,
    }


def as_text(done: Crosschecked, results: Path) -> str:
    from runner.crosscheck import FOLDER, died_of
    from runner.render.table import text_table
    from runner.util.redact import redact
    from runner.util.visible import visible, visible_lines

    head = ["configuration", "tokens agree", "equal answers", "first divergence", "at near ties", "log-probabilities"]
    lines = [f"{done.campaign.name}: {done.prompts} prompts at temperature 0, compared with {done.reference}", ""]
    lines += [*text_table(head, [_row(one) for one in done.checked]), ""]
    problems = [(_name(one), died_of(one)) for one in done.checked]
    lines += [f"{name}: {visible(problem)}" for name, problem in problems if problem]
    guard = done.campaign.quality
    if guard is not None and guard.min_agreement is not None:
        lines.append(f"the campaign needs {100 * guard.min_agreement:g} %: quality.min_agreement")
    lines.append(f"answers: answers.json of each attempt in {results / FOLDER / 'records'}")
    return visible_lines(redact("\n".join(lines)))


def _name(one: Checked) -> str:
    from runner.crosscheck import name_of
    from runner.events.console import values_text

    values = f": {values_text(one.configuration.values)}" if one.configuration.values else ""
    return name_of(one.configuration, one.number) + values


def _row(one: Checked) -> list[str]:
    from runner.scoring.guard import percent
    from runner.stats.intervals import wilson

    found = one.agreement
    if found is None:
        why = "reference" if one.is_reference and one.answered else "not compared"
        return [_name(one), why, "", "", "", ""]
    low, high = wilson(found.exact, found.prompts)
    words = "" if found.unit == "token" else f" ({found.unit}s)"
    return [
        _name(one),
        f"{percent(found.share)}{words}",
        f"{found.exact} of {found.prompts} [{100 * low:.0f} to {100 * high:.0f} %]",
        "none" if found.first_divergence is None else f"after {found.first_divergence:g} {found.unit}s",
        "not served" if found.near_ties is None else f"{found.near_ties} of {found.answered - found.exact}",
        "not served" if found.logprob_difference is None else f"off by {found.logprob_difference:.3g} nats",
    ]


COMMAND: click.Command = command
