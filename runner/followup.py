"""The next campaign after one that failed, or half failed: the same question over a space narrowed by the evidence.

Called by `tunebook new --from`. Pure: from the file as it was written and the judged trials to the data of a new file
and the reason of each change. What nothing speaks against is left as it was.
"""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.confirm import JudgedTrial, best_trial
from runner.domain.failure import Change, Phase
from runner.domain.metrics import format_value, metric_ref
from runner.domain.parameters import Scalar
from runner.domain.units import format_duration
from runner.lineage import Lineage
from runner.narrowing import apply, narrow
from runner.stats.failing import Tried, nearest, spelled

LATE = (Phase.WARMUP, Phase.MEASURE, Phase.SLO, Phase.DONE)
"""An attempt that got here had started and answered: its values can not be why an engine does not start."""

FIRST = ("-nearest", "-best")

WIDTH = 100
"""Characters of a comment line."""


@dataclass(slots=True)
class FollowUp:
    """`data` is the new file; `comments` say above each changed line why; `head` stands at the top."""

    data: dict[str, Any]
    head: list[str] = field(default_factory=list)
    comments: dict[tuple[str | int, ...], list[str]] = field(default_factory=dict)

    def note(self, path: tuple[str | int, ...], text: str) -> None:
        lines = self.comments.setdefault(path, [])
        for line in textwrap.wrap(one_line(text), WIDTH, break_on_hyphens=False):
            if line not in lines:
                lines.append(line)


def follow_up(written: Mapping[str, Any], lineage: Lineage, name: str) -> FollowUp:
    """`written` is the file of the run as plain data; `name` the new campaign's. Needs at least one judged trial."""
    made = FollowUp(copy.deepcopy(dict(written)))
    made.data["name"] = name
    tried = lineage.tried
    good = _good(tried)
    sections = []
    for section, entry in zip(made.data["runtimes"], lineage.campaign.entries, strict=True):
        mine = [trial for trial in tried if trial.entry == entry.name]
        if _hopeless(mine, good, tried):
            made.head.append(
                f"Left out: {entry.name}, whose {len(mine)} trials all ended before a request was answered."
            )
            continue
        notes = narrow(section, entry, mine, good)
        sections.append((entry.name, section, notes))
    _first(made, lineage, sections)
    made.data["runtimes"] = [section for _, section, _ in sections]
    for index, (_, _, notes) in enumerate(sections):
        for path, text in notes:
            made.note(("runtimes", index, *path), text)
    _timeouts(made, lineage)
    _slos(made, lineage)
    return made


def _good(tried: Sequence[Tried]) -> set[int]:
    """Numbers of the trials that speak for their values: the succeeded ones, or where there are none those that got
    as far as answering requests."""
    succeeded = {trial.number for trial in tried if trial.severity == 0}
    return succeeded or {trial.number for trial in tried if trial.failure and trial.failure.phase in LATE}


def _hopeless(mine: Sequence[Tried], good: set[int], tried: Sequence[Tried]) -> bool:
    """An entry that never got anywhere, without a hint that would change it, while another one did."""
    early = [trial for trial in mine if trial.failure and trial.failure.phase not in LATE]
    explained = any(trial.hint and trial.hint.changes for trial in mine)
    others = any(trial.number in good for trial in tried if trial not in mine)
    return len(mine) >= 2 and len(early) == len(mine) and not explained and others


def _first(made: FollowUp, lineage: Lineage, sections: list[tuple[str, Any, list[tuple[Any, str]]]]) -> None:
    """The best, or nearest, configuration is measured first: as the default of an entry, which has fixed flags only."""
    chosen, word = _chosen(lineage)
    configuration = chosen.configuration
    section = next(one for name, one, _ in sections if name == configuration.entry)
    searched = {name: value for name, value in configuration.values.items() if not name.startswith("env.")}
    flags = {**(section.get("flags") or {}), **searched}  # its own values over what is now fixed for all
    env = dict(configuration.env)
    hint, values = chosen.judgement.hint, _values(configuration.values)
    for change in hint.changes if hint else ():
        apply(change, flags)
    made.head.append(f"{word.capitalize()}: trial {chosen.number} of {configuration.entry}, {values}.")
    if chosen.judgement.failure:
        failure = chosen.judgement.failure
        made.head.append(f"It stopped at {failure.phase.value}: {failure.cause.value}.")
    if hint:
        made.head.append(f"Hint: {one_line(hint.text)}")
    made.data["search"] = {**(made.data.get("search") or {}), "baseline": True}
    if flags == (section.get("flags") or {}) and env == _set_env(section):
        return  # the default of its own entry is it already
    base = configuration.entry
    for suffix in FIRST:
        base = base.removesuffix(suffix)
    label = f"{base}-{word.split()[0]}"
    sections[:] = [one for one in sections if one[0] != label]
    first = {key: value for key, value in section.items() if key not in ("space", "where", "name", "flags", "env")}
    passed = {key: None for key, value in _env(section).items() if value is None}
    extra: dict[str, Any] = {"runtime": first.pop("runtime"), "name": label, "flags": flags}
    if env or passed:
        extra["env"] = {**env, **passed}
    why = f"first: trial {chosen.number} of the run, {word}"
    if hint and hint.changes:
        why += ", with its hint applied"
    sections.insert(0, (label, {**extra, **first}, [(("runtime",), why)]))


def _chosen(lineage: Lineage) -> tuple[JudgedTrial, str]:
    best = best_trial(lineage.campaign, lineage.trials, lineage.attempts)
    if best is not None:
        return best, "best"
    near = nearest(lineage.tried)
    assert near is not None
    return next(trial for trial in lineage.trials if trial.number == near.number), "nearest to success"


def _timeouts(made: FollowUp, lineage: Lineage) -> None:
    for trial, change in _changes(lineage, "timeouts."):
        name = change.parameter.removeprefix("timeouts.")
        timeouts = made.data.setdefault("timeouts", {})
        now = float(getattr(lineage.campaign.timeouts, name))
        more = max(now, float(change.at_least or 0.0))
        if more > now:
            timeouts[name] = format_duration(more)
            assert trial.hint is not None
            made.note(("timeouts", name), f"was {format_duration(now)}; trial {trial.number}: {trial.hint.text}")


def _slos(made: FollowUp, lineage: Lineage) -> None:
    """The limits are the question: they stay, and a comment says which one the nearest would hold."""
    near = nearest(lineage.tried)
    if near is None or near.hint is None or lineage.succeeded:
        return
    for change in near.hint.changes:
        if not change.parameter.startswith("slo."):
            continue
        name = change.parameter.removeprefix("slo.")
        metric = metric_ref(name).metric
        bound, key = (change.at_least, "max") if change.at_least is not None else (change.at_most, "min")
        limit = format_duration(bound or 0.0) if metric.unit == "s" else f"{bound:g}"
        made.note(("slo", name), f"trial {near.number}: {near.hint.text}")
        shown = format_value(bound, metric)
        made.note(("slo", name), f"left as it was; to accept what trial {near.number} did: {key}: {limit} ({shown})")


def _changes(lineage: Lineage, prefix: str) -> list[tuple[Tried, Change]]:
    """The strictest of each parameter."""
    found: dict[str, tuple[Tried, Change]] = {}
    for trial in lineage.tried:
        for change in trial.hint.changes if trial.hint else ():
            if change.parameter.startswith(prefix):
                before = found.get(change.parameter)
                if before is None or (change.at_least or 0) > (before[1].at_least or 0):
                    found[change.parameter] = (trial, change)
    return list(found.values())


def _env(section: Mapping[str, Any]) -> dict[str, Any]:
    env = section.get("env") or {}
    return dict.fromkeys(env) if isinstance(env, list) else dict(env)


def _set_env(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) for key, value in _env(section).items() if value is not None}


def _values(values: Mapping[str, Scalar]) -> str:
    return " ".join(f"{name}={spelled(value)}" for name, value in values.items()) or "with its fixed flags only"


def one_line(text: str) -> str:
    """What may stand in a comment: an engine's words can hold anything."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:400]
