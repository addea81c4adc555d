"""What every sampler must do. New members of the folder are found and tested by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Point, Scalar, Space
from runner.samplers import Sampler, Told, samplers
from runner.space.constraints import holds
from runner.space.expand import active, known_names

SPACE = Space(
    (
        EntrySpace(
            "a",
            {
                "batch": Int(1, 512, log=True),
                "slots": Int(1, 10, step=3),
                "flash": Choice((True, False, 1)),
                "share": Float(0.5, 0.95, when="flash == true"),
                "rate": Float(1e-4, 1e-1, log=True),
            },
            where=("batch <= 400",),
        ),
        EntrySpace("b", {"cache": Choice(("f16", "q8_0", "q4_0")), "threads": Int(1, 64), "only": Choice((7,))}),
        EntrySpace("c"),
    ),
    {"gpus": 0},
)
SEARCH = Search(seed=11, startup=4)


@pytest.fixture(params=samplers.names())
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return samplers.get(str(request.param))


def outcome(point: Point) -> tuple[float | None, float]:
    """A made-up result: entry b always fails, large batches run out of memory."""
    if point.entry == "b":
        return None, 0.95
    batch = point.values.get("batch", 64)
    assert isinstance(batch, int)
    return (None, 0.8) if batch > 300 else (100.0 + batch, 0.0)


def campaign(sampler: Sampler, trials: int, history: Sequence[Told] = (), goal: Goal = Goal.MAXIMIZE) -> list[Told]:
    """Run `sampler` from `history` on, defaults first, as run_campaign does: duplicates are asked again."""
    told = list(history)
    for number in range(len(told), trials):
        point = Point(SPACE.entries[number].entry) if number < 2 else next_point(sampler, told, number, goal)
        if point is None:
            break
        told.append(Told(number, point, *outcome(point)))
    return told


def next_point(sampler: Sampler, told: Sequence[Told], number: int, goal: Goal) -> Point | None:
    for skip in range(100):
        point = sampler.ask(SPACE, goal, told, (), SEARCH, number, skip)
        if point is None or all(repr(point) != repr(known.point) for known in told):
            return point
    return None


def check(point: Point) -> None:
    entry = SPACE.entry(point.entry)
    assert active(entry, point.values, SPACE.constants) == dict(point.values)
    for name, parameter in entry.parameters.items():
        if parameter.when and not holds(parameter.when, known_names(entry, point.values, SPACE.constants)):
            assert name not in point.values
            continue
        value: Scalar = point.values[name]
        match parameter:
            case Choice(values):
                assert any(value is known or (value == known and type(value) is type(known)) for known in values)
            case Int(low, high, _, step):
                assert type(value) is int
                assert low <= value <= high
                assert (value - low) % step == 0
            case Float(low, high):
                assert type(value) is float
                assert low <= value <= high


@pytest.mark.parametrize("goal", list(Goal))
def test_every_point_lies_in_the_space_and_respects_when(sampler: Sampler, goal: Goal) -> None:
    told = campaign(sampler, 20, goal=goal)
    assert len(told) == 20
    for one in told[2:]:
        check(one.point)
    for skip in range(10):
        point = sampler.ask(SPACE, goal, told, (), SEARCH, 20, skip)
        if point is not None:
            check(point)


def test_the_same_seed_proposes_the_same_and_another_seed_another(sampler: Sampler) -> None:
    one, again = campaign(sampler, 14), campaign(sampler, 14)
    assert one == again
    other = Search(seed=12, startup=4)
    mine, theirs = (
        [sampler.ask(SPACE, Goal.MAXIMIZE, one, (), search, 14, skip) for skip in range(4)]
        for search in (SEARCH, other)
    )
    assert mine != theirs


@pytest.mark.parametrize("killed_after", [0, 1, 3, 7])
def test_a_resumed_campaign_proposes_what_the_uninterrupted_one_does(sampler: Sampler, killed_after: int) -> None:
    whole = campaign(sampler, 14)
    assert campaign(sampler, 14, whole[:killed_after]) == whole


def test_the_proposal_does_not_depend_on_the_process(sampler: Sampler) -> None:
    """Python shuffles the order of sets anew in every process; a resumed run is another process."""
    code = (
        "from tests.contract.test_samplers import *\n"
        f"told = campaign(samplers.get({sampler.name!r}), 9)\n"
        "print([t.point for t in told])"
    )
    printed = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        printed.add(done.stdout)
    assert printed == {f"{[told.point for told in campaign(sampler, 9)]}\n"}


def test_asking_changes_nothing(sampler: Sampler) -> None:
    told = campaign(sampler, 10)
    before = repr(told)
    first = sampler.ask(SPACE, Goal.MAXIMIZE, told, (), SEARCH, 10, 0)
    sampler.ask(SPACE, Goal.MAXIMIZE, told[:5], (), SEARCH, 5, 3)
    assert sampler.ask(SPACE, Goal.MAXIMIZE, told, (), SEARCH, 10, 0) == first
    assert repr(told) == before


def test_a_refused_proposal_is_followed_by_others(sampler: Sampler) -> None:
    """40 refusals in a row give at least 20 different points."""
    told = campaign(sampler, 10)
    asked = [sampler.ask(SPACE, Goal.MAXIMIZE, told, (), SEARCH, 10, skip) for skip in range(40)]
    assert len({repr(point) for point in asked}) >= 20


def test_what_is_pending_may_be_told_and_is_not_a_result(sampler: Sampler) -> None:
    told = campaign(sampler, 10)
    pending = [Point("a", {"batch": 3, "slots": 1, "flash": False, "rate": 0.01}), Point("c")]
    point = sampler.ask(SPACE, Goal.MAXIMIZE, told, pending, SEARCH, 12, 0)
    assert point is not None
    check(point)


def test_a_history_of_nothing_but_failures_or_unknowns_is_no_obstacle(sampler: Sampler) -> None:
    points = [one.point for one in campaign(sampler, 10)]
    failures = [Told(number, point, None, 0.9) for number, point in enumerate(points)]
    unknown = [Told(number, point, None, 0.0) for number, point in enumerate(points)]
    for told in (failures, unknown):
        assert sampler.ask(SPACE, Goal.MINIMIZE, told, (), SEARCH, 10, 0) is not None


def test_a_told_value_outside_of_the_space_is_no_obstacle(sampler: Sampler) -> None:
    """A warm start brings configurations of another campaign."""
    strange = Point("a", {"batch": 4096, "slots": 2, "flash": "maybe", "gone": 1, "share": 0.6})
    told = [*campaign(sampler, 10), Told(10, strange, 500.0, 0.0)]
    point = sampler.ask(SPACE, Goal.MAXIMIZE, told, (), SEARCH, 11, 0)
    assert point is not None
    check(point)
