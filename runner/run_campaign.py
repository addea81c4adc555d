"""STORY run_campaign(): ask, submit the attempt, tell, until the budget ends; then confirm; then say what was found.

The history is the sealed records. Nothing is kept in memory that a killed run would miss: the next run reads the
same records and, with one slot, proposes exactly what this one would have proposed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner import run_events
from runner.audits import audits_due
from runner.campaign.load import load
from runner.confirm import SEALED
from runner.decide import MOST_HOST_FAULTS, Over, Step, next_step
from runner.domain.failure import EndReason, Role, TrialStatus
from runner.domain.records import RecordKind
from runner.events import emit
from runner.lineage import Lineage
from runner.lineage_lock import owned_lineage
from runner.preflight import convert_models, fetch_requests, refuse_unless_ready
from runner.reap import reap, sweep
from runner.run_state import RunResult
from runner.run_steps import RunSteps
from runner.scoring.judge import judge
from runner.store.record import seal


def run_campaign(
    path: Path,
    results: Path,
    project: Path,
    *,
    again: bool = False,
    max_trials: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
    slots: int = 1,
    executor: str = "local",
    address: str | None = None,
) -> RunResult:
    """Run one campaign file to its end, or on from where its records stop.

    `again` starts the next series of a finished lineage; `retry_failed` first tries each failed trial once more;
    `max_trials` caps the new trials of this run; `stop` is polled and ends the run cleanly, its attempts too; when
    `enough` turns true no further attempt starts; the search has at most `slots` attempts running at a time, as many as
    the machine has GPUs for, or the machines that `executor` reaches at `address`. Raises CampaignError, NotReady
    (Unwritable too), UsageError, NetworkError, AlreadyRunning, StoreError, NoSpace.
    """
    campaign, where = load(path), (slots, executor, address)
    results.mkdir(parents=True, exist_ok=True)
    with owned_lineage(results, campaign.search_key, campaign.name):
        reap(results, away=executor == "local")
        sweep([campaign.deploy.kind])
        run = Run.open(campaign, path, results, project, again, max_trials, stop, enough, retry_failed, *where)
        if run.nothing_to_do():
            run.store(last=True)
            run.say_if_all_failed(run.over, run.facts.starts[-1].run_id)
            return run.result(run.over)
        if fetch_requests(campaign, run.say, stop):
            campaign = load(path)  # how long its requests are, is known now
            run = Run.open(campaign, path, results, project, again, max_trials, stop, enough, retry_failed, *where)
        if not run.executor.away:
            refuse_unless_ready(campaign, project)
            run.fit_slots()
            convert_models(campaign, project, run.say, stop)
        with run.executor_open():
            run.start()
            reason = run.retry() or run.search()
            if run.may_confirm(reason):
                reason = run.confirm() or reason
        run.compare()
        run.end(reason)
        return run.result(reason)


@dataclass
class Run(RunSteps):
    """One run; every step of the story is one of its methods."""

    def search(self) -> EndReason:
        """Trial after trial, as many at a time as there are slots, until a budget, the space or somebody's patience
        ends."""
        while not self.stop():
            if len(self.flying) >= self.flights.slots:
                self.land()
                continue
            lineage = self.lineage
            step = next_step(self.campaign, lineage, self.so_far(self.pending_trials))
            self.reject(step.refused)
            if not isinstance(step, Over) or step.reason is EndReason.CONVERGED:
                self.audit(lineage)
            if isinstance(step, Over) and not self.flying:
                self.cut_short, self.message = step.cut_short, step.message
                return step.reason
            if not isinstance(step, Step):
                self.land()  # what comes of it may change the answer
                continue
            if self.stop() or self.time_is_up():
                break
            self.take_off(step, lineage)
        while self.flying:
            self.land()
        return EndReason.INTERRUPTED

    def audit(self, lineage: Lineage) -> None:
        """Deploy about one refused configuration in twenty all the same; nobody is told what comes of it."""
        for configuration in audits_due(self.campaign, lineage, self.facts.rejections):
            if self.stop() or self.time_is_up():
                return
            self.deploy(len(lineage.known), configuration, Role.AUDIT)

    def retry(self) -> EndReason | None:
        """Each failed trial once more, as `--retry-failed` asks. INTERRUPTED when it was cut short."""
        for trial in self.lineage.worth_a_retry if self.retry_failed else ():
            if self.stop() or self.time_is_up():
                return EndReason.INTERRUPTED
            self.deploy(trial.number, trial.configuration, Role.RETRY)
        return None

    def take_off(self, step: Step, lineage: Lineage) -> None:
        role = Role.BASELINE if step.configuration.is_default else Role.SEARCH
        self.new_trials += step.number not in lineage.known
        self.flying[step.number] = self.begin(step.number, step.configuration, role)

    def land(self) -> None:
        """The next attempt of the search that ends, unless room comes first; the host's faults are counted."""
        flight = self.flights.first_of(self.flying.values(), self.stop)
        if flight is None:
            return
        number = flight.order.number
        attempt = self.end_of(self.flying.pop(number))
        if judge(attempt, flight.lineage.rules).status is TrialStatus.UNMEASURED and not self.stop():
            faults = self.host_faults[number] = self.host_faults.get(number, 0) + 1
            if faults < MOST_HOST_FAULTS and attempt.failure:
                emit("retry", self.run_id, number=number, cause=attempt.failure.cause.value)

    def confirm(self) -> EndReason | None:
        """Measure the finalists and each entry's default again, interleaved, until their order is decided.
        INTERRUPTED when it was cut short."""
        lost: set[tuple[str, int]] = set()  # met nothing but host faults: the next run tries them again
        while left := [one for one in self.confirm_left(self.lineage) if (one[0].trial_id, one[1]) not in lost]:
            emit("confirm_started", self.run_id, **run_events.confirm_started(self.campaign, left))
            for target, repeat in left:
                for _ in range(MOST_HOST_FAULTS):
                    if self.stop() or self.time_is_up():
                        return EndReason.INTERRUPTED
                    attempt = self.deploy(target.number, target.configuration, Role.CONFIRM, repeat)
                    if attempt.outcome in SEALED:
                        break
                else:
                    lost.add((target.trial_id, repeat))
        return EndReason.INTERRUPTED if self.stop() else None

    def compare(self) -> None:
        """Seal what the confirm attempts say, unless exactly that is sealed already."""
        lineage = self.lineage
        for fact in self.verdicts_left(lineage):
            seal(self.results, RecordKind.COMPARISON, fact.comparison_id, fact)
            emit("comparison", self.run_id, **run_events.comparison(fact, lineage))
