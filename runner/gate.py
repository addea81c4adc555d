"""STORY gate(): find the baseline, measure its configurations afresh, and say whether they lost more than is allowed.

The baseline is past and stays as it was measured; only now is measured. What is gated is the campaign's best trial of
that time, and on request the default of its entry, under the flags that the campaign file has today. Another version
of the engine or the driver is what a gate is for; other hardware or another load can not be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner.alone import DISTURBED, Alone, disturbance
from runner.anew import Anew, Notify, Target
from runner.baselines import baseline_of
from runner.campaign.load import load
from runner.circumstances import ENGINE, HARDWARE, HOST, LOAD, circumstances, differences
from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import Cause, Outcome, Role, Verdict
from runner.domain.parameters import Point
from runner.domain.recorded import Baseline, Recorded
from runner.domain.trial import Attempt, Configuration
from runner.errors import UsageError
from runner.hardware.facts import host_facts
from runner.lineage import Lineage
from runner.loadgens import loadgens
from runner.order import workload_key
from runner.runtimes import configuration as configuration_of
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from runner.stats.compare import Comparison, compare
from runner.stats.regression import Decision, Regression, looks_of, mean_of, regression_of_quiet
from runner.store.history import history

SLOW = frozenset({Cause.SLO, Cause.HANG, Cause.ERROR_RATE})
"""Causes that a machine with too much to do brings about by itself: limits and deadlines missed."""


@dataclass
class Gated:
    """One configuration, now against then. `problem` is why nothing can be compared, `failed` what the engine died of
    now; else `regression` says it. `others`: for each value, what share of the CPU others took beside it. `changed`:
    what else is not as it was, flags included."""

    then: Recorded
    configuration: Configuration
    values: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    regression: Regression | None = None
    problem: str | None = None
    failed: str | None = None
    changed: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return ("the best" if self.then.is_best else "the default") + f", trial {self.then.number}"

    @property
    def decision(self) -> Decision:
        if self.failed:
            return Decision.FAIL
        return self.regression.decision if self.regression and not self.problem else Decision.INCONCLUSIVE

    @property
    def decided(self) -> bool:
        return bool(self.failed or self.problem) or self.decision is not Decision.INCONCLUSIVE

    @property
    def quiet(self) -> list[bool]:
        return [share <= DISTURBED for share in self.others]

    @property
    def counted(self) -> list[float]:
        """The values that the answer stands on."""
        whole = self.regression is None or not self.regression.left_out
        return self.values if whole else [v for v, alone in zip(self.values, self.quiet, strict=True) if alone]

    @property
    def disturbance(self) -> str | None:
        told = disturbance(self.others)
        return told and f"{told} of {self.name}"

    @property
    def change(self) -> float | None:
        """Mean now over mean then, less 1; also where the two can not be compared."""
        return mean_of(self.values) / mean_of(self.then.values) - 1 if self.values and self.then.values else None


@dataclass(frozen=True, slots=True)
class GateResult:
    campaign: Campaign
    baseline: Baseline
    source: str
    limit: float
    gated: tuple[Gated, ...]
    interrupted: bool
    seconds: float
    doubts: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        """One that fails fails the gate; one that is open leaves it open."""
        decisions = [one.decision for one in self.gated]
        for worst in (Decision.FAIL, Decision.INCONCLUSIVE):
            if worst in decisions:
                return worst
        return Decision.PASS

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return 130
        return {Decision.PASS: 0, Decision.FAIL: 1, Decision.INCONCLUSIVE: 6}[self.decision]


def gate(
    path: Path,
    baseline: str,
    results: Path,
    project: Path,
    *,
    limit: float = 0.05,
    repeats: int = 5,
    at_most: int = 10,
    defaults: bool = False,
    stop: Callable[[], bool],
    notify: Notify,
    clock: Callable[[], float],
) -> GateResult:
    """`baseline` is a run, a git tag, a baseline file or a published folder (runner.baselines). `clock` counts seconds.

    Raises CampaignError, UsageError, UnknownId, NotReady, AlreadyRunning, StoreError, NoSpace.
    """
    began = clock()
    campaign = load(path)
    then = baseline_of(baseline, campaign, results, project)
    gated = [_gated(campaign, one) for one in _wanted(then, defaults)]
    measured_by = _with_client(campaign, gated[0].then.client)
    known = _refuse_the_incomparable(measured_by, then, gated)
    doubts: list[str] = []
    if known:
        series, numbers = _places(campaign, then, gated, results)
        session = Anew(measured_by, Role.GATE, series, results, project, stop, notify)
        alone = Alone.begin(campaign.deploy.kind)
        doubts += alone.doubts
        with session.session():
            _measure(session, alone, known, numbers, looks_of(repeats, max(repeats, at_most)), limit)
            if not stop():
                for one in gated:
                    _seal(session, one, limit)
    doubts += [one.disturbance for one in gated if one.disturbance]
    warned = dict.fromkeys(text for one in gated for attempt in one.attempts for text in attempt.warnings)
    stopped = bool(known) and stop()
    return GateResult(campaign, then, baseline, limit, tuple(gated), stopped, clock() - began, (*doubts, *warned))


def _wanted(then: Baseline, defaults: bool) -> list[Recorded]:
    best = then.best
    if best is None:
        raise UsageError(f"no trial of the baseline succeeded: {then.name}", hint="name a run in which one did")
    default = then.default_of(best.configuration.entry) if defaults else None
    return [best, *([default] if default is not None and default != best else [])]


def _gated(campaign: Campaign, then: Recorded) -> Gated:
    """The same values under the flags of today."""
    was = then.configuration
    names = [entry.name for entry in campaign.entries]
    if was.entry not in names:
        what = f"{campaign.name} has no entry {was.entry!r}, which the baseline's best trial belongs to"
        raise UsageError(what, hint=f"entries: {', '.join(names)}; take a newer baseline")
    try:
        now = configuration_of(campaign.entry(was.entry), Point(was.entry, dict(was.values)))
    except ValueError as error:
        raise UsageError(f"trial {then.number} of the baseline can not be built by {campaign.name}: {error}") from None
    return Gated(then, now, changed=_flags(now, was))


def _flags(now: Configuration, was: Configuration) -> list[str]:
    mine, theirs = ({**one.flags, **{f"env {k}": v for k, v in one.env.items()}} for one in (now, was))
    changed = [name for name in dict.fromkeys([*theirs, *mine]) if mine.get(name) != theirs.get(name)]
    return [f"{name}: {mine.get(name, 'not set')} now, {theirs.get(name, 'not set')} then" for name in changed]


def _with_client(campaign: Campaign, client: str) -> Campaign:
    return replace(campaign, workload=replace(campaign.workload, client=client))


def _refuse_the_incomparable(campaign: Campaign, then: Baseline, gated: Sequence[Gated]) -> list[Gated]:
    """Those that are worth a measurement. What differs before anything is deployed is said without deploying."""
    host = host_facts()
    now = {
        "client": campaign.workload.client,
        "client_version": loadgens.get(campaign.workload.client).version(),
        "workload_key": workload_key(campaign),
        "cpu_model": host.cpu_model,
        "cpu_count": str(host.cpu_count),
    }
    for one in gated:
        found = differences(now, one.then.facts, (*LOAD, *(name for name in HARDWARE if name in now)))
        if found:
            one.problem = found[0]
        elif campaign.hardware.pinned != then.pinned:
            one.problem = f"pinned CPUs: {campaign.hardware.pinned or 'none'} now, {then.pinned or 'none'} then"
        elif len(one.then.values) < 2:
            one.problem = "the baseline was measured once, and its noise is not known: confirm: {repeats: 3} tells it"
        elif min(one.then.values) <= 0:
            one.problem = "a value of the baseline is not positive, so that no ratio can be said"
    return [one for one in gated if one.problem is None]


def _places(campaign: Campaign, then: Baseline, gated: Sequence[Gated], results: Path) -> tuple[int, dict[str, int]]:
    """The series that the attempts are sealed in, and by fingerprint the numbers of their trials."""
    attempts = history(results, campaign.search_key)
    mine = [attempt.series for attempt in attempts]
    series = then.series if campaign.search_key == then.search_key else max(mine, default=0)
    lineage = Lineage.of(campaign, series, [attempt for attempt in attempts if attempt.series == series])
    known = {configuration.fingerprint: number for number, configuration in lineage.known.items()}
    return series, {
        one.configuration.fingerprint: known.get(one.configuration.fingerprint, one.then.number) for one in gated
    }


def _measure(
    session: Anew, alone: Alone, gated: Sequence[Gated], numbers: dict[str, int], looks: Sequence[int], limit: float
) -> None:
    """Round by round, in turn, until all are decided or the last look is over."""
    for repeat in range(1, looks[-1] + 1):
        for one in gated:
            if session.stop():
                return
            if not one.decided:
                _once(session, alone, one, Target(one.configuration, numbers[one.configuration.fingerprint]), repeat)
        if repeat in looks:
            for one in gated:
                if not one.decided:
                    higher = session.campaign.objective.goal is Goal.MAXIMIZE
                    one.regression = regression_of_quiet(
                        one.values, one.quiet, one.then.values, higher, limit, looks=len(looks)
                    )
        if all(one.decided for one in gated):
            return


def _once(session: Anew, alone: Alone, one: Gated, target: Target, repeat: int) -> None:
    attempt = session.measure(target, repeat)
    one.attempts.append(attempt)
    if attempt.outcome is Outcome.INTERRUPTED or session.stop():
        return
    taken = alone.taken(attempt)
    if attempt.outcome is Outcome.INFRA:
        one.problem = f"the host kept it from measuring: {attempt.failure.evidence if attempt.failure else 'unknown'}"
        return
    judged = judge(attempt, rules_of(session.campaign))
    if judged.failure is not None:
        failure = judged.failure
        told = f"{failure.cause.value} at {failure.phase.value}: {failure.evidence}"
        if taken > DISTURBED and failure.cause in SLOW:
            one.problem = f"it failed while other programs took {100 * taken:.0f} % of the CPU: {told}"
        else:
            one.failed = told
        return
    if judged.objective_value is None or judged.objective_value <= 0:
        one.problem = "it gave no value that a ratio can be made of"
        return
    facts = circumstances(attempt)
    if other := differences(facts, one.then.facts, HARDWARE):
        one.problem = other[0]
    one.changed += [d for d in differences(facts, one.then.facts, (*ENGINE, *HOST)) if d not in one.changed]
    one.values.append(judged.objective_value)
    one.others.append(taken)


def _seal(session: Anew, one: Gated, limit: float) -> None:
    if not one.attempts:
        return
    repeats, word = min(len(one.counted), len(one.then.values)), f"gate {one.decision.value}, {100 * limit:g} % allowed"
    if one.regression is None or one.failed or one.problem:
        reason = f"{word}: {one.failed or one.problem or 'not decided'}"
        session.seal(
            Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, reason),
            one.configuration, one.then.trial_id, purpose="gate",
        )  # fmt: skip
        return
    found = one.regression
    higher = session.campaign.objective.goal is Goal.MAXIMIZE
    plain = compare(one.counted, one.then.values, higher, confidence=found.confidence)
    beside = f"; {one.disturbance}" if one.disturbance else ""
    session.seal(
        replace(plain, reason=f"{word}; {plain.reason}{beside}"),
        one.configuration,
        one.then.trial_id,
        purpose="gate",
        confidence=found.confidence,
        more_repeats=found.more_repeats,
        value_a=mean_of(one.counted),
        value_b=mean_of(one.then.values),
    )
