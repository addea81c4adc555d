"""The end of `tunebook run`: what came of each file, as a table, as Markdown, as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runner.batch import FileEnd, FileOutcome
from runner.cli._summary import confirmed_mean, confirming
from runner.confirm import JudgedTrial, best_trial
from runner.domain.failure import Verdict
from runner.domain.metrics import format_value, metric_ref
from runner.domain.records import ComparisonFact
from runner.domain.units import format_duration
from runner.render.comparison import change_text
from runner.render.table import markdown, markdown_table, text_table, visible
from runner.run_state import RunResult

WORDS = {
    FileOutcome.FINISHED: "finished already",
    FileOutcome.NOT_DUE: "not due",
    FileOutcome.BROKEN: "failed to load",
    FileOutcome.RUNNING: "already running",
    FileOutcome.NOT_REACHED: "not reached",
}
"""What people read, where it is not the word that programs read."""

STATUS = {
    0: "done",
    1: "finished, but in a campaign no trial succeeded",
    2: "a campaign file or the site has problems",
    4: "this machine is not ready for a campaign",
    5: "the store can not be used",
    7: "a campaign is already running",
    10: "the disk is full",
    13: "a file is not the one that was promised",
    130: "interrupted; run again to go on",
}

HEAD = ("file", "campaign", "outcome", "trials", "failed", "best", "time", "")
RIGHT = (3, 4, 6)


def worth_a_table(ends: Sequence[FileEnd]) -> bool:
    """One file that ran has told its story already."""
    told = (FileOutcome.RAN, FileOutcome.FINISHED, FileOutcome.INTERRUPTED)
    return len(ends) > 1 or any(end.outcome not in told and end.error is None for end in ends)


def show(ends: Sequence[FileEnd], status: int) -> None:
    """On stdout: with lines and wrapping on a terminal, aligned text elsewhere."""
    click.echo()
    if sys.stdout.isatty():
        _show_rich(ends)
    else:
        click.echo("\n".join(text_table(HEAD, [_row(end) for end in ends], RIGHT)))
    click.echo(status_text(status))


def _show_rich(ends: Sequence[FileEnd]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(HEAD):
        table.add_column(name, justify="right" if number in RIGHT else "left", overflow="fold")
    for end in ends:
        style = "yellow" if end.exit_code else ""
        table.add_row(*(Text(visible(cell)) for cell in _row(end)), style=style)
    Console(highlight=False).print(table)


def as_markdown(ends: Sequence[FileEnd], status: int) -> str:
    """For the summary of a CI job."""
    lines = ["## tunebook run", "", *markdown_table(HEAD, [_row(end) for end in ends], RIGHT)]
    return "\n".join([*lines, "", markdown(status_text(status)), "", ""])


def append_summaries(files: Sequence[Path], ends: Sequence[FileEnd], status: int) -> None:
    """Raises OSError."""
    for path in files:
        with path.open("a", encoding="utf-8") as file:
            file.write(as_markdown(ends, status))


def status_text(status: int) -> str:
    return f"exit status {status}: {STATUS.get(status, 'see the messages above')}"


def _row(end: FileEnd) -> list[str]:
    facts = as_plain(end)
    best = facts["best"]
    return [
        facts["file"],
        facts["campaign"] or "–",
        WORDS.get(end.outcome, end.outcome.value),
        "–" if facts["trials"] is None else str(facts["trials"]),
        "–" if facts["failed"] is None else str(facts["failed"]),
        best["text"] if best else "–",
        format_duration(round(end.seconds)) if end.seconds >= 0.5 else "–",
        end.reason,
    ]


def as_plain(end: FileEnd) -> dict[str, Any]:
    """The data of event `file_ended`."""
    result = end.result
    return {
        "file": str(end.path),
        "campaign": end.campaign.name if end.campaign else None,
        "outcome": end.outcome.value,
        "reason": end.reason,
        "error": end.error.slug if end.error else None,
        "due_utc": end.next.isoformat().replace("+00:00", "Z") if end.next else None,
        "series": result.lineage.series if result else None,
        "trials": len(result.lineage.known) if result else None,
        "failed": len(result.lineage.failed) if result else None,
        "best": _best(result) if result else None,
        "seconds": end.seconds,
        "exit_code": end.exit_code,
    }


def _best(result: RunResult) -> dict[str, Any] | None:
    campaign = result.campaign
    best = best_trial(campaign, result.lineage.trials, result.lineage.attempts)
    if best is None:
        return None
    ref = metric_ref(campaign.objective.metric)
    mean, repeats = confirmed_mean(confirming(result, best))
    value = mean if repeats else best.judgement.objective_value
    text = format_value(value, ref.metric)
    gain = _gain(result, best)
    if gain is not None:
        proven = gain.verdict in (Verdict.BETTER, Verdict.WORSE) and gain.log_ratio is not None
        text += f" ({change_text(gain.log_ratio) if proven and gain.log_ratio is not None else gain.verdict.value})"
    elif best.is_default:
        text += " (the default)"
    return {
        "number": best.number,
        "entry": best.entry,
        "metric": ref.text,
        "unit": ref.unit,
        "value": value,
        "confirmed": repeats > 0,
        "verdict": gain.verdict.value if gain else None,
        "log_ratio": gain.log_ratio if gain else None,
        "text": text,
    }


def _gain(result: RunResult, best: JudgedTrial) -> ComparisonFact | None:
    """Over the default of its own entry, else over the first default it was compared with."""
    names = {trial.trial_id: trial.entry for trial in result.lineage.trials}
    mine = [
        fact
        for fact in result.comparisons
        if fact.trial_a == best.trial_id and fact.metric == result.campaign.objective.metric
    ]
    return min(mine, key=lambda fact: names.get(fact.trial_b) != best.entry, default=None)
