"""How the budget flows between entries: none is starved, and what promises more gets more."""

from __future__ import annotations

from collections import Counter

import pytest

from runner.allot import SHARE, narrowed, owed
from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, EntrySpace, Int, Point, Space
from runner.samplers import Told, samplers

SPACE = Space((
    EntrySpace("steady", {"x": Int(1, 64), "mode": Choice(("a", "b"))}),
    EntrySpace("risky", {"y": Int(1, 64), "safe": Choice((True, False))}),
    EntrySpace("weak", {"z": Int(1, 64)}),
))  # fmt: skip
SEARCH = Search(startup=6, trials=40, seed=1)


def outcome(point: Point, failing_starts: int, risky_so_far: int) -> tuple[float | None, float]:
    """`risky` holds the optimum (200), and its first trials fail whatever they are; `steady` gives up to 100."""
    if point.entry == "weak":
        return None, 0.9
    if point.entry == "steady":
        x = point.values.get("x", 8)
        assert isinstance(x, int)
        return 100.0 - abs(x - 40), 0.0
    if risky_so_far < failing_starts:
        return None, 0.9
    y = point.values.get("y", 8)
    assert isinstance(y, int)
    return 200.0 - abs(y - 20), 0.0


def searched(search: Search, failing_starts: int = 3, *, fair: bool = True) -> list[Told]:
    sampler = samplers.get(search.sampler)
    told = [
        Told(number, Point(entry.entry), *outcome(Point(entry.entry), failing_starts, 0))
        for number, entry in enumerate(SPACE.entries)
    ]
    for number in range(len(told), search.trials):
        tried = [one.point.entry for one in told if one.point.values]
        space, known = narrowed(SPACE, told, owed(search, SPACE, tried) if fair else None)
        point = sampler.ask(space, Goal.MAXIMIZE, known, (), search, number, 0)
        assert point is not None
        risky = sum(one.point.entry == "risky" for one in told)
        told.append(Told(number, point, *outcome(point, failing_starts, risky)))
    return told


@pytest.mark.parametrize("seed", range(5))
def test_an_entry_with_three_failing_starts_is_visited_until_its_optimum_is_found(seed: int) -> None:
    told = searched(Search(startup=6, trials=40, seed=seed), failing_starts=4)
    best = max(one.score or 0.0 for one in told)
    assert best > 150, "only the entry that failed at first holds more than 100"


@pytest.mark.parametrize("seed", range(3))
def test_no_entry_gets_less_than_a_quarter_of_an_even_split_and_the_best_gets_most(seed: int) -> None:
    search = Search(startup=6, trials=48, seed=seed)
    told = searched(search)
    counts = Counter(one.point.entry for one in told if one.point.values)
    least = (search.trials - 3) // (SHARE * 3)
    assert all(counts[entry.entry] >= least for entry in SPACE.entries), counts
    assert counts.most_common(1)[0][0] == "risky", counts


def test_the_owed_entry_is_the_poorest_in_the_order_of_the_file() -> None:
    assert owed(SEARCH, SPACE, []) == "steady"
    assert owed(SEARCH, SPACE, ["steady"]) == "risky"
    assert owed(SEARCH, SPACE, ["steady", "risky", "weak"] * 2) is None
    assert owed(SEARCH, SPACE, ["steady"] * 40 + ["risky", "weak"] * 2) == "risky"


def test_one_entry_or_a_sampler_that_favours_none_owes_nothing() -> None:
    assert owed(SEARCH, Space(SPACE.entries[:1]), []) is None
    assert owed(Search(sampler="grid"), SPACE, []) is None
    assert owed(Search(sampler="random"), SPACE, []) is None


def test_an_entry_alone_is_asked_with_its_own_history() -> None:
    told = [Told(0, Point("steady"), 1.0, 0.0), Told(1, Point("risky"), None, 0.9)]
    space, known = narrowed(SPACE, told, "risky")
    assert [entry.entry for entry in space.entries] == ["risky"]
    assert [one.number for one in known] == [1]
    assert narrowed(SPACE, told, None) == (SPACE, told)
