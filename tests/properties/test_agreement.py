"""What must hold for any two lists of answers."""

from __future__ import annotations

import math
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.answers import Answer, Token
from runner.stats.agreement import agree

EXAMPLES = settings(max_examples=int(os.environ.get("TUNEBOOK_EXAMPLES", "80")), deadline=None)
TOKENS = st.builds(
    Token,
    text=st.sampled_from([" a", " b", "c", " ", "\n", "ä", "\ufffd", ""]),
    logprob=st.none() | st.floats(-50, 0),
    others=st.dictionaries(st.sampled_from([" a", " b", "c"]), st.floats(-50, 0), max_size=3),
)


@st.composite
def answers(draw: st.DrawFn) -> list[Answer]:
    made = []
    for name in ("p", "q", "r"):
        tokens = tuple(draw(st.lists(TOKENS, max_size=6)))
        text = "".join(token.text for token in tokens) if draw(st.booleans()) else draw(st.text(max_size=8))
        kept = tokens if draw(st.booleans()) else ()
        error = draw(st.sampled_from([None, None, None, "timeout"]))
        made.append(Answer(name, text, kept, "length", error))
    return made[: draw(st.integers(0, 3))]


@EXAMPLES
@given(answers(), answers())
def test_every_number_is_one_that_a_store_takes(mine: list[Answer], theirs: list[Answer]) -> None:
    found = agree(mine, theirs)
    assert 0 <= found.share <= 1
    assert 0 <= found.exact <= found.answered <= found.prompts <= len(mine)
    assert 0 <= found.matched <= found.tokens
    assert found.near_ties is None or 0 <= found.near_ties <= found.answered - found.exact
    for value in (found.first_divergence, found.logprob_difference):
        assert value is None or (math.isfinite(value) and value >= 0)
    assert (found.logprob_difference is None) == (found.logprob_tokens == 0)


@EXAMPLES
@given(answers())
def test_whoever_is_compared_with_himself_agrees(mine: list[Answer]) -> None:
    found = agree(mine, mine)
    assert found.share == 1.0
    assert found.exact == found.answered == found.prompts
    assert found.first_divergence is None
    assert found.logprob_difference in (None, 0.0)


@EXAMPLES
@given(answers(), answers())
def test_the_order_of_the_answers_does_not_matter(mine: list[Answer], theirs: list[Answer]) -> None:
    assert agree(mine, theirs) == agree(mine, theirs[::-1])


@EXAMPLES
@given(answers(), answers())
def test_full_agreement_is_equality(mine: list[Answer], theirs: list[Answer]) -> None:
    """A guard that asks for 1 lets nothing pass that differs by more than the white space around its words."""
    found = agree(mine, theirs)
    if found.share == 1.0:
        assert found.matched == found.tokens
        assert found.answered == found.prompts
    if found.answered and found.exact < found.prompts and found.answered == found.prompts:
        assert found.first_divergence is not None
