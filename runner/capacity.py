"""`tunebook run --only best`: the highest load that the winner of a finished search holds, in one attempt of its own.

Whatever loads the campaign lists, the attempt searches for one (`runner.scoring.capacity`) under the campaign's SLOs.
It has the role `capacity`: it is told to no sampler and stands in no score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.load import load
from runner.confirm import best_trial
from runner.domain.campaign import ATTAINMENT, Campaign
from runner.domain.failure import EndReason, Outcome, Role
from runner.domain.load import LoadKind, LoadSearch
from runner.domain.metrics import VALUE
from runner.domain.trial import Attempt
from runner.errors import UsageError
from runner.events import emit
from runner.lineage_lock import owned_lineage
from runner.order import workload_key
from runner.preflight import convert_models, refuse_unless_ready
from runner.reap import reap, sweep
from runner.run_campaign import Run
from runner.run_state import RunResult
from runner.scoring.aggregate import limits_of

ROOM = 4
"""The range ends at so many times the heaviest load that the campaign lists."""
TRIES = 2
"""Attempts at most, where a fault of the machine ended one."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """`result` is the campaign's own, as any run has it; `attempt` the one that says what the winner holds, None when
    there was no time for one."""

    result: RunResult
    number: int
    attempt: Attempt | None
    fresh: bool

    @property
    def exit_code(self) -> int:
        """1: there is an answer, and it is no."""
        if self.result.end_reason is EndReason.INTERRUPTED:
            return self.result.exit_code
        if self.attempt is None or self.attempt.outcome is Outcome.INFRA:
            return 4
        return 0 if any(level.metric("capacity_low", VALUE) for level in self.attempt.levels) else 1


def searching(campaign: Campaign) -> Campaign:
    """The campaign with a load that is searched: its own range, or one around the loads that it lists. Raises
    UsageError where there is nothing to search by."""
    workload = campaign.workload
    if not campaign.slos:
        raise UsageError(
            f"--only best: {campaign.name} has no slo, and capacity is the highest load that meets them",
            hint="add slo:, for instance ttft_p99: {max: 500ms}; SLOs are outside of the lineage: its trials stay",
        )
    if workload.load_kind not in (LoadKind.CONCURRENCY, LoadKind.RATE):
        raise UsageError(
            f"--only best: the load of {campaign.name} is {workload.load_kind.value}, and what can be searched is "
            "concurrency or rate"
        )
    search = workload.load_search or LoadSearch(min(workload.loads), ROOM * max(workload.loads))
    objective = campaign.objective
    share = objective.attainment if objective.attainment is not None else ATTAINMENT
    return replace(
        campaign,
        workload=replace(workload, loads=(search.low, search.high), load_search=search),
        objective=replace(objective, at="goodput", attainment=share),
        quality=None,
    )


def run_capacity(
    path: Path,
    results: Path,
    project: Path,
    *,
    again: bool = False,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
    executor: str = "local",
    address: str | None = None,
) -> Capacity:
    """Measure the winner's capacity, or say what is known of it: `again` measures it anew. It runs on this machine, or
    on one of those that `executor` reaches at `address`.

    Raises UsageError where the search is not finished or found nothing, and what `run_campaign` raises.
    """
    campaign = load(path)
    wanted = searching(campaign)
    results.mkdir(parents=True, exist_ok=True)
    with owned_lineage(results, campaign.search_key, campaign.name):
        reap(results, away=executor == "local")
        sweep([campaign.deploy.kind])
        run = Run.open(campaign, path, results, project, False, None, stop, enough, executor=executor, address=address)
        if not run.series_is_over():
            hint = f"`tunebook run {path}` finishes it"
            raise UsageError(f"--only best: the search of {campaign.name} is not finished: who won?", hint=hint)
        lineage = run.lineage
        best = best_trial(campaign, lineage.trials, lineage.attempts)
        if best is None:
            raise UsageError(f"--only best: no trial of {campaign.name} succeeded: there is no winner to measure")
        known = known_capacity(lineage.attempts, best.trial_id, wanted)
        if known is not None and not again:
            run.store(last=True)
            return Capacity(run.result(run.over), best.number, known, fresh=False)
        if not run.executor.away:
            refuse_unless_ready(campaign, project)
            convert_models(campaign, project, run.say, stop)
        attempt: Attempt | None = None
        reason = run.over
        with run.executor_open():
            run.start()
            emit("notice", run.run_id, message=f"{campaign.name}: the capacity of trial {best.number} is looked for")
            for _ in range(TRIES):
                if run.stop() or run.time_is_up():
                    reason = EndReason.INTERRUPTED
                    break
                attempt = run.deploy(best.number, best.configuration, Role.CAPACITY, campaign=wanted)
                if attempt.outcome is not Outcome.INFRA:
                    break
        if run.stop():
            reason = EndReason.INTERRUPTED
        run.end(reason)
        return Capacity(run.result(reason), best.number, attempt, fresh=True)


def known_capacity(attempts: tuple[Attempt, ...], trial_id: str, wanted: Campaign) -> Attempt | None:
    """The newest attempt that asked this question of the trial: the same workload and limits, and as much
    attainment."""
    key, limits = workload_key(wanted), limits_of(wanted.slos)
    mine = [
        one
        for one in attempts
        if one.role is Role.CAPACITY
        and one.trial_id == trial_id
        and one.workload_key == key
        and one.outcome in (Outcome.MEASURED, Outcome.FAILED)
    ]
    for one in sorted(mine, key=lambda one: one.started_utc, reverse=True):
        asked = {level.attained.limits for level in one.levels if level.attained}
        targets = {level.metric("attainment_target", VALUE) for level in one.levels} - {None}
        if asked <= {limits} and targets <= {wanted.objective.attainment}:
            return one
    return None
