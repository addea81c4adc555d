"""What a real run would have sealed: a small campaign with successes, failures, faults and confirmations."""

from __future__ import annotations

import atexit
import math
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from runner.domain.campaign import (
    Campaign,
    Goal,
    Objective,
    Search,
)
from runner.domain.failure import (
    Cause,
    Failure,
    Outcome,
    Phase,
    Role,
)
from runner.domain.parameters import Scalar
from runner.domain.prior import WarmStart
from runner.domain.records import (
    RecordKind,
    RulesFact,
    RunStart,
)
from runner.domain.trial import (
    Attempt,
)
from runner.fixtures.compared import compared_by_confirmation
from runner.fixtures.facts import (
    an_id,
    attempt,
    campaign,
    configuration,
    failure,
    gpu_campaign,
    rules,
    run_end,
    run_start,
    utc,
)
from runner.fixtures.sealing import seal_one
from runner.fixtures.verdicts import quality, rejection
from runner.store._live import live_path
from runner.store.ingest import create_if_missing, ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.telemetry import samples


@dataclass
class Made:
    """What `write_store` sealed. `trials`: number -> trial_id; `attempts` in the order they ran."""

    results: Path
    campaign: Campaign
    run: RunStart
    rules: RulesFact
    attempts: list[Attempt] = field(default_factory=list)
    trials: dict[int, str] = field(default_factory=dict)

    def of(self, number: int, role: Role | None = None) -> Attempt:
        """The first attempt of a trial (with that role)."""
        return next(a for a in self.attempts if a.number == number and role in (None, a.role))


def warm_start() -> WarmStart:
    """Trial 2 was the best of an earlier campaign."""
    chosen = configuration("f16", {"threads": 2, "batch-size": 128, "flash-attn": True})
    return WarmStart("f16", chosen.values, chosen.fingerprint, "llama3-chat", 14, an_id(9), "output_throughput", 0.38)


def believable(of: Campaign) -> list[Attempt]:
    """The attempts of a small campaign: 12 trials, 5 of them failed in five phases, one after an infrastructure
    fault; then the two best and both defaults three times, interleaved."""
    f, t = True, {1: 38.0, 2: 71.0, 4: 96.0}
    oom: dict[str, Scalar] = {"threads": 4, "batch-size": 500, "flash-attn": f, "ctx-size": 4_000_000}
    plan: list[tuple[int, str, dict[str, Scalar], Failure | None]] = [
        (0, "f16", {}, None),
        (1, "q8", {}, None),
        (2, "f16", {"threads": 2, "batch-size": 128, "flash-attn": f}, None),
        (3, "q8", {"threads": 4, "batch-size": 256, "flash-attn": False}, failure(Phase.START, Cause.BAD_FLAG)),
        (4, "f16", {"threads": 4, "batch-size": 256, "flash-attn": f}, None),
        (5, "f16", oom, failure(Phase.LOAD, Cause.OOM_LOAD, exit_code=None, signal="SIGKILL")),
        (6, "q8", {"threads": 4, "batch-size": 400, "flash-attn": f}, None),
        (7, "f16", {"threads": 4, "batch-size": 64, "flash-attn": f},
         failure(Phase.MEASURE, Cause.CRASH, exit_code=None, signal="SIGABRT")),
        (8, "f16", {"threads": 1, "batch-size": 64, "flash-attn": False}, None),
        (9, "q8", {"threads": 1, "batch-size": 480, "flash-attn": f},
         failure(Phase.READY, Cause.HANG, rule=None, hung=True, exit_code=None, signal="SIGTERM")),
        (10, "q8", {"threads": 2, "batch-size": 300, "flash-attn": f}, None),
        (11, "f16", {"threads": 4, "batch-size": 320, "flash-attn": f}, None),
    ]  # fmt: skip
    noise = random.Random(7)
    made: list[Attempt] = []
    speed: dict[int, float] = {}
    for number, entry, values, ended in plan:
        if number == 6:  # the port was taken: told to nobody, tried again
            port = failure(Phase.START, Cause.PORT)
            made.append(attempt(of, 6, entry=entry, values=values, failed=port, n=len(made)))
        base = t[int(values.get("threads", 2))] * (0.93 if entry == "q8" else 1.0)
        base *= 1 + 0.02 * math.log2(float(values.get("batch-size", 128)) / 128) - (0.06 if not values else 0.0)
        speed[number] = base * noise.uniform(0.985, 1.015)
        slow = number == 8  # misses the hard SLO at 4 users
        role = Role.RETRY if number == 6 else (Role.SEARCH if values else Role.BASELINE)
        made.append(
            attempt(of, number, entry=entry, values=values, throughput=speed[number], failed=ended, n=len(made),
                    ttft=0.5 if slow else 3.6 / speed[number], role=role)
        )  # fmt: skip
    first = {a.number: a for a in made if a.outcome is Outcome.MEASURED}
    for repeat in (1, 2, 3):
        for number in (11, 4, 0, 1):
            chosen = first[number].configuration
            value = speed[number] * noise.uniform(0.98, 1.01)
            made.append(
                attempt(of, number, configuration=chosen, throughput=value, ttft=3.6 / value, n=len(made),
                        role=Role.CONFIRM, repeat=repeat)
            )  # fmt: skip
    return made


@cache
def empty_store() -> Path:
    """A store with nothing in it, made once in a process: making one takes half a second, and hundreds of tests begin
    with one."""
    folder = Path(tempfile.mkdtemp(prefix="tunebook-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    create_if_missing(folder)
    return live_path(folder)


def write_store(
    results: Path,
    *,
    of: Campaign | None = None,
    attempts: Sequence[Attempt] | None = None,
    ended: bool = True,
    ingested: bool = True,
) -> Made:
    """Seal the believable campaign (or `attempts`), ingest it and publish the snapshot."""
    of = of or campaign()
    made = Made(results, of, run_start(of, warm_start=(warm_start(),)), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in believable(of) if attempts is None else attempts:
        seal_one(results, one)
        made.attempts.append(one)
        made.trials[one.number] = one.trial_id
    if attempts is None:
        for n, threads in enumerate((1, 4)):
            chosen = configuration("q8", {"threads": threads, "batch-size": 512, "flash-attn": False})
            fact = rejection(of, n, fingerprint=chosen.fingerprint, params=chosen.values)
            seal(results, RecordKind.REJECTION, fact.rejection_id, fact)
        for n, compared in enumerate(compared_by_confirmation(made.attempts, made.run.campaign_id)):
            seal(results, RecordKind.COMPARISON, an_id(6000 + n), replace(compared, comparison_id=an_id(6000 + n)))
    if ended:
        good = sum(a.outcome is Outcome.MEASURED and a.role is not Role.CONFIRM for a in made.attempts)
        end = run_end(made.run, trials=len(made.trials), succeeded=good, failed=len(made.trials) - good)
        seal(results, RecordKind.RUN_END, end.run_id, end)
    if ingested:
        if not live_path(results).exists():
            shutil.copy(empty_store(), live_path(results))
        done = ingest(results)
        assert done.pending == 0, done.warnings
        snapshot(results)
    return made


def write_gpus(results: Path) -> Made:
    """Two objectives, a GPU that somebody else used for a while, and answers that were compared."""
    of = replace(gpu_campaign(), also=(Objective("ttft_p99", Goal.MINIMIZE, "worst"),))
    attempts = [
        attempt(of, 0, n=800, run_id=an_id(4), quality=quality(an_id(900), None)),
        attempt(of, 1, n=801, run_id=an_id(4), values={"threads": 4}, throughput=80.0, ttft=0.06,
                quality=quality(an_id(900)),
                warnings=("D(100,20) at concurrency 4: GPU-00000000 was also used by process 4711",
                          "D(100,20) at concurrency 4: measured once more for that")),
    ]  # fmt: skip
    made = Made(results, of, run_start(of, run_id=an_id(4), started_utc=utc(8000), host=attempts[0].host), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in attempts:
        seal_one(results, one, samples=samples(one))
    end = run_end(made.run, ended_utc=utc(8100), seconds=100.0, trials=2, succeeded=2)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made


def write_audits(results: Path) -> Made:
    """A campaign whose pre-check refused four configurations. Two were deployed all the same: one ran out of memory, as
    foreseen, and one served. A third trial ran out of memory, which no rule had foreseen."""
    of = campaign(name="smollm-tight", path="campaigns/smollm-tight.yaml", search=Search(trials=3))
    searched = [
        attempt(of, 0, n=850, run_id=an_id(5)),
        attempt(of, 1, n=851, run_id=an_id(5), values={"threads": 4}, throughput=70.0),
        attempt(of, 2, n=852, run_id=an_id(5), values={"threads": 2}, failed=failure()),
    ]
    refused = [configuration(values={"ctx-size": 2_000_000 + n}) for n in range(4)]
    audits = [
        attempt(of, 3, n=853, run_id=an_id(5), configuration=refused[0], failed=failure(), role=Role.AUDIT),
        attempt(of, 3, n=854, run_id=an_id(5), configuration=refused[1], throughput=900.0, role=Role.AUDIT),
    ]
    made = Made(results, of, run_start(of, run_id=an_id(5), started_utc=utc(25000)), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    reason = (
        "needs 46.1 GB for the KV cache + 0.1 GB of weights of 17.2 GB (memory of the machine), 2.69 of it; limit 1.00"
    )
    for n, one in enumerate(refused):
        fact = rejection(
            of, 50 + n, run_id=an_id(5), entry=one.entry, fingerprint=one.fingerprint, params=one.values,
            rule="where" if n == 3 else "memory", reason=reason, rejected_utc=utc(25100 + n),
        )  # fmt: skip
        seal(results, RecordKind.REJECTION, fact.rejection_id, fact)
    for sealed in (*searched, *audits):
        seal_one(results, sealed)
    made.attempts += [*searched, *audits]
    end = run_end(made.run, ended_utc=utc(27000), seconds=100.0, trials=3, succeeded=2, failed=1)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made


def write_all_failed(results: Path) -> Made:
    """A second campaign in which nothing succeeded: its page must still say which trial came nearest."""
    of = campaign(name="smollm-hopeless", path="campaigns/smollm-hopeless.yaml", search=Search(trials=3))
    ends = [
        failure(Phase.START, Cause.BAD_FLAG),
        failure(Phase.LOAD, Cause.OOM_LOAD),
        failure(Phase.MEASURE, Cause.CRASH),
    ]
    attempts = [
        attempt(of, n, values={"threads": n + 1}, failed=end, n=500 + n, run_id=an_id(2)) for n, end in enumerate(ends)
    ]
    made = Made(results, of, run_start(of, run_id=an_id(2), started_utc=utc(5000)), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in attempts:
        seal_one(results, one)
        made.attempts.append(one)
        made.trials[one.number] = one.trial_id
    end = run_end(made.run, ended_utc=utc(5100), seconds=100.0, trials=3, failed=3)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made
