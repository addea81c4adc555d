"""STORY reproduce(): a published number, its launch and its workload, measured again here: does it come out the same?

Everything comes from what was published: configuration, model with its hash, workload, levels, seed, client and
repeats. Other hardware or another engine version is said, and no verdict is drawn from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runner.anew import Anew, Notify, Target
from runner.campaign.load import from_resolved
from runner.circumstances import ENGINE, HARDWARE, HOST, circumstances, differences
from runner.domain.campaign import Campaign, Confirm, Goal, Objective
from runner.domain.failure import Outcome, Role, Verdict
from runner.domain.recorded import Baseline, Recorded
from runner.domain.trial import Attempt
from runner.errors import UsageError
from runner.published import Published
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from runner.stats.compare import Comparison, compare
from runner.stats.regression import mean_of

SURE = (Verdict.TIE, Verdict.BETTER)
LOAD = ("client", "client_version")
"""The workload is the published one, so that only who sends it can differ."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """`change`: mean now over mean published, less 1, also where no verdict can be drawn from it. `differs`: facts that
    are not the same here, the deciding ones first. `failed`: what it died of here."""

    campaign: Campaign
    source: str
    then: Recorded
    values: tuple[float, ...]
    attempts: tuple[Attempt, ...]
    result: Comparison | None
    differs: tuple[str, ...] = ()
    failed: str | None = None
    interrupted: bool = False

    @property
    def change(self) -> float | None:
        return mean_of(self.values) / mean_of(self.then.values) - 1 if self.values else None

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return 130
        if self.failed or self.result is None:
            return 1 if self.failed else 6
        if self.result.verdict in SURE:
            return 0
        return 1 if self.result.verdict is Verdict.WORSE else 6


def reproduce(
    published: Published,
    results: Path,
    project: Path,
    *,
    repeats: int = 3,
    model: str | None = None,
    stop: Callable[[], bool],
    notify: Notify,
) -> Reproduced:
    """`model` is the file to use where what was published names only a path of the machine it was measured on.

    Raises UsageError, NotReady, HashMismatch, AlreadyRunning, StoreError, NoSpace.
    """
    baseline, then = published.baseline, published.trial
    campaign = _campaign(baseline, then, model)
    session = Anew(campaign, Role.REPEAT, baseline.series, results, project, stop, notify)
    target = Target(then.configuration, then.number)
    values, attempts, failed = list[float](), list[Attempt](), None
    with session.session():
        for repeat in range(1, repeats + 1):
            if stop():
                break
            attempt = session.measure(target, repeat)
            attempts.append(attempt)
            judged = judge(attempt, rules_of(campaign))
            if attempt.outcome is Outcome.INTERRUPTED:
                break
            if judged.failure is not None or judged.objective_value is None:
                why = judged.failure or attempt.failure
                failed = f"{why.cause.value} at {why.phase.value}: {why.evidence}" if why else "it gave no value"
                break
            values.append(judged.objective_value)
        if stop():
            return Reproduced(campaign, published.source, then, tuple(values), tuple(attempts), None, interrupted=True)
        found = _found(campaign, published.source, then, tuple(values), tuple(attempts), failed)
        if found.result is not None:
            values_of = {"value_a": mean_of(values) if values else None, "value_b": mean_of(then.values)}
            session.seal(found.result, then.configuration, then.trial_id, purpose="reproduce", **values_of)
    return found


def _campaign(baseline: Baseline, then: Recorded, model: str | None) -> Campaign:
    """What the attempts are measured by: as published, with the client of the published number, without a guard."""
    campaign = from_resolved(dict(baseline.campaign))
    if model is not None:
        campaign = replace(campaign, model=replace(campaign.model, path=model))
    elif campaign.model.path is not None and campaign.model.path.startswith("<path>"):
        what = f"the model was a file of another machine: {campaign.model.path.removeprefix('<path>/')}"
        raise UsageError(what, hint="name it: --model PATH; its hash is checked where one was published")
    return replace(
        campaign,
        objective=Objective(baseline.metric, baseline.goal, baseline.at),
        workload=replace(campaign.workload, client=then.client),
        confirm=Confirm(),
        quality=None,
    )


def _found(
    campaign: Campaign,
    source: str,
    then: Recorded,
    values: tuple[float, ...],
    attempts: tuple[Attempt, ...],
    failed: str | None,
) -> Reproduced:
    here = circumstances(attempts[-1]) if attempts else {}
    deciding = differences(here, then.facts, (*HARDWARE, *LOAD, *ENGINE)) if values else []
    others = differences(here, then.facts, HOST) if values else []
    repeats = min(len(values), len(then.values))
    if failed or not values:
        reason = f"it fails here: {failed}" if failed else "nothing was measured"
        result = Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, reason)
    elif deciding:
        result = Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, deciding[0])
    elif len(then.values) < 2:
        off = 100 * abs(mean_of(values) / then.values[0] - 1)
        reason = f"it was published from one measurement, whose noise nobody knows; this is within {off:.1f} % of it"
        result = Comparison(Verdict.INCONCLUSIVE, None, None, None, repeats, reason)
    else:
        result = compare(values, then.values, campaign.objective.goal is Goal.MAXIMIZE)
    return Reproduced(campaign, source, then, values, attempts, result, (*deciding, *others), failed)
