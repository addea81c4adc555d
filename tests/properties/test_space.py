"""Properties of units, fingerprints, grids, expressions and the resolved campaign, over inputs nobody thought of."""

from __future__ import annotations

import json
import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.campaign.build import build
from runner.campaign.document import read
from runner.campaign.load import from_resolved, parse, resolved
from runner.campaign.schema import CampaignFile
from runner.domain.ids import canonical, fingerprint
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Scalar, Space
from runner.domain.units import format_duration, parse_duration
from runner.errors import CampaignError
from runner.space.constraints import evaluate, explain
from runner.space.expand import active, enumerate_points, random_point, size
from runner.space.expressions import ExpressionError, names_in

relaxed = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
"""No timing is asserted: the machine may be busy."""

names = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
scalars: st.SearchStrategy[Scalar] = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12),
)
flags = st.dictionaries(names, scalars, max_size=6)


@st.composite
def ranges(draw: st.DrawFn) -> Parameter:
    log = draw(st.booleans())
    low = draw(st.integers(1, 1000))
    high = low + draw(st.integers(0, 1000))
    if draw(st.booleans()):
        return Int(low, high, log, 1 if log else draw(st.integers(1, 50)))
    return Float(low / 7, high / 7, log)


parameters = st.one_of(ranges(), st.lists(scalars, min_size=1, max_size=4, unique_by=canonical).map(tuple).map(Choice))
spaces = st.dictionaries(names, parameters, max_size=3).map(lambda p: Space((EntrySpace("one", p),), {}))


@relaxed
@given(st.integers(1, 10**9))
def test_duration_to_text_and_back_to_the_millisecond_or_the_second(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    exact = seconds if seconds < 60 else round(seconds)
    assert abs(parse_duration(format_duration(seconds)) - exact) < 1e-6


@relaxed
@given(st.text(max_size=20))
def test_a_duration_is_read_or_refused(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except ValueError:
        pass


@relaxed
@given(flags, st.dictionaries(names, st.text(max_size=5), max_size=3), st.randoms(use_true_random=False))
def test_fingerprint_does_not_see_the_order_of_keys(
    flags: dict[str, Scalar], env: dict[str, str], rng: random.Random
) -> None:
    shuffled = list(flags.items())
    rng.shuffle(shuffled)
    assert fingerprint("e", flags, env) == fingerprint("e", dict(shuffled), dict(reversed(env.items())))


@relaxed
@given(spaces)
def test_the_grid_has_no_point_twice_and_as_many_as_its_size(space: Space) -> None:
    points = [canonical(dict(point.values)) for point in enumerate_points(space)]
    assert len(points) == len(set(points)) == size(space)


@relaxed
@given(spaces, st.integers(0, 2**32))
def test_a_random_point_lies_in_the_space(space: Space, seed: int) -> None:
    point = random_point(space, random.Random(seed))
    entry = space.entry(point.entry)
    assert active(entry, point.values, {}) == point.values
    for name, value in point.values.items():
        parameter = entry.parameters[name]
        if isinstance(parameter, Choice):
            assert value in parameter.values
        else:
            assert isinstance(value, int | float)
            assert parameter.low <= value <= parameter.high


@relaxed
@given(st.text(max_size=60), flags)
def test_any_text_is_evaluated_or_refused_in_our_words(text: str, values: dict[str, Scalar]) -> None:
    _evaluated_or_refused(text, values)


words = st.sampled_from(
    ["a", "b-c", "env.X", "1", "0", "2.5", "1e300", "'t'", "true", "and", "or", "not", "in", "+", "-", "*", "/", "//",
     "%", "<", "<=", "==", "!=", "(", ")", "[", "]", ","]
)  # fmt: skip


@given(st.lists(words, max_size=25).map(" ".join))
@settings(relaxed, max_examples=500)
def test_any_row_of_words_is_evaluated_or_refused_in_our_words(text: str) -> None:
    _evaluated_or_refused(text, {"a": 3, "b-c": "t", "env.X": True})


def _evaluated_or_refused(text: str, values: dict[str, Scalar]) -> None:
    try:
        assert evaluate(text, values) in (True, False, None)
        names_in(text)
        reason = explain(text, values)
        assert (reason is not None) is (evaluate(text, values) is False)
    except ExpressionError as refused:
        message = str(refused)
    else:
        message = "evaluated"
    assert message


GOOD = (Path(__file__).parents[1] / "runner" / "campaign" / "good.yaml").read_text()


@relaxed
@given(flags, st.dictionaries(names, parameters, max_size=3), st.sampled_from(["worst", "mean", "c=4"]))
def test_a_resolved_campaign_comes_back_equal(flags: dict[str, Scalar], space: dict[str, Parameter], at: str) -> None:
    data = read(GOOD, "good.yaml").data
    data["runtimes"][0] |= {"flags": flags, "space": {name: _written(p) for name, p in space.items()} or None}
    data["objective"]["at"] = at
    campaign = build(CampaignFile.model_validate(data))
    assert campaign.entries[0].space.parameters == space
    again = from_resolved(json.loads(canonical(resolved(campaign))))
    assert again == campaign
    assert canonical(resolved(again)) == canonical(resolved(campaign))  # 1, 1.0 and true stay what they were


def _written(parameter: Parameter) -> object:
    match parameter:
        case Choice(values):
            return list(values)
        case Int(low, high, log, step):
            return {"int": [low, high], "log": log} | ({"step": step} if step > 1 else {})
        case Float(low, high, log):
            return {"float": [low, high], "log": log}


@relaxed
@given(st.text(max_size=200))
def test_any_text_is_a_campaign_or_a_campaign_error(text: str) -> None:
    _loaded_or_refused(text)


lines = st.sampled_from(GOOD.splitlines())


@relaxed
@given(st.lists(lines, max_size=12), st.integers(0, 40), st.integers(0, 40))
def test_any_mangled_campaign_is_a_campaign_or_a_campaign_error(new: list[str], start: int, length: int) -> None:
    whole = GOOD.splitlines()
    _loaded_or_refused("\n".join([*whole[:start], *new, *whole[start + length :]]))


def _loaded_or_refused(text: str) -> None:
    try:
        parse(text, Path("any.yaml"))
    except CampaignError as refused:
        problems = refused.problems()
    else:
        return
    assert problems
    assert all(problem.where is not None and problem.what for problem in problems)
