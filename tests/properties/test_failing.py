"""Properties of what is said about failed trials, and of the follow-up file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.campaign.document import read
from runner.render.yaml_text import yaml_text
from runner.stats.failing import FEWEST, Tried, findings, nearest
from runner.stats.ranks import holm, rank_sum

severities = st.sampled_from([0.95, 0.85, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2, 0.02])
some = st.lists(severities, min_size=1, max_size=5)


def counted(a: Sequence[float], b: Sequence[float]) -> float:
    """The definition: over every way to split all values, the share at least as uneven."""
    values = [*a, *b]
    ranks = [sum(v < w for v in values) + (1 + sum(v == w for v in values)) / 2 for w in values]
    middle = len(a) * (len(values) + 1) / 2
    off = abs(sum(ranks[: len(a)]) - middle)
    splits = [abs(sum(chosen) - middle) for chosen in combinations(ranks, len(a))]
    return sum(one >= off - 1e-9 for one in splits) / len(splits)


@given(some, some)
def test_the_rank_test_is_its_definition(a: list[float], b: list[float]) -> None:
    assert rank_sum(a, b) == pytest.approx(counted(a, b))
    assert rank_sum(a, b) == pytest.approx(rank_sum(b, a))
    assert rank_sum([-math.log(v) for v in a], [-math.log(v) for v in b]) == pytest.approx(rank_sum(a, b))


def test_the_approximation_takes_over_where_the_exact_count_ends() -> None:
    a, b = [0.1 * n for n in range(20)], [0.1 * n + 0.55 for n in range(20)]
    exact, near = rank_sum(a, b), rank_sum([*a, 0.95], [*b, 1.5])
    assert 0 < near <= 1
    assert math.log(exact / near) == pytest.approx(0, abs=0.5)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_only_raises_and_keeps_the_order(chances: list[float]) -> None:
    corrected = holm(chances)
    assert all(before <= after <= 1 for before, after in zip(chances, corrected, strict=True))
    pairs = list(zip(chances, corrected, strict=True))
    assert all(x <= y for a, x in pairs for b, y in pairs if a < b)


trials = st.builds(
    Tried,
    number=st.integers(0, 99),
    entry=st.sampled_from(["a", "b"]),
    values=st.fixed_dictionaries({}, optional={"n": st.integers(1, 9), "kind": st.sampled_from(["x", "y", "z"])}),
    severity=st.one_of(st.just(0.0), severities),
    levels_done=st.integers(0, 3),
)


@given(st.lists(trials, max_size=14), st.randoms())
def test_nothing_is_said_without_evidence(tried: list[Tried], shuffle: Any) -> None:
    said = findings(tried)
    for one in said:
        assert min(one.trials, one.others) >= FEWEST
        assert one.severity < one.severity_others
        assert one.chance <= 0.05
    other = list(tried)
    shuffle.shuffle(other)
    assert findings(other) == said


@given(st.lists(trials, max_size=14))
def test_the_nearest_is_a_failure_and_nothing_is_nearer(tried: list[Tried]) -> None:
    failed = [trial for trial in tried if trial.severity > 0]
    near = nearest(tried)
    assert (near is None) is (not failed)
    if near is not None:
        mine = (near.severity, -near.levels_done, near.number)
        assert all(mine <= (other.severity, -other.levels_done, other.number) for other in failed)


def test_a_strong_effect_is_said_and_a_single_trial_never() -> None:
    early = [Tried(n, "a", {"kind": "x", "n": n}, 0.8) for n in range(6)]
    late = [Tried(6 + n, "a", {"kind": "y", "n": n}, 0.35) for n in range(6)]
    [one] = findings([*early, *late])
    assert (one.what, one.trials, one.others) == ("kind = y", 6, 6)
    assert "median severity 0.35 in 6 trials, else 0.80 in 6" in one.text
    assert findings([*early, late[0]]) == ()


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff\u2028\u2029\x85"), max_size=9
)
keys = st.text("abcxyz-_.019", min_size=1, max_size=6)
tricky = ["on", "off", "yes", "1e3", "0x1f", "1:30", "5s", "true", "~", "- a", "#x", "a: b"]
scalars = st.one_of(
    words,
    st.sampled_from(tricky),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
)
data = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(keys, data, min_size=1, max_size=4))
@settings(max_examples=200)
def test_a_written_file_reads_back_the_same(tree: dict[str, Any]) -> None:
    comments: dict[tuple[str | int, ...], list[str]] = {(key,): ["why"] for key in tree}
    document = read(yaml_text(tree, comments), "x.yaml")
    assert document.problems == []
    assert document.data == tree
