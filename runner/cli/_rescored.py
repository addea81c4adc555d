"""What `store rescore` says: who wins now, what changed place, and what can not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.cli._summary import at_text
from runner.confirm import JudgedTrial
from runner.domain.campaign import Campaign, Slo
from runner.domain.failure import Role
from runner.domain.metrics import format_value, metric_ref
from runner.domain.trial import Attempt
from runner.events.console import values_text
from runner.lineage import Lineage
from runner.render.table import text_table
from runner.rescore import Rescored, ranked
from runner.scoring.judge import judge
from runner.stats.regression import mean_of
from runner.util.redact import redact
from runner.util.visible import visible_lines

MOST = 10
"""Trials of a table; the rest is counted."""
HEAD = ("now", "before", "trial", "configuration", "search score now", "before")


def as_text(done: Sequence[Rescored]) -> str:
    blocks = [_block(one) for one in done]
    return visible_lines(redact("\n\n".join("\n".join(block) for block in blocks)))


def _block(one: Rescored) -> list[str]:
    if one.refused is not None:
        return [f"{one.name}: not judged by these rules: {one.refused}"]
    state = "new rules" if one.new else "rules that stood there already"
    head = f"{one.name}: {_rules(one.other.campaign)}; {one.attempts} attempts, {state} {one.rules_id}"
    if not one.latest:
        return [f"{head} (an earlier lineage of this name)"]
    before, now = one.winners
    lines = [head, f"  best now     {_winner(one.other, now)}", f"  best before  {_winner(one.own, before)}"]
    rows = _rows(one)
    lines += ["", *(f"  {line}" for line in text_table(HEAD, rows[:MOST], (0, 1, 2)))]
    if len(rows) > MOST:
        lines.append(f"  and {len(rows) - MOST} more")
    reasons: dict[str, list[int]] = {}
    for number, reason in one.unjudged.items():
        reasons.setdefault(reason, []).append(number)
    lines += [f"  not judged: trial {', '.join(map(str, numbers))}: {why}" for why, numbers in reasons.items()]
    if one.measured_once:
        lines.append("  the winner was measured once: the campaign repeated those that were best under its own rules")
    return lines


def _rules(campaign: Campaign) -> str:
    objective = campaign.objective
    slos = ", ".join(_slo(slo) for slo in campaign.slos)
    return f"{objective.metric} {at_text(objective.at)}, {objective.goal.value}; {slos or 'no SLO'}"


def _slo(slo: Slo) -> str:
    metric = metric_ref(slo.metric).metric
    side = "at most" if slo.maximum is not None else "at least"
    return f"{slo.name} {side} {format_value(slo.limit, metric)}{' (hard)' if slo.hard else ''}"


def _winner(lineage: Lineage, trial: JudgedTrial | None) -> str:
    if trial is None:
        return "none: no trial succeeds"
    text = f"trial {trial.number} of {trial.entry}: {values_text(trial.configuration.values)}"
    repeats = [judge(a, lineage.rules).value for a in lineage.attempts if _confirms(a, trial)]
    values = [value for value in repeats if value is not None]
    if not values:
        return f"{text}, {_score(lineage, trial)}, measured once"
    metric = metric_ref(lineage.campaign.objective.metric).metric
    return f"{text}, {format_value(mean_of(values), metric)}, mean of {len(values)} confirming runs"


def _confirms(attempt: Attempt, trial: JudgedTrial) -> bool:
    return attempt.role is Role.CONFIRM and attempt.trial_id == trial.trial_id


def _score(lineage: Lineage, trial: JudgedTrial | None) -> str:
    if trial is None:
        return "not judged"
    judged = trial.judgement
    if judged.value is not None:
        return format_value(judged.value, metric_ref(lineage.campaign.objective.metric).metric)
    return f"failed: {judged.failure.cause.value}" if judged.failure else "not judged"


def _rows(one: Rescored) -> list[list[str]]:
    before = {trial.number: (place, trial) for place, trial in enumerate(ranked(one.own), 1)}
    now = {trial.number: (place, trial) for place, trial in enumerate(ranked(one.other), 1)}
    rows = []
    for number in [*now, *(number for number in before if number not in now)]:
        new, old = now.get(number), before.get(number)
        trial = (new or old)[1]  # type: ignore[index]
        rows.append(
            [
                str(new[0]) if new else "–",
                str(old[0]) if old else "–",
                str(number),
                f"{trial.entry}: {values_text(trial.configuration.values)}",
                _score(one.other, new[1] if new else None),
                _score(one.own, old[1] if old else None),
            ]
        )
    return rows


def as_plain(one: Rescored) -> dict[str, Any]:
    """The data of event `rescored`."""
    before, now = one.winners
    return {
        "campaign": one.name,
        "search_key": one.own.campaign.search_key,
        "series": one.own.series,
        "latest": one.latest,
        "rules_id": None if one.refused else one.rules_id,
        "new": one.new,
        "refused": one.refused,
        "attempts": one.attempts,
        "best": now.number if now and not one.refused else None,
        "measured_once": one.measured_once,
        "best_before": before.number if before else None,
        "ranking": [] if one.refused else [trial.number for trial in ranked(one.other)],
        "ranking_before": [trial.number for trial in ranked(one.own)],
        "unjudged": {} if one.refused else {str(number): why for number, why in one.unjudged.items()},
    }
