"""STORY run_trial(): lease, place, launch, wait, measure, ask, seal. Any end of an attempt is a value.

Called by an executor, on the host where the engine runs, with plain JSON; gives plain JSON back. The sealed record is
the result; what is returned only saves the caller from reading it again.
"""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.advise import advised
from runner.ask import ANSWERS, ask, facts_of, prompt_set, write_answers
from runner.attempt_hardware import NOTHING, Held, gpu_file, gpu_seconds, hardware_of
from runner.deployers import Deployer, Engine, PlaceRequest, deployers
from runner.deployers._readiness import wait_ready
from runner.domain.answers import Answers
from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import INFRA_CAUSES, Cause, Failure, Outcome, Phase, out_of_memory
from runner.domain.trial import (
    Attempt,
    Exit,
    LevelResult,
    PhaseTime,
)
from runner.errors import LeftBehind, NoSpace, StoreError, TunebookError, Unwritable
from runner.measure import Measured, measure
from runner.order import Order, campaign_of, first_facts, place_request, requests_of, running_facts
from runner.running_file import Progress, remove_running, scratch_folder, write_running
from runner.runtimes import Runtime, runtimes
from runner.scoring.ascent import Ascent, after_level
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from runner.store.record import seal_attempt
from runner.util.clock import utc_now
from runner.util.codec import from_plain, to_plain
from runner.util.files import disk_errors, no_space
from runner.util.logs import both_ends, redact_cut
from runner.util.redact import redact

Notify = Callable[[dict[str, Any]], None]
Stop = Callable[[], bool]
LEAST_FREE = 64 * 1024
"""Bytes. With less, a failure may well be the disk's: even a short log needs more."""


def run_order(payload: dict[str, Any], stop: Stop, notify: Notify) -> dict[str, Any]:
    """The function that executors call by name: JSON in, JSON out."""
    attempt: dict[str, Any] = to_plain(run_trial(from_plain(Order, payload), stop, notify))
    return attempt


def run_trial(order: Order, stop: Stop, notify: Notify) -> Attempt:
    """Make one attempt and seal it, whatever happens. Raises for our own bugs and for a disk that takes no record."""
    trial = _Trial.of(order, stop, notify)
    trial.register()
    try:
        with disk_errors(trial.scratch), trial.leased() as held, trial.started(held) as engine:
            if engine is not None:
                if trial.becomes_ready(engine) and trial.is_measured(engine) and trial.has_answered(engine):
                    trial.reached(Phase.DONE)
                trial.note_exit(engine)
    except (NoSpace, Unwritable, StoreError):
        raise  # no record can be sealed: the run ends, and says why
    except LeftBehind as error:
        trial.leave(error)
    except TunebookError as error:  # it was ready when the run began: the machine changed under us
        trial.fail(Failure(trial.phase, Cause.INFRA, redact(error.what)))
    except Exception as error:  # noqa: BLE001 - the boundary of a trial: our bug is recorded, and the run goes on
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        trial.fail(Failure(trial.phase, Cause.INFRA, redact(told)[:500], rule="bug"))
    trial.refuse_to_judge_a_full_disk()
    return trial.seal()


@dataclass
class _Trial:
    """The attempt while it runs. One object, one thread; nothing here outlives `seal()`."""

    order: Order
    campaign: Campaign
    entry: Entry
    runtime: Runtime
    deployer: Deployer
    stop: Stop
    notify: Notify
    scratch: Path
    attempt: Attempt
    clock: float
    phase_clock: float
    progress: Progress
    phase: Phase = Phase.PRECHECK
    phase_utc: str = field(default_factory=utc_now)
    phases: list[PhaseTime] = field(default_factory=list)
    held: Held = NOTHING
    request: PlaceRequest | None = None
    exit: Exit | None = None
    starved: bool = False
    failure: Failure | None = None
    left: bool = False  # something that carries the attempt's label may still be there
    measured: Measured | None = None
    warnings: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, order: Order, stop: Stop, notify: Notify) -> _Trial:
        campaign = campaign_of(order)
        entry = campaign.entry(order.configuration.entry)
        now = time.monotonic()
        scratch = scratch_folder(Path(order.results), order.attempt_id)
        return cls(
            order=order,
            campaign=campaign,
            entry=entry,
            runtime=runtimes.get(entry.runtime),
            deployer=deployers.get(campaign.deploy.kind),
            stop=stop,
            notify=notify,
            scratch=scratch,
            attempt=first_facts(order, campaign),
            clock=now,
            phase_clock=now,
            progress=Progress(scratch),
        )

    @property
    def engine_log(self) -> Path:
        return self.scratch / "engine.log"

    @property
    def client_log(self) -> Path:
        return self.scratch / "client.log"

    def register(self) -> None:
        """Before the first side effect: whoever finds us dead knows what to end and what to seal."""
        self._write_running()
        self.scratch.mkdir(parents=True, exist_ok=True)

    def _write_running(self) -> None:
        facts = running_facts(self.order, self.campaign, self.attempt, self.phase, self.phase_utc)
        write_running(Path(self.order.results), self.order.attempt_id, facts)

    def leased(self) -> AbstractContextManager[Held]:
        """GPUs and CPUs that the campaign asks for. They are given back after the engine is gone, on every path."""
        return hardware_of(self.campaign, self.deployer, self.order.attempt_id, self.stop, self.reached, self._waits)

    def _waits(self, reason: str) -> None:
        self._event("waiting", {"reason": reason})

    def started(self, held: Held) -> AbstractContextManager[Engine | None]:
        """Place and start. The engine is a context manager that ends everything it started; without one, `failure`
        says why."""
        self.held = held
        self.request = replace(
            place_request(self.order, self.campaign, self.scratch, held.gpus),
            should_stop=self.stop,
            on_phase=self.reached,
            on_progress=lambda text: self._event("waiting", {"reason": text}),
        )
        placement = self.deployer.place(self.request, self.campaign.deploy)
        if isinstance(placement, Failure):
            self.fail(placement)
            return nullcontext()
        placement = replace(placement, cpus=held.cpus.engine, client_cpus=held.cpus.client)
        self.reached(Phase.START)
        launch = self.runtime.launch(self.order.configuration, self.entry, placement)
        self.attempt = replace(self.attempt, placement=placement, launch=launch)
        self._write_running()
        engine = self.deployer.start(launch, placement, self.request)
        if isinstance(engine, Failure):
            self.fail(engine)
            return nullcontext()
        return engine

    def becomes_ready(self, engine: Engine) -> bool:
        """Load, health, one completion. False with `failure` set when it did not, or when we were asked to stop."""
        assert self.attempt.launch is not None
        ready = wait_ready(
            engine,
            self.attempt.launch,
            engine.endpoint,
            self.engine_log,
            self.campaign.timeouts,
            self.stop,
            self.reached,
            self.campaign.workload.task,
        )
        if ready.failure is not None:
            self.fail(ready.failure)
            return False
        facts = self.runtime.facts(engine.endpoint.base_url, both_ends(self.engine_log))
        assert self.attempt.placement is not None
        self.attempt = replace(self.attempt, engine=facts, placement=engine.landed(self.attempt.placement))
        return True

    def is_measured(self, engine: Engine) -> bool:
        """Every level, lightest first, up to the first one that decides."""
        assert self.attempt.launch is not None
        if not self.campaign.workload.most_levels:
            return True  # only its answers are wanted
        self.reached(Phase.MEASURE)
        rules = rules_of(self.campaign)
        self.measured = measure(
            self.campaign,
            replace(engine.endpoint, ignore_eos=self.attempt.launch.ignore_eos),
            engine,
            self.scratch,
            self.client_log,
            self.campaign.search.seed,
            read_counters=lambda: self.runtime.counters(engine.endpoint.base_url),
            should_stop=self.stop,
            on_event=self._event,
            judge_level=lambda level: after_level(level, rules) is Ascent.GO_ON,
            gpus=self.held.gpus,
            cpus=self.held.cpus.client,
            requests=requests_of(self.campaign, Path(self.order.project)),
        )
        if self.measured.failure is not None:
            self.fail(self.measured.failure)
            return False
        return True

    def has_answered(self, engine: Engine) -> bool:
        """The prompts of the quality guard, where the campaign has one. Wrong answers are no failure here: the rules
        judge them."""
        guard = self.campaign.quality
        if guard is None:
            return True
        self.reached(Phase.SLO)
        cpus = self.held.cpus.client
        asked = ask(self.campaign, engine.endpoint, engine, self.scratch, self.client_log, self.stop, cpus)
        answers = Answers(self.order.attempt_id, self.entry.name, prompt_set().id, asked.answers)
        mine = self.entry.name == guard.reference and self.order.configuration.is_default
        facts = facts_of(answers, guard.reference, self.order.reference, is_reference=mine)
        self.attempt = replace(self.attempt, quality=facts)
        self.files[ANSWERS] = write_answers(answers, self.scratch)
        if facts.reference_attempt is None:
            self.warnings.append(f"quality: nothing to compare with: the default of {guard.reference} has not answered")
        if asked.failure is not None:
            self.fail(asked.failure)
        return asked.failure is None

    def _event(self, name: str, data: dict[str, Any]) -> None:
        self.progress.hear(name, data)
        self.notify({"event": name, "number": self.order.number, **data})

    def reached(self, phase: Phase) -> None:
        """The attempt enters `phase`: close the time of the one before."""
        if phase is self.phase:
            return
        now = time.monotonic()
        self.phases.append(PhaseTime(self.phase, round(now - self.phase_clock, 6)))
        self.phase, self.phase_clock, self.phase_utc = phase, now, utc_now()
        if phase is not Phase.DONE:
            with suppress(NoSpace, Unwritable, OSError):  # a disk that is full for a moment costs no measurement
                self._write_running()
        self.notify({"event": "phase", "number": self.order.number, "phase": phase.value})

    def leave(self, error: LeftBehind) -> None:
        """What could not be ended stays written down, for `reap`. It takes nothing from what was measured before."""
        self.left = True
        if self.phase is Phase.DONE or self.failure is not None:
            self.warnings.append(redact(error.what))
        else:
            self.fail(Failure(self.phase, Cause.INFRA, redact(error.what)))

    def fail(self, failure: Failure) -> None:
        self.failure = failure

    def note_exit(self, engine: Engine) -> None:
        self.exit = engine.poll()
        self.starved = self.failure is not None and engine.starved()

    def diagnosed(self) -> Failure | None:
        """What we saw from outside, made precise by what the engine's log says. A stop that was asked for is one."""
        seen = self.failure
        if seen is None or seen.cause is Cause.INTERRUPTED or self.stop():
            return seen if seen is None else Failure(seen.phase, Cause.INTERRUPTED, "stopped on request")
        if seen.cause in INFRA_CAUSES:
            return seen  # the host's fault, whatever the log says besides
        found = self.runtime.diagnose(both_ends(self.engine_log), self.exit, self.entry)
        counted = (Cause.ERROR_RATE, Cause.SHORT_OUTPUT)
        if found is None or (seen.cause in counted and self.exit is None and not found.fatal):
            # The engine still runs and answers: what the client counted says more than a line of the log.
            return seen
        died_with = self.exit or Exit(seen.exit_code, seen.signal)
        return Failure(
            phase=found.phase if found.phase and seen.phase in (Phase.START, Phase.LOAD) else seen.phase,
            cause=Cause(found.cause),
            evidence=redact(found.evidence)[:500],
            rule=found.rule,
            hung=seen.hung,
            exit_code=died_with.code,
            signal=died_with.signal,
            limit=seen.limit,
        )

    def refuse_to_judge_a_full_disk(self) -> None:
        """An engine or a client that could not write says nothing about the configuration. Raises NoSpace: the next
        run finds the running file and seals the attempt as interrupted."""
        if self.failure is not None and shutil.disk_usage(self.scratch).free < LEAST_FREE:
            raise no_space(self.scratch)

    def seal(self) -> Attempt:
        """Turn what was seen into facts and seal them, the commit point; then nothing is left outside."""
        failure = self.diagnosed()
        if failure is not None and self.starved:
            failure = out_of_memory(failure)
        last = self.phase if failure is None else failure.phase
        self.phases.append(PhaseTime(self.phase, round(time.monotonic() - self.phase_clock, 6)))
        seconds = round(time.monotonic() - self.clock, 6)
        levels: tuple[LevelResult, ...] = self.measured.levels if self.measured else ()
        self.attempt = replace(
            self.attempt,
            outcome=_outcome(failure),
            failure=failure,
            phase=last,
            phases=tuple(time for time in self.phases if time.phase is not Phase.DONE),
            levels=levels,
            ended_utc=utc_now(),
            seconds=seconds,
            gpu_seconds=gpu_seconds(self.campaign, self.phases),
            warnings=(*(self.measured.warnings if self.measured else ()), *self.warnings),
        )
        self.attempt = advised(self.attempt, self.campaign, self.runtime, both_ends(self.engine_log))
        results = Path(self.order.results)
        for log in (self.engine_log, self.client_log):
            if log.exists():
                redact_cut(log)
        rows = self.measured.rows if self.measured else None
        files = gpu_file(self.measured.samples if self.measured else (), self.clock, self.scratch)
        seal_attempt(results, self.attempt, rows, self.engine_log, self.client_log, {**files, **self.files})
        if not self.left:
            shutil.rmtree(self.scratch, ignore_errors=True)
            remove_running(results, self.order.attempt_id)  # last: as long as it stands, `reap` finds what is left
        judgement = judge(self.attempt, rules_of(self.campaign))
        self.notify(
            {
                "event": "attempt_ended",
                "number": self.order.number,
                "outcome": self.attempt.outcome.value,
                "score": judgement.value,
            }
        )
        return self.attempt


def _outcome(failure: Failure | None) -> Outcome:
    if failure is None:
        return Outcome.MEASURED
    if failure.cause is Cause.INTERRUPTED:
        return Outcome.INTERRUPTED
    return Outcome.INFRA if failure.cause in INFRA_CAUSES else Outcome.FAILED
