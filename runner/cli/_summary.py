"""What a run found, for people: the winner, its gain over each default, the failures, where to look."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from runner.confirm import best_trial
from runner.domain.metrics import Metric, format_value, metric_ref
from runner.events.console import values_text
from runner.render.comparison import comparison_text
from runner.run_campaign import RunResult
from runner.scoring.judge import Judgement


def summary(result: RunResult, results: Path) -> str:
    """About ten lines for stdout."""
    campaign, lineage = result.campaign, result.lineage
    lines = ["", f"{campaign.name} on {campaign.hardware.label}, {campaign.model.label}"]
    if result.run_id is None:
        lines.append("  finished before: nothing to do (--again starts the next series; more trials extend it)")
    best = best_trial(campaign, lineage.trials, lineage.attempts)
    metric = metric_ref(campaign.objective.metric).metric
    if best is None:
        lines += _nothing_succeeded(result)
    else:
        lines += [
            f"  best       trial {best.number} of {best.entry}: {values_text(best.configuration.values)}",
            f"  measured   {_measured(best.judgement, metric)} at {campaign.objective.at}",
        ]
        lines += [f"  against    {text}" for text in _gains(result)]
        lines += [f"  launch     {_launch(result, best.trial_id)}"]
    lines.append(f"  trials     {_counts(result)}")
    if result.pending:
        lines.append(f"  store      {result.pending} records wait: `tunebook store ingest` takes them")
    lines.append(f"  records    {results}; `tunebook build` makes the site, `tunebook sql` asks questions")
    return "\n".join(lines)


def _gains(result: RunResult) -> list[str]:
    names = {trial.trial_id: trial for trial in result.lineage.trials}
    texts = []
    for fact in result.comparisons:
        other = names.get(fact.trial_b)
        against = f"the default of {other.entry}" if other and other.is_default else f"trial {other and other.number}"
        texts.append(f"{against}: {comparison_text(fact)}")
    if not texts and result.campaign.confirm.top == 0:
        return ["nothing: one measurement proves nothing (ask for confirm: {top: 1, repeats: 3})"]
    return texts or ["nothing yet: the confirming measurements are not done (run again)"]


def _measured(judgement: Judgement, metric: Metric) -> str:
    text = f"{metric.title} {format_value(judgement.objective_value, metric)}"
    if judgement.soft_penalty:
        text += f", score {format_value(judgement.value, metric)} because a soft SLO was missed"
    return text


def _launch(result: RunResult, trial_id: str) -> str:
    for attempt in result.lineage.attempts:
        if attempt.trial_id == trial_id and attempt.launch:
            # `$MODEL` and `$PORT` stay as they are: the reader's shell fills them in.
            return " ".join(a if a.startswith("$") else shlex.quote(a) for a in attempt.launch.portable)
    return "–"


def _counts(result: RunResult) -> str:
    lineage = result.lineage
    causes = Counter(
        f"{trial.judgement.failure.cause.value} at {trial.judgement.failure.phase.value}"
        for trial in lineage.failed
        if trial.judgement.failure
    )
    text = f"{len(lineage.known)}: {len(lineage.succeeded)} succeeded, {len(lineage.failed)} failed"
    if causes:
        text += " (" + ", ".join(f"{count}x {cause}" for cause, count in causes.most_common()) + ")"
    if lineage.unjudged:
        text += f", {len(lineage.unjudged)} unmeasured"
    return text


def _nothing_succeeded(result: RunResult) -> list[str]:
    """An all-failing campaign ends with the configuration that came nearest, and what stopped it."""
    failed = sorted(result.lineage.failed, key=lambda trial: trial.judgement.severity)
    if not failed:
        return ["  best       nothing was measured yet"]
    near = failed[0]
    failure = near.judgement.failure
    assert failure is not None
    return [
        "  best       no trial succeeded",
        f"  nearest    trial {near.number} of {near.entry}: {values_text(near.configuration.values)}",
        f"             stopped at {failure.phase.value}: {failure.cause.value} — {failure.evidence[:200]}",
    ]
