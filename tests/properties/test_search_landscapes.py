"""The landscapes that samplers are judged on are what they say, and on one of them the way failures are told shows."""

from __future__ import annotations

import json
import random
from itertools import permutations, product
from pathlib import Path

import pytest

from runner.domain.campaign import Goal
from runner.domain.failure import Cause
from runner.domain.parameters import Point
from runner.samplers._seeding import point_key
from runner.space.expand import enumerate_points, random_point, size
from tests.benchmarks.search import bench, replay, serving, table
from tests.benchmarks.search.landscape import HELD_OUT, TIMEOUT, TUNING, regret
from tests.benchmarks.search.paired import signed_rank
from tests.benchmarks.search.play import Variant, as_earlier, play

SYNTHETIC = list(serving.MAKERS)


def points(landscape: serving.Synthetic, count: int) -> list[Point]:
    rng = random.Random(5)
    return [random_point(landscape.space, rng) for _ in range(count)]


def test_what_is_judged_on_is_not_what_is_tuned_on() -> None:
    assert not set(TUNING) & set(HELD_OUT)
    assert len(set(HELD_OUT)) > 3
    one, other = (serving.make("easy", instance) for instance in (TUNING[0], HELD_OUT[0]))
    assert one.best != other.best


@pytest.mark.parametrize("name", SYNTHETIC)
def test_no_configuration_is_better_than_the_optimum(name: str) -> None:
    landscape = serving.make(name, TUNING[0])
    if name == "all failing":
        assert landscape.optimum is None
        assert all(landscape.true(point) is None for point in [landscape.best, *points(landscape, 300)])
        return
    assert landscape.true(landscape.best) == pytest.approx(landscape.optimum)
    assert regret(landscape, landscape.best) == pytest.approx(0)
    best = landscape.best
    near = [Point(best.entry, {**best.values, name: one.values[name]})
            for one in points(landscape, 60) if one.entry == best.entry for name in one.values]  # fmt: skip
    lost = [regret(landscape, point) for point in (*points(landscape, 200), *near)]
    assert all(-1e-9 <= one <= 1 for one in lost)
    assert sum(one > 1e-6 for one in lost) > len(lost) / 2


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("easy", 0.85, 1), ("tight memory", 0.25, 0.5), ("mostly failing", 0.0, 0.06), ("all failing", 0, 0),
     ("hang basin", 0.08, 0.25), ("noisy latency", 0.6, 0.9), ("several engines", 0.35, 0.65)],
)  # fmt: skip
def test_as_many_configurations_serve_as_it_says(name: str, low: float, high: float) -> None:
    landscape = serving.make(name, TUNING[1])
    got = [landscape.deploy(point, 1) for point in points(landscape, 400)]
    served = sum(one.score is not None for one in got) / len(got)
    assert low <= served <= high
    for one in got:
        assert (one.severity == 0) == (one.score is not None)
        assert one.hung == (one.failure is not None and one.failure.cause is Cause.HANG)
        assert (one.seconds == TIMEOUT) == one.hung
    if name == "hang basin":
        assert sum(one.hung for one in got) / len(got) > 0.3


def test_noise_is_that_of_the_seed_and_failures_are_not_noise() -> None:
    landscape = serving.make("tight memory", TUNING[0])
    point = landscape.best
    scores = [landscape.deploy(point, seed).score or 0.0 for seed in range(200)]
    assert scores[3] == landscape.deploy(point, 3).score
    mean = sum(scores) / len(scores)
    spread = (sum((s / mean - 1) ** 2 for s in scores) / len(scores)) ** 0.5
    assert mean == pytest.approx(landscape.optimum, rel=0.02)
    assert 0.03 < spread < 0.04
    dead = next(one for one in points(landscape, 50) if landscape.true(one) is None)
    assert len({landscape.deploy(dead, seed).severity for seed in range(20)}) == 1


def test_the_declared_rules_refuse_next_to_nothing_that_serves() -> None:
    landscape = serving.make("tight memory", TUNING[2])
    rule = landscape.rule
    assert rule is not None
    refused = [point for point in points(landscape, 600) if rule(point)]
    assert len(refused) > 200
    assert sum(landscape.true(point) is not None for point in refused) < 0.02 * len(refused)
    assert not rule(landscape.best)


def test_failures_told_our_way_spare_deployments() -> None:
    """Over two instances, 24 deployments each: fewer die than when Optuna forgets them."""
    died = {"tpe": 0, "fail": 0}
    for asker, instance in product(died, TUNING[:2]):
        died[asker] += play(serving.make("tight memory", instance), Variant(asker), instance, 24)[0].failed
    assert died["tpe"] < 0.8 * died["fail"]


def test_an_earlier_campaign_makes_the_first_deployments_better() -> None:
    plain, warm = [], []
    for instance in TUNING[:2]:
        landscape = serving.make("hang basin", instance)
        earlier = as_earlier(play(serving.earlier("hang basin", instance), Variant("tpe"), 7, 24)[1])
        assert [one.number for one in earlier] == list(range(-24, 0))
        plain.append(play(landscape, Variant("tpe"), 1, 10)[0].regret[10])
        warm.append(play(landscape, Variant("tpe", history=True), 1, 10, earlier)[0].regret[10])
    assert sum(warm) < sum(plain)


GRID = {
    "space": {"flash-attn": ["off", "on"], "cache-type-v": ["f16", "q8_0"], "threads": [1, 2, 4]},
    "rows": [
        {"values": {}, "outcome": "measured", "seconds": 9.0, "levels": [{"output_throughput": 20.0}] * 3},
        *(
            {"values": {"flash-attn": f, "cache-type-v": v, "threads": t}, "seconds": 10.0, "hung": False,
             **({"outcome": "failed", "phase": "load", "cause": "bad_flag", "evidence": "x", "levels": []}
                if f == "off" and v == "q8_0" else
                {"outcome": "measured", "levels": [{"output_throughput": 10.0 * t + (f == "on")}] * 3})}
            for f, v, t in product(("off", "on"), ("f16", "q8_0"), (1, 2, 4)) if (f, v, t) != ("on", "f16", 4)
        ),
    ],
}  # fmt: skip


def test_a_replayed_grid_holds_what_was_measured_and_nothing_else() -> None:
    landscape = replay.of(GRID, 1)
    rule = landscape.rule
    assert rule is not None
    gap = Point(replay.ENTRY, {"flash-attn": "on", "cache-type-v": "f16", "threads": 4})
    assert not landscape.contains(gap)
    assert landscape.optimum == 41.0
    known = [point for point in enumerate_points(landscape.space) if landscape.contains(point)]
    assert len(known) == size(landscape.space) - 1
    assert {point_key(p) for p in known if rule(p)} == {point_key(p) for p in known if landscape.true(p) is None}
    played, told = play(landscape, Variant("tpe", precheck=True), 3, 40)
    assert (played.failed, played.deployed) == (0, 9)  # the default, and all but a gap and three that are refused
    assert len({point_key(one.point) for one in told}) == 9
    assert played.regret[40] == pytest.approx(0)


def test_the_measured_grid_is_a_space_of_one_engine() -> None:
    content = json.loads(replay.GRID.read_text("utf-8"))
    landscape = replay.make(HELD_OUT[0])
    assert landscape.contains(Point(replay.ENTRY))
    for row in content["rows"]:
        point = Point(replay.ENTRY, row["values"])
        assert regret(landscape, point) >= 0
        assert (landscape.deploy(point, 0).severity > 0) == (row["outcome"] == "failed")


def test_the_paired_test_counts_exactly() -> None:
    """Against all signs dealt by hand, ties and zeros among them."""
    assert signed_rank([]) == signed_rank([0.0, 0.0]) == 1.0
    assert signed_rank([1, 2, 3, 4, 5]) == 2 / 32
    for some in permutations((0.5, -0.5, 2.0, 3.0)):
        assert signed_rank(some) == signed_rank((0.5, -0.5, 2.0, 3.0))
    values = (0.5, -0.5, 2.0, 3.0)  # ranks 1.5 1.5 3 4, below: 1.5 of 10
    ranks = (1.5, 1.5, 3.0, 4.0)
    below = [sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=4)]
    assert signed_rank(values) == min(1.0, 2 * sum(total <= 1.5 for total in below) / 16)


def test_an_interrupted_benchmark_goes_on_and_says_the_same(tmp_path: Path) -> None:
    wanted = list(bench.jobs(["easy", "all failing"], ["random", "tpe + history"], TUNING, 1, 10))
    assert [(job.landscape, job.variant) for job in wanted] == [
        ("easy", "random"), ("easy", "tpe + history"), ("all failing", "random"),
    ]  # fmt: skip
    first = {**bench.done(wanted[0]), "ask_cpu": 0.0}
    assert {**bench.done(wanted[0]), "ask_cpu": 0.0} == first
    file = tmp_path / "searches.jsonl"
    file.write_text(json.dumps(first) + '\n{"key": "cut', encoding="utf-8")
    assert bench._lines(file) == json.loads(json.dumps([first]))
    said = table.text([json.loads(json.dumps(first)), bench.done(wanted[2])])
    assert "never" in said
    assert "0 of 1" in said


def test_smaller_is_better_where_the_goal_says_so() -> None:
    landscape = serving.make("noisy latency", TUNING[0])
    assert landscape.goal is Goal.MINIMIZE
    slow = next(one for one in points(landscape, 50) if landscape.true(one) is not None)
    true, best = landscape.true(slow), landscape.optimum
    assert true is not None
    assert best is not None
    assert true > best
    assert regret(landscape, slow) == pytest.approx(1 - best / true)
