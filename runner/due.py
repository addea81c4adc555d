"""Is a campaign due? From its records and the time, for `run --due`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runner.domain.campaign import Campaign
from runner.domain.records import RunStart
from runner.domain.schedule import due_from, finished
from runner.domain.units import format_duration
from runner.store.history import LineageFacts


@dataclass(frozen=True, slots=True)
class Due:
    """`again`: its time has come, so that a finished series is followed by the next one. `next`: when it will be
    due; None when it is due now, or never by itself."""

    now: bool
    reason: str
    again: bool = False
    next: datetime | None = None


def due(campaign: Campaign, facts: LineageFacts, nothing_to_do: bool, now: datetime) -> Due:
    """`nothing_to_do`: every trial and repeat that the file asks for is there, and the file is the one that ran."""
    if not facts.starts:
        return Due(True, "never ran")
    # Killed behind its last trial, a run leaves no end: then when it began is all that is known.
    last = last_finished(facts) or (facts.starts[-1] if nothing_to_do else None)
    if last is not None and campaign.every is not None:
        began = datetime.fromisoformat(last.started_utc)
        opens = due_from(began, campaign.every)
        if now >= opens:
            return Due(True, f"every {format_duration(campaign.every)}, last begun {_minute(began)}", again=True)
        if nothing_to_do:
            return Due(False, f"every {format_duration(campaign.every)}, last begun {_minute(began)}", next=opens)
    if not nothing_to_do:
        return Due(True, "not finished, or the file has changed")
    return Due(False, "finished, and the file has no `every`")


def last_finished(facts: LineageFacts) -> RunStart | None:
    """The last run that came to its end and measured something: one that only took a new name, or scored by new
    rules, does not put off the next measurement."""
    starts = {start.run_id: start for start in facts.starts}
    measured = [end for end in facts.ends if facts.attempt_seconds(end.run_id) > 0]
    ended = [e for e in measured if finished(e.end_reason, e.trials, starts[e.run_id].trials_planned)]
    return max((starts[end.run_id] for end in ended), key=lambda start: start.started_utc, default=None)


def until_text(due: Due) -> str:
    """When a campaign will be due; why never by itself, where no time makes it so."""
    return f"until {_minute(due.next)} ({due.reason})" if due.next else due.reason


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
