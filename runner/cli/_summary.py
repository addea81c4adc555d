"""What a run found, for people: the winner, its gain over each default, the failures, where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from runner.cli._all_failed import nothing_succeeded
from runner.confirm import JudgedTrial, best_trial
from runner.domain.campaign import Goal
from runner.domain.failure import EndReason, Outcome, Role
from runner.domain.load import load_words
from runner.domain.metrics import VALUE, format_value, metric_ref
from runner.events.console import values_text
from runner.prospect import enough_was_found
from runner.render.capacity import capacity_detail, capacity_text
from runner.render.comparison import MANY, comparison_text, optimism_text
from runner.render.shell import one_line
from runner.run_state import RunResult
from runner.scoring.guard import equal, percent
from runner.scoring.judge import Judgement, judge
from runner.util.redact import redact
from runner.util.visible import visible_lines


def summary(result: RunResult, results: Path) -> str:
    """About ten lines for stdout."""
    campaign, lineage = result.campaign, result.lineage
    lines = ["", f"{campaign.name} on {campaign.hardware.label}, {campaign.model.label}"]
    best = best_trial(campaign, lineage.trials, lineage.attempts)
    if best is None:
        lines += nothing_succeeded(result.lineage)
    else:
        lines += [
            f"  best       trial {best.number} of {best.entry}: {values_text(best.configuration.values)}",
            f"  measured   {_measured(result, best)}",
            *(f"  capacity   {text}" for text in _capacity(result, best)),
            *(f"  answers    {text}" for text in _answers(result, best)),
        ]
        lines += [f"  against    {text}" for text in _gains(result, best)]
        lines += [f"  launch     {_launch(result, best)}"]
    lines.append(f"  trials     {_counts(result)}")
    if result.pending:
        lines.append(f"  store      {result.pending} records are not in the store: `tunebook store ingest` says why")
    lines.append(f"  next       {_next(result)}")
    lines.append(f"  records    {results}; `tunebook build` makes the site, `tunebook sql` asks questions")
    return visible_lines(redact("\n".join(lines)))


def _next(result: RunResult) -> str:
    known, planned = len(result.lineage.known), result.campaign.search.trials
    if result.out_of_time:
        return "the time of --budget is used up: run again to go on"
    if result.end_reason is EndReason.INTERRUPTED:
        return "interrupted: run the same command again to go on"
    if result.end_reason is EndReason.ERROR:
        return "this machine, not the configurations, failed again and again: mend it, then run again"
    if result.end_reason is EndReason.TRIALS and known < planned:
        return f"{known} of {planned} trials are done: run again to go on"
    if result.lineage.failed and not result.lineage.succeeded:
        return f"`tunebook new --from {result.campaign.name}` writes a campaign narrowed by what failed"
    if result.message:
        return enough_was_found(result.message)
    if result.end_reason is EndReason.CONVERGED:
        return "the space holds no untried configuration that the pre-check lets pass; widen it to go on"
    what = {EndReason.TRIALS: "search.trials", EndReason.WALL: "budget.wall", EndReason.FAILURES: "budget.failures"}
    limit = what.get(result.end_reason, "budget.gpu_hours")
    done = "finished before, nothing to do" if result.run_id is None else "finished"
    return f"{done}: raise {limit} to go on, or --again for another series"


def _gains(result: RunResult, best: JudgedTrial) -> list[str]:
    names = {trial.trial_id: trial for trial in result.lineage.trials}
    texts = []
    for fact in result.comparisons:
        if fact.trial_a != best.trial_id or fact.metric != result.campaign.objective.metric:
            continue  # of a former best, or of a former objective
        other = names.get(fact.trial_b)
        against = f"the default of {other.entry}" if other and other.is_default else f"trial {other and other.number}"
        texts.append(f"{against}: {comparison_text(fact)}")
    if texts:
        return [*texts, *_longer(result, best)]
    if result.campaign.confirm.top == 0:
        return ["nothing: one measurement proves nothing (ask for confirm: {top: 1, repeats: 3})"]
    if best.is_default and len(result.campaign.entries) == 1:
        return ["nothing: the best is the engine's default"]
    return ["nothing yet: the confirming measurements are not done"]


def _longer(result: RunResult, best: JudgedTrial) -> list[str]:
    """What to write into the file where the repeats ended before they could tell."""
    cap = result.campaign.confirm.cap
    mine = [fact for fact in result.comparisons if fact.trial_a == best.trial_id and fact.more_repeats]
    wanted = [fact.repeats + (fact.more_repeats or 0) for fact in mine if fact.repeats >= cap]
    wanted = [one for one in wanted if one <= MANY]
    return [f"`confirm: {{at_most: {max(wanted)}}}` and another run would go on measuring these"] if wanted else []


def _measured(result: RunResult, best: JudgedTrial) -> str:
    """The mean of the confirming runs where there are some, else the one measurement of the search."""
    campaign = result.campaign
    metric, where = metric_ref(campaign.objective.metric).metric, at_text(campaign.objective.at)
    repeats = confirming(result, best)
    mean, count = confirmed_mean(repeats)
    if count:
        other = campaign.confirm.client not in (None, campaign.workload.client)
        client = f" with {campaign.confirm.client}" if other else ""
        text = f"{metric.title} {format_value(mean, metric)} {where}, mean of {count} confirming runs{client}"
        text += _promised(result, best, [one.value for one in repeats if one.value is not None])
        return f"{text}; a soft SLO was missed" if any(one.soft_penalty for one in repeats) else text
    text = f"{metric.title} {format_value(best.judgement.objective_value, metric)} {where}, one run"
    if best.judgement.soft_penalty:
        text += f"; score {format_value(best.judgement.value, metric)} because a soft SLO was missed"
    return text


def _capacity(result: RunResult, best: JudgedTrial) -> list[str]:
    """How much load the winner holds, of each scenario: from the newest attempt that looked for that alone, else from
    the newest one whose load was searched."""
    mine = [one for one in result.lineage.attempts if one.trial_id == best.trial_id]
    asked = sorted(mine, key=lambda one: (one.role is Role.CAPACITY, one.started_utc), reverse=True)
    told = ("capacity_low", "capacity_high", "attainment_target")
    for attempt in asked:
        lines = []
        for level in attempt.levels:
            low, high, target = (level.metric(name, VALUE) for name in told)
            if target is not None:
                scenario = f"{level.scenario}: " if len({one.scenario for one in attempt.levels}) > 1 else ""
                lines.append(scenario + capacity_text(level.load_kind, low, high, target))
                share, least, most = (level.metric(f"attainment{end}", VALUE) for end in ("", "_low", "_high"))
                goodput = level.metric("goodput", VALUE)
                at = load_words(level.load_kind, level.load_value)
                lines[-1] += f" (at {at} {capacity_detail(share, least, most, level.sent, goodput)})"
        if lines and attempt.failure is not None:
            lines[-1] += f"; then the engine failed: {attempt.failure.cause.value}"
        if lines:
            return lines
        if attempt.role is Role.CAPACITY and attempt.failure is not None:
            return [f"unknown: the attempt that looked for it ended: {attempt.failure.cause.value}"]
    return []


def _promised(result: RunResult, best: JudgedTrial, confirmed: Sequence[float]) -> str:
    """What the search had seen in its place: it chose the trial for looking well."""
    saw, metric = best.judgement.value, metric_ref(result.campaign.objective.metric).metric
    if saw is None:
        return ""
    how = optimism_text(saw, fmean(confirmed), result.campaign.objective.goal is Goal.MAXIMIZE)
    return f"; the search saw {format_value(saw, metric)}, {how}"


def _answers(result: RunResult, best: JudgedTrial) -> list[str]:
    """How far its answers agree with the reference's: the least of its attempts. Nothing without a quality guard."""
    guard = result.campaign.quality
    if guard is None:
        return []
    mine = [one.quality for one in result.lineage.attempts if one.trial_id == best.trial_id and one.quality]
    found = [one.agreement for one in mine if one.reference == guard.reference and one.agreement]
    if found:
        least = min(found, key=lambda one: one.share)
        return [f"{percent(least.share)} {least.unit} agreement with the default of {guard.reference}; {equal(least)}"]
    if best.is_default and best.entry == guard.reference:
        return ["the reference of the others"]
    return [f"compared with nothing: the default of {guard.reference} has not answered"]


def confirming(result: RunResult, best: JudgedTrial) -> list[Judgement]:
    """How the confirming runs of a trial are judged."""
    return [
        judge(attempt, result.lineage.rules)
        for attempt in result.lineage.attempts
        if attempt.role is Role.CONFIRM and attempt.trial_id == best.trial_id
    ]


def confirmed_mean(repeats: Sequence[Judgement]) -> tuple[float | None, int]:
    """The mean objective of the confirming runs that succeeded, in its own unit, and how many they are."""
    values = [one.objective_value for one in repeats if one.value is not None and one.objective_value is not None]
    return (fmean(values) if values else None), len(values)


def at_text(at: str) -> str:
    """`c=4` in words."""
    kind, _, value = at.partition("=")
    users = "user" if value == "1" else "users"
    words = {"c": f"at {value} {users}", "r": f"at {value} requests/s", "worst": "at its worst level"}
    return words.get(kind, {"mean": "as the mean of all levels", "goodput": "within the SLOs"}.get(kind, f"at {at}"))


def _launch(result: RunResult, best: JudgedTrial) -> str:
    for attempt in result.lineage.attempts:
        if attempt.trial_id == best.trial_id and attempt.launch:
            return one_line(attempt.launch.portable, attempt.configuration.env)
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
    lost = sum(a.gpu_seconds for a in lineage.attempts if a.outcome is Outcome.FAILED) / 3600
    if lost:
        text += f"; attempts that failed took {lost:.2g} of {lineage.gpu_hours:.2g} GPU-hours"
    if lineage.unjudged:
        text += f", {len(lineage.unjudged)} unmeasured"
    return text
