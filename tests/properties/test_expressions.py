"""The little language of `when` and `where` against Python's own evaluation, on expressions nobody thought of.

Python is the judge here and nowhere else: the product never calls eval.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runner.domain.parameters import Scalar
from runner.space.constraints import evaluate, explain
from runner.space.expressions import DEEPEST, ExpressionError, names_in

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

NUMBERS: dict[str, Scalar] = {"a": 3, "b": 0, "c": 2.5, "d": -7, "e": 1024}
WORDS: dict[str, Scalar] = {"s": "f16", "t": "q8_0"}
SWITCHES: dict[str, Scalar] = {"on": True, "off": False}
NAMES = {**NUMBERS, **WORDS, **SWITCHES}

numbers = st.one_of(
    st.sampled_from(sorted(NUMBERS)), st.integers(0, 99).map(str), st.sampled_from(["0.5", "1.25", "2e3"])
)
words = st.one_of(st.sampled_from(sorted(WORDS)), st.sampled_from(["'f16'", "'q4'", '"on"', "''"]))
switches = st.one_of(st.sampled_from(sorted(SWITCHES)), st.sampled_from(["true", "false"]))

sums = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=6,
)
orders = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
lists = st.lists(st.one_of(numbers, words), min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")
facts = st.one_of(
    st.tuples(sums, orders, sums).map(" ".join),
    st.tuples(sums, orders, sums, orders, sums).map(" ".join),
    st.tuples(words, st.sampled_from(["==", "!="]), words).map(" ".join),
    st.tuples(switches, st.sampled_from(["==", "!="]), switches).map(" ".join),
    st.tuples(st.one_of(numbers, words), st.sampled_from(["in", "not in"]), lists).map(" ".join),
    switches,
)
truths = st.recursive(
    facts,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)


def python(text: str, names: Mapping[str, Any]) -> bool:
    """What Python makes of it: the same words, but for the names of true and false."""
    return bool(eval(text, {"__builtins__": {}, "true": True, "false": False}, dict(names)))


def answer(text: str, names: Mapping[str, Scalar]) -> bool | str | None:
    """What we make of it; a text is the reason why we make nothing of it."""
    try:
        return evaluate(text, names)
    except ExpressionError as refused:
        return str(refused)


@settings(relaxed, max_examples=600)
@given(truths)
def test_it_says_what_python_says(text: str) -> None:
    ours = answer(text, NAMES)
    try:
        expected = python(text, NAMES)
    except ZeroDivisionError:
        assert "zero" in str(ours), "it divides by zero, and that is not said"
        return
    if isinstance(ours, str):  # Python counts further, and nests deeper, than an author can read
        assert "too large" in ours or f"{DEEPEST}" in ours
        return
    assert ours is expected
    assert (explain(text, NAMES) is None) is expected


@settings(relaxed, max_examples=300)
@given(truths, st.sets(st.sampled_from(sorted(NAMES)), min_size=1))
def test_what_is_known_without_a_name_stays_so_whatever_its_value(text: str, hidden: set[str]) -> None:
    """Three values: an answer that does not need the hidden names is the answer for every value of them."""
    less = {name: value for name, value in NAMES.items() if name not in hidden}
    early, late = answer(text, less), answer(text, NAMES)
    assume(not isinstance(early, str) and not isinstance(late, str))
    if not names_in(text) & hidden:
        assert early is late
    if early is not None:
        assert early is late


@settings(relaxed, max_examples=300)
@given(truths)
def test_names_in_are_the_names_it_uses(text: str) -> None:
    assume("deep" not in str(answer(text, NAMES)))
    used = names_in(text)
    assert used <= set(NAMES)
    assert answer(text, {name: NAMES[name] for name in used}) == answer(text, NAMES)
