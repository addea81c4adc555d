"""What is long, wide or many on a page: three objectives with a front of seven, names as long as names may be, flags of
300 characters, repeats in many rounds, a container image, a search for the load that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Confirm, Deploy, Goal, Objective
from runner.domain.failure import Cause, Phase, Role
from runner.domain.metrics import METRICS, VALUE
from runner.domain.parameters import Scalar
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, LevelResult, MetricValue
from runner.fixtures.compared import compared_by_confirmation
from runner.fixtures.facts import an_id, attempt, campaign, configuration, failure, rules, run_end, run_start, utc
from runner.fixtures.levels import level
from runner.fixtures.sealing import seal_one
from runner.fixtures.verdicts import rejection
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.store import Made

LONGEST = 80
"""Characters that the name of a campaign or an entry may have."""
NAMES = tuple(f"{what}-".ljust(LONGEST - 1, "x") + "z" for what in ("campaign", "paged", "eager"))
FLAG = "override-generation-config-of-the-model"
VALUE_OF_FLAG = '{"' + "x" * 150 + '": "' + "some words " * 13 + '"}'
RUN, FIRST = 7, 2900


def capacity_levels(*levels: tuple[float, float]) -> tuple[LevelResult, ...]:
    """(load, attainment) in the order of measuring; the highest that held has the answer."""
    held = max((load for load, share in levels if share >= 0.95), default=None)
    missed = min((load for load, share in levels if share < 0.95), default=None)
    made = []
    for position, (load, share) in enumerate(levels):
        told = {"attainment": share, "attainment_low": share - 0.02, "attainment_high": share + 0.001, "goodput": load}
        if load == (held or missed):
            told |= {"attainment_target": 0.95}
            told |= {"capacity_low": held} if held else {}
            told |= {"capacity_high": missed} if missed else {}
        values = (MetricValue(name, VALUE, METRICS[name].unit, value) for name, value in told.items())
        one = level(position, load)
        made.append(replace(one, metrics=(*one.metrics, *values)))
    return tuple(made)


def wide_campaign() -> Campaign:
    plain = campaign()
    entries = tuple(
        replace(entry, name=name, options={"image": "registry.example.org/serving/llama-server:v0.33.0-cuda13"})
        for entry, name in zip(plain.entries, NAMES[1:], strict=True)
    )
    return campaign(
        name=NAMES[0],
        path=f"campaigns/{NAMES[0]}.yaml",
        description="Which of two engines trades throughput for waiting best",
        entries=entries,
        deploy=Deploy("docker", {"shm_size": "16g"}),
        also=(Objective("ttft_p99", Goal.MINIMIZE, "worst"), Objective("interactivity_p50", Goal.MAXIMIZE, "c=1")),
        confirm=Confirm(top=2, repeats=3),
    )


def write_wide(results: Path) -> Made:
    of = wide_campaign()
    made = Made(results, of, run_start(of, run_id=an_id(RUN), started_utc=utc(40_000)), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    made.attempts += _attempts(of)
    for sealed in made.attempts:
        seal_one(results, sealed)
        made.trials[sealed.number] = sealed.trial_id
    for n, compared in enumerate(compared_by_confirmation(made.attempts, made.run.campaign_id)):
        fact = replace(compared, comparison_id=an_id(FIRST + 80 + n), run_id=an_id(RUN), confidence=0.99, at_most=24)
        seal(results, RecordKind.COMPARISON, fact.comparison_id, fact)
    refused = configuration(NAMES[1], {FLAG: VALUE_OF_FLAG, "ctx-size": 9_000_000})
    said = rejection(
        of, FIRST, run_id=an_id(RUN), rejection_id=an_id(FIRST + 90), entry=refused.entry, rule="memory",
        fingerprint=refused.fingerprint, params=refused.values, reason="needs 46.1 GB of 17.2 GB",
    )  # fmt: skip
    seal(results, RecordKind.REJECTION, said.rejection_id, said)
    end = run_end(made.run, ended_utc=utc(43_000), trials=10, succeeded=8, failed=2)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made


def _attempts(of: Campaign) -> Sequence[Attempt]:
    """Eight trials, each faster and later with its first token than the one before; two that failed."""
    made: list[Attempt] = []

    def chosen(number: int) -> dict[str, Scalar]:
        long = {FLAG: VALUE_OF_FLAG} if number % 3 == 1 else {}
        return {} if number < 2 else {"threads": number % 4 + 1, "batch-size": 64 * number, **long}

    def add(number: int, throughput: float, **changes: Any) -> None:
        n, entry = FIRST + len(made), NAMES[1 + number % 2]
        made.append(
            attempt(of, number, n=n, run_id=an_id(RUN), entry=entry, values=chosen(number), throughput=throughput,
                    ttft=0.02 * 1.45**number, **changes)
        )  # fmt: skip

    for number in range(8):
        add(number, 40.0 + 30 * number)
    for number, cause in ((8, Cause.CRASH), (9, Cause.OOM_LOAD)):
        add(number, 1.0, failed=failure(Phase.LOAD, cause, evidence="E " + "0123456789" * 30))
    for repeat in (1, 2, 3):
        for number in (7, 6, 0, 1):
            noise = 1 + 0.01 * ((7 * repeat + 3 * number) % 5 - 2)
            add(number, (40.0 + 30 * number) * noise, role=Role.CONFIRM, repeat=repeat)
    held = capacity_levels((1, 1.0), (4, 0.97), (16, 0.2), (8, 0.949), (6, 0.96))
    add(7, 250.0, role=Role.CAPACITY, levels=held)
    return made
