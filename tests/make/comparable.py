"""Campaigns that may be laid side by side, and one that may not: what pages over several campaigns need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry, Search
from runner.domain.failure import Cause, Phase, Role
from runner.domain.parameters import Choice, EntrySpace, Scalar
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, EngineFacts
from runner.fixtures.compared import compared_by_confirmation
from runner.fixtures.facts import an_id, attempt, campaign, configuration, failure, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.fixtures.verdicts import rejection
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot

WORKLOAD = "5ca1ab1e5ca1ab1e"
"""The workload key of all that may be compared."""
BATCHES = (64, 128, 256, 512)
SPEED = {"llama_cpp": 60.0, "vllm": 90.0, "transformers": 50.0}
VERSIONS = {"llama_cpp": "b11549", "vllm": "0.33.0", "transformers": "5.2.0"}


def shared_campaign(name: str, runtimes: tuple[str, ...]) -> Campaign:
    space = {"batch-size": Choice(BATCHES), "eager": Choice((True, False))}
    entries = tuple(
        Entry(runtime, runtime, {"ctx-size": 2048}, space=EntrySpace(runtime, space)) for runtime in runtimes
    )
    return campaign(name=name, entries=entries, path=f"campaigns/{name}.yaml", search=Search(trials=16 * len(runtimes)))


def write_comparable(results: Path) -> tuple[Campaign, ...]:
    """`shared-two` measured llama_cpp and vllm, confirmed and compared their best; `shared-three` transformers under
    the same facts, and `shared-other` transformers with another workload. vLLM runs out of memory at 512, always with
    the same line but for its numbers, and its pre-check refused two configurations; transformers is slow at 64."""
    made = []
    for place, (name, runtimes, workload) in enumerate((
        ("shared-two", ("llama_cpp", "vllm"), WORKLOAD),
        ("shared-three", ("transformers",), WORKLOAD),
        ("shared-other", ("transformers",), "0ddba11000000000"),
    )):  # fmt: skip
        made.append(
            _write(results, shared_campaign(name, runtimes), runtimes, workload, 20 + place, 3000 + 200 * place)
        )
    ingest(results)
    snapshot(results)
    return tuple(made)


def _write(results: Path, of: Campaign, runtimes: tuple[str, ...], workload: str, run: int, first: int) -> Campaign:
    start = run_start(of, run_id=an_id(run), started_utc=utc(100_000 + 10_000 * run))
    seal(results, RecordKind.RUN_START, start.run_id, start)
    seal_rules(results, rules(of))
    made: list[Attempt] = []

    def add(number: int, runtime: str, values: dict[str, Scalar], throughput: float, **changes: Any) -> None:
        chosen = configuration(runtime, values, runtime)
        facts: dict[str, Any] = {
            "engine": EngineFacts(runtime, VERSIONS[runtime]),
            "workload_key": workload,
            "run_id": an_id(run),
        }
        one = attempt(of, number, n=first + len(made), configuration=chosen, throughput=throughput,
                      ttft=4.0 / throughput, **(facts | changes))  # fmt: skip
        made.append(one)

    for turn in range(8):
        for place, runtime in enumerate(runtimes):
            batch, eager = BATCHES[turn % 4], turn < 4
            values: dict[str, Scalar] = {"batch-size": batch, "eager": eager} if turn else {}
            full = runtime == "vllm" and batch == 512
            line = (
                f"/srv/models/{of.name}: tried to allocate {1 + turn}.{place}5 GiB at 0x7f3a{turn:04d}, {8 - turn} left"
            )
            ended = failure(Phase.LOAD, Cause.OOM_LOAD, evidence=line) if full else None
            speed = SPEED[runtime] * (0.5 if batch == 64 and runtime == "transformers" else 1 + batch / 4096)
            add(turn * len(runtimes) + place, runtime, values, speed + turn / 10, failed=ended,
                engine=None if full else EngineFacts(runtime, VERSIONS[runtime]))  # fmt: skip
    if len(runtimes) > 1:
        _confirm(results, of, made, add, run)
    for one in made:
        seal_one(results, one)
    failed = len({one.number for one in made if one.failure})
    numbers = len({one.number for one in made})
    end = run_end(
        start, ended_utc=utc(101_000 + 10_000 * run), trials=numbers, succeeded=numbers - failed, failed=failed
    )
    seal(results, RecordKind.RUN_END, end.run_id, end)
    return of


def _confirm(results: Path, of: Campaign, made: list[Attempt], add: Any, run: int) -> None:
    """The best two of both entries, three times in turn; the campaign compares its best with each. Two refusals."""
    for repeat in (1, 2, 3):
        for number, runtime in ((14, "llama_cpp"), (13, "vllm"), (0, "llama_cpp"), (1, "vllm")):
            values = next(one for one in made if one.number == number).configuration.values
            speed = SPEED[runtime] * (1.1 if number > 1 else 0.9) + repeat / 20
            add(number, runtime, dict(values), speed, role=Role.CONFIRM, repeat=repeat)
    for n, compared in enumerate(compared_by_confirmation(made, run_start(of).campaign_id)):
        fact = replace(compared, comparison_id=an_id(9000 + n), run_id=an_id(run))
        seal(results, RecordKind.COMPARISON, fact.comparison_id, fact)
    for n in range(2):
        chosen = configuration("vllm", {"batch-size": 4096 + n}, "vllm")
        fact_ = rejection(
            of, n, rejection_id=an_id(9100 + n), run_id=an_id(run), entry="vllm", runtime="vllm", rule="memory",
            fingerprint=chosen.fingerprint, params=chosen.values, reason=f"needs {40 + n}.1 GB of 17.2 GB",
        )  # fmt: skip
        seal(results, RecordKind.REJECTION, fact_.rejection_id, fact_)
