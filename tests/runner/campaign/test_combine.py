"""Union, intersection and equality of what presets say about one setting."""

from __future__ import annotations

from typing import Any

import pytest

from runner.campaign.combine import Unmergeable, Values, common, equal, fixed, searched, united


def of(written: Any) -> Values:
    return searched(written) if isinstance(written, list | dict) else fixed(written)


def typed(written: Any) -> Any:
    """So that true is not 1 in an assertion either."""
    if isinstance(written, list):
        return [typed(one) for one in written]
    if isinstance(written, dict):
        return {key: typed(value) for key, value in written.items()}
    return written, type(written)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ([1, 2], [2, 4], [1, 2, 4]),
        ([4, 1], [2, 1], [4, 1, 2]),  # order kept, nothing sorted
        ([1], [True], [1, True]),
        ([1], [1.0], [1]),
        (["fp8"], [8], ["fp8", 8]),
        (1, 1, 1),
        (1, 2, [1, 2]),
        (1, [1, 2], [1, 2]),
        ([1, 2], 1, [1, 2]),
        (1, [1], [1]),  # searched in one of them: searched
        ({"flag": True}, [False], [True, False]),
        ({"int": [1, 8]}, {"int": [4, 16]}, {"int": [1, 16]}),
        ({"int": [1, 8]}, {"int": [9, 16]}, {"int": [1, 16]}),  # they touch
        ({"float": [0.1, 0.5]}, {"float": [0.5, 0.9]}, {"float": [0.1, 0.9]}),
        ({"int": [1, 8], "log": True}, [2, 4], {"int": [1, 8], "log": True}),
        ({"choice": [1], "when": "a == 1"}, {"choice": [2], "when": "a == 1"}, {"choice": [1, 2], "when": "a == 1"}),
        ({"int": [1, 2], "choice": None}, {"float": None, "int": [3, 4]}, {"int": [1, 4]}),
        (None, None, None),
    ],
)
def test_union(one: Any, other: Any, both: Any) -> None:
    assert typed(united(of(one), of(other)).as_written()) == typed(both)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ([1, 2, 4], [4, 2], [2, 4]),
        (["b", 1, True, 0.5], [True, "b"], ["b", True]),  # mixed types: compared, never sorted
        ([1, True], [1.0], [1]),
        (1, [1, 2], 1),
        ([1, 2], 2, 2),
        ({"int": [1, 8]}, {"int": [4, 16]}, {"int": [4, 8]}),
        ({"int": [0, 64], "step": 8}, [8, 12, 16], [8, 16]),
        ({"int": [1, 64], "log": True}, [0, 1, 3, True, "8", 2.0], [1, 3]),
        ({"float": [0.5, 0.9]}, [0.4, 0.5, 1], [0.5]),
        ({"int": [1, 8], "log": True}, {"int": [4, 16], "log": True}, {"int": [4, 8], "log": True}),
    ],
)
def test_intersection(one: Any, other: Any, both: Any) -> None:
    assert typed(common(of(one), of(other)).as_written()) == typed(both)


@pytest.mark.parametrize(
    ("how", "one", "other", "why"),
    [
        (common, [1, 2], [3], "no value in common"),
        (common, [1], [True], "no value in common"),
        (common, 1, 2, "no value in common"),
        (common, {"int": [1, 2]}, {"int": [3, 4]}, r"\[1, 2\] and \[3, 4\] have nothing in common"),
        (common, {"int": [1, 8]}, [9], "no value in common"),
        (united, {"int": [1, 2]}, {"int": [8, 9]}, "do not touch"),
        (united, {"int": [1, 2]}, [4], "list and a range"),
        (united, {"int": [1, 2]}, {"float": [1.0, 2.0]}, "whole numbers"),
        (united, {"int": [1, 8]}, {"int": [1, 8], "log": True}, "log scale"),
        (united, {"int": [0, 8], "step": 2}, {"int": [1, 9], "step": 2}, "other steps"),
        (united, [1], {"choice": [2], "when": "a == 1"}, "different conditions"),
        (united, None, "a", "passes the variable through"),
    ],
)
def test_what_can_not_become_one(how: Any, one: Any, other: Any, why: str) -> None:
    with pytest.raises(Unmergeable, match=why):
        how(of(one), of(other))


def test_equal_is_about_the_meaning() -> None:
    assert equal(of([1, 2]), of([2, 1.0]))
    assert equal(of({"flag": True}), of([False, True]))
    assert equal(of({"choice": [1, 2]}), of([1, 2]))
    assert not equal(of([1]), of([True]))
    assert not equal(of(1), of([1]))
    assert not equal(of({"int": [1, 2]}), of({"float": [1, 2]}))
    assert not equal(of({"int": [1, 2]}), of([1, 2]))
    assert not equal(of(None), of("None"))
