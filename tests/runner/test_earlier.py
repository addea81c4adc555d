"""What a search takes from earlier lineages: which, in which order, and that it is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.identity import resolved
from runner.decide import SoFar, Step, next_step
from runner.domain.campaign import Campaign, Entry, Goal, Hardware, Model, Objective, Search
from runner.domain.failure import Cause, Phase, Role
from runner.domain.parameters import Choice, EntrySpace, Point, Scalar
from runner.domain.prior import Prior
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, EngineFacts
from runner.earlier import MOST_REPLAYED, MOST_WARM, family, prior
from runner.lineage import Lineage
from runner.runtimes import configuration as configuration_of
from runner.store.history import history
from runner.store.record import seal
from tests import make

HOST = make.host()


def the_campaign(name: str, key: str, **changes: Any) -> Campaign:
    """Two simulated entries with one space each; workload, model and hardware as `make.campaign` has them."""
    entries = tuple(
        Entry(label, "simulated", {"threads": threads},
              space=EntrySpace(label, {"block-size": Choice((8, 16, 32)), "max-num-seqs": Choice((1, 2, 4))},
                               fixed={"threads": threads}))
        for label, threads in (("a", 1), ("b", 2))
    )  # fmt: skip
    search = Search(sampler="tpe", trials=12, seed=7, warm_start=3, startup=2)
    made = make.campaign(name=name, entries=entries, search=search, slos=(), search_key=key * 64)
    return replace(made, **changes)


def seal_lineage(
    results: Path, of: Campaign, trials: Sequence[tuple[str, Mapping[str, Scalar], float | None]], day: int = 1,
    confirmed: int | None = None, version: str = "b11549", phase: Phase = Phase.LOAD, **start: Any,
) -> None:  # fmt: skip
    """`trials` are (entry, values, throughput; None: failed)."""
    when = f"2026-01-{day:02}T00:00:00.000000Z"
    run = make.an_id(int(of.search_key[0], 16) * 1000 + day)
    begun = make.run_start(of, run_id=run, campaign=resolved(of), started_utc=when, **start)
    seal(results, RecordKind.RUN_START, run, begun)
    for number, (entry, values, throughput) in enumerate(trials):
        chosen = configuration_of(of.entry(entry), Point(entry, values))
        failed = make.failure(phase, Cause.CRASH) if throughput is None else None
        roles = [(Role.SEARCH, 0)] + [(Role.CONFIRM, n) for n in (1, 2, 3) if number == confirmed]
        for role, repeat in roles:
            made = make.attempt(
                of, number, configuration=chosen, throughput=throughput or 1.0, failed=failed, role=role, repeat=repeat,
                attempt_id=make.an_id(int(of.search_key[0], 16) * 10000 + day * 200 + number * 4 + repeat),
                run_id=run, engine=EngineFacts("simulated", version),
            )  # fmt: skip
            seal(results, RecordKind.ATTEMPT, made.attempt_id, made)


DEFAULTS: list[tuple[str, Mapping[str, Scalar], float | None]] = [("a", {}, 50.0), ("b", {}, 60.0)]


def test_the_best_of_each_entry_in_turn_and_nothing_that_is_worse_than_its_default(results: Path) -> None:
    seal_lineage(results, the_campaign("old", "1"), [
        *DEFAULTS,
        ("a", {"block-size": 16, "max-num-seqs": 2}, 69.0),
        ("a", {"block-size": 32, "max-num-seqs": 4}, 75.0),
        ("b", {"block-size": 16, "max-num-seqs": 1}, 66.0),
        ("b", {"block-size": 32, "max-num-seqs": 1}, 20.0),
        ("a", {"block-size": 8, "max-num-seqs": 4}, None),
    ])  # fmt: skip
    taken = prior(results, the_campaign("new", "2"), HOST).warm_start
    assert [(one.entry, one.number, one.text) for one in taken] == [
        ("a", 3, "trial 3 of old, +50 % output_throughput there"),
        ("b", 4, "trial 4 of old, +10 % output_throughput there"),
        ("a", 2, "trial 2 of old, +38 % output_throughput there"),
    ]


def test_what_a_soft_slo_took_below_zero_is_still_compared_with_its_default(results: Path) -> None:
    """Both scores are negative: there is no gain to tell, and the worse one is no candidate all the same."""
    strict = make.campaign().slos
    old = the_campaign("old", "1", slos=tuple(replace(slo, hard=False, maximum=1e-3) for slo in strict))
    seal_lineage(results, old, [*DEFAULTS, ("a", {"block-size": 16}, 40.0), ("b", {"block-size": 16}, 59.0)])
    scores = [trial.judgement.value for trial in Lineage.of(old, 0, history(results, old.search_key, 0)).trials]
    assert all(score is not None and score < 0 for score in scores)
    taken = prior(results, the_campaign("new", "2"), HOST).warm_start
    best = [n for n, entry in ((2, 0), (3, 1)) if (scores[n] or 0) > (scores[entry] or 0)]
    assert [one.number for one in taken] == best
    assert all(one.gain is None for one in taken)


def test_what_was_confirmed_best_goes_before_what_looked_best(results: Path) -> None:
    trials = [*DEFAULTS, ("a", {"block-size": 16}, 70.0), ("a", {"block-size": 32}, 75.0)]
    seal_lineage(results, replace(the_campaign("old", "1"), confirm=make.campaign().confirm), trials, confirmed=2)
    first = prior(results, the_campaign("new", "2"), HOST).warm_start[0]
    assert (first.number, first.confirmed) == (2, True)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"model": Model(id="org/SmolLM2-360M")}, True),  # of the family, by its name
        ({"model": Model(id="org/Qwen3-0.6B")}, False),
        ({"hardware": Hardware(1, "H100")}, False),
        ({"hardware": Hardware(cpus=2)}, False),
        ({"objective": Objective("ttft_p50", Goal.MINIMIZE, "worst")}, False),
    ],
)
def test_only_of_kin_on_like_hardware_for_the_same_objective(
    results: Path, changes: dict[str, Any], fits: bool
) -> None:
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 16}, 90.0)])
    taken = prior(results, the_campaign("new", "2", **changes), HOST).warm_start
    assert bool(taken) == fits
    if taken and "model" in changes:
        assert taken[0].model == "SmolLM2-135M-Instruct.Q4_1.gguf"
        assert taken[0].text.endswith("with SmolLM2-135M-Instruct.Q4_1.gguf")


def test_another_machine_is_another_hardware(results: Path) -> None:
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 16}, 90.0)])
    new = the_campaign("new", "2")
    assert prior(results, new, HOST) != Prior()
    assert prior(results, new, replace(HOST, cpu_model="Another CPU")) == Prior()
    assert prior(results, new, replace(HOST, cpu_count=99)) == Prior()


def test_pinned_to_other_cpus_is_another_hardware(results: Path) -> None:
    pinned = Hardware(cpus=2)
    old = the_campaign("old", "1", hardware=pinned)
    seal_lineage(results, old, [*DEFAULTS, ("a", {"block-size": 16}, 90.0)])
    assert prior(results, the_campaign("new", "2", hardware=pinned), HOST) != Prior()
    for hardware in (Hardware(), Hardware(cpus=1), Hardware(cpus=2, client_cpus=0)):
        assert prior(results, the_campaign("new", "3", hardware=hardware), HOST) == Prior()


def test_same_model_before_family_whatever_is_newer(results: Path) -> None:
    kin = the_campaign("kin", "3", model=Model(id="org/SmolLM2-360M"))
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 16}, 55.0)], day=1)
    seal_lineage(results, kin, [*DEFAULTS, ("a", {"block-size": 32}, 99.0)], day=2)
    taken = prior(results, the_campaign("new", "2"), HOST).warm_start
    assert [one.campaign for one in taken] == ["old", "kin"]


def test_unknown_flags_are_dropped_and_values_outside_are_no_candidates(results: Path) -> None:
    wide = EntrySpace("a", {"block-size": Choice((8, 16, 64)), "chunk-size": Choice((128, 512))})
    old = the_campaign("old", "1", entries=(Entry("a", "simulated", {}, space=wide),))
    seal_lineage(results, old, [
        ("a", {}, 50.0),
        ("a", {"block-size": 64, "chunk-size": 512}, 90.0),
        ("a", {"block-size": 16, "chunk-size": 512}, 80.0),
        ("a", {"block-size": 16, "chunk-size": 128}, 70.0),
        ("a", {"chunk-size": 128}, 65.0),
    ])  # fmt: skip
    taken = prior(results, the_campaign("new", "2"), HOST).warm_start
    assert [(one.number, dict(one.values)) for one in taken] == [(2, {"block-size": 16})]


def test_never_more_than_four_and_none_unless_asked(results: Path) -> None:
    values: list[dict[str, Scalar]] = [{"block-size": b, "max-num-seqs": m} for b in (8, 16, 32) for m in (1, 2, 4)]
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, *(("a", v, 70.0 + n) for n, v in enumerate(values))])
    new = the_campaign("new", "2")
    greedy = replace(new, search=replace(new.search, warm_start=20))
    assert len(prior(results, greedy, HOST).warm_start) == MOST_WARM
    assert prior(results, replace(new, search=Search(history=False)), HOST) == Prior()


def test_warm_starts_come_after_the_defaults_once_each(results: Path) -> None:
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 16}, 90.0)])
    new = the_campaign("new", "2")
    taken = prior(results, new, HOST)
    attempts: list[Attempt] = []
    for _ in range(4):
        step = next_step(new, Lineage.of(new, 0, attempts, prior=taken), SoFar())
        assert isinstance(step, Step)
        attempts.append(make.attempt(new, step.number, configuration=step.configuration))
    assert [a.configuration.is_default for a in attempts] == [True, True, False, False]
    assert dict(attempts[2].configuration.values) == {"block-size": 16}
    assert len({a.configuration.fingerprint for a in attempts}) == 4


def test_history_is_what_was_launched_alike_and_the_default_scales_it(results: Path) -> None:
    """Entry b's fixed flag differs there: its trials are of another launch, and are not told."""
    there = the_campaign("old", "1")
    other = Entry("b", "simulated", {"threads": 4}, space=replace(there.entries[1].space, fixed={"threads": 4}))
    there = replace(there, entries=(there.entries[0], other))
    seal_lineage(results, there, [
        *DEFAULTS, ("a", {"block-size": 16}, 100.0), ("a", {"block-size": 8}, None), ("b", {"block-size": 8}, 90.0),
    ])  # fmt: skip
    new = the_campaign("new", "2")
    taken = prior(results, new, HOST)
    assert sorted((one.entry, one.number) for one in taken.replayed) == [("a", 0), ("a", 2), ("a", 3)]

    before = Lineage.of(new, 0, [], prior=taken).told
    assert [(told.score, told.severity > 0) for told in before] == [(None, True)], "no score until ours is measured"
    assert all(told.number < 0 for told in before)
    mine = make.attempt(new, 0, configuration=configuration_of(new.entry("a"), Point("a")), throughput=25.0)
    told = Lineage.of(new, 0, [mine], prior=taken).told
    assert [one.number for one in told] == [-2, -1, 0]
    scores = {repr(dict(one.point.values)): one.score for one in told}
    assert scores["{'block-size': 8}"] is None
    assert scores["{'block-size': 16}"] == pytest.approx(2 * (scores["{}"] or 0)), "twice its default there, and here"


def test_another_objective_forgets_scores_and_keeps_failures(results: Path) -> None:
    seal_lineage(
        results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 16}, 90.0), ("a", {"block-size": 8}, None)]
    )
    new = the_campaign("new", "2")
    taken = prior(results, new, HOST)
    edited = replace(new, objective=Objective("ttft_p50", Goal.MINIMIZE, "worst"))
    mine = make.attempt(edited, 0, configuration=configuration_of(new.entry("a"), Point("a")), throughput=25.0)
    assert [one.score for one in Lineage.of(edited, 0, [mine], prior=taken).told if one.number < 0] == [None]


def test_another_workload_gives_failures_before_the_load_only(results: Path) -> None:
    there = the_campaign("old", "1")
    there = replace(there, workload=replace(there.workload, loads=(1.0, 64.0)))
    seal_lineage(results, there, [*DEFAULTS, ("a", {"block-size": 8}, None), ("a", {"block-size": 32}, 80.0)])
    assert [one.number for one in prior(results, the_campaign("new", "2"), HOST).replayed] == [2]
    late = replace(there, search_key="3" * 64)
    seal_lineage(results, late, [("a", {"block-size": 16}, None)], phase=Phase.MEASURE, day=2)
    assert [one.number for one in prior(results, the_campaign("new", "2"), HOST).replayed] == [2]


def test_another_release_of_the_engine_is_left_out_once_ours_is_known(results: Path) -> None:
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 8}, None)], version="0.10.1")
    new = the_campaign("new", "2")
    taken = prior(results, new, HOST)
    for version, told in (("0.10.9", 1), ("0.11.0", 0), ("0.1.0", 0)):
        mine = make.attempt(
            new, 0, configuration=configuration_of(new.entry("a"), Point("a")), engine=EngineFacts("s", version)
        )
        before = [one for one in Lineage.of(new, 0, [mine], prior=taken).told if one.number < 0]
        assert len([one for one in before if one.point.entry == "a"]) == told, version


def test_withdrawn_attempts_teach_nobody_and_there_is_a_most(results: Path) -> None:
    seal_lineage(results, the_campaign("old", "1"), [*DEFAULTS, ("a", {"block-size": 8}, None)])
    bad = min((results / "records").glob("attempt-*"))
    fact = make.retraction(make.attempt(), attempt_id=bad.name.removeprefix("attempt-"))
    seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    assert len(prior(results, the_campaign("new", "2"), HOST).replayed) == 2
    assert MOST_REPLAYED == 200


@pytest.mark.parametrize(
    ("name", "known"),
    [("meta-llama/Llama-3.1-8B-Instruct", "llama"), ("LlamaForCausalLM", "llama"), ("qwen2", "qwen"),
     ("Qwen3ForCausalLM", "qwen"), ("SmolLM2-135M.gguf", "smollm"), ("3b", "")],
)  # fmt: skip
def test_a_family_is_the_word_before_the_first_number(name: str, known: str) -> None:
    assert family(name) == known
