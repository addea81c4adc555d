"""Where two greedy answers part, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.answers import Answer, Token
from runner.stats.agreement import NEAR_TIE, agree


def answer(prompt: str, words: str, logprob: float | None = -0.5, others: dict[str, float] | None = None) -> Answer:
    """`words` as one token each; no tokens with `logprob` None."""
    tokens = tuple(Token(f" {word}", logprob, others or {}) for word in words.split())
    return Answer(prompt, "".join(token.text for token in tokens), () if logprob is None else tokens, "length")


def test_the_same_answers_agree_in_full() -> None:
    mine = [answer("a", "one two three"), answer("b", "four five")]
    found = agree(mine, list(reversed(mine)))
    assert (found.exact, found.prompts, found.share) == (2, 2, 1.0)
    assert (found.matched, found.tokens, found.unit) == (5, 5, "token")
    assert (found.first_divergence, found.near_ties, found.logprob_difference) == (None, 0, 0.0)


def test_what_stands_behind_a_divergence_counts_for_nothing() -> None:
    """The last two words are the same, and follow another beginning."""
    found = agree([answer("a", "the sky is blue today")], [answer("a", "the sea is blue today")])
    assert (found.exact, found.matched, found.tokens) == (0, 1, 5)
    assert found.share == pytest.approx(0.2)
    assert found.first_divergence == 1.0


def test_an_answer_that_ends_early_agrees_up_to_there() -> None:
    found = agree([answer("a", "one two three four")], [answer("a", "one two")])
    assert (found.matched, found.tokens, found.first_divergence) == (2, 4, 2.0)
    assert agree([answer("a", "one two")], [answer("a", "one two three four")]).tokens == 4, "of the longer one"
    assert found.near_ties == 0, "nobody says how likely the end was"


def test_the_median_of_the_first_divergences_leaves_equal_answers_out() -> None:
    mine = [answer(name, "a b c d e f") for name in "uvwx"]
    others = [
        answer("u", "a b c d e f"),
        answer("v", "a x c d e f"),
        answer("w", "a b c x e f"),
        answer("x", "a b c d e x"),
    ]
    assert agree(mine, others).first_divergence == 3.0


def test_an_answer_that_never_came_agrees_in_nothing() -> None:
    mine = [answer("a", "one two"), answer("b", "three four five")]
    found = agree(mine, [mine[0], Answer("b", error="HTTP 500")])
    assert (found.prompts, found.answered, found.exact, found.matched, found.tokens) == (2, 1, 1, 2, 5)
    assert agree(mine, [mine[0]]) == found


def test_a_prompt_that_the_reference_did_not_answer_is_left_out() -> None:
    theirs = [answer("a", "one two"), answer("b", "x")]
    found = agree([theirs[0], Answer("b", error="cut")], theirs)
    assert (found.prompts, found.exact, found.share) == (1, 1, 1.0)
    silent = agree([Answer("a", error="cut")], theirs)
    assert (silent.prompts, silent.tokens) == (0, 0)


def test_words_are_compared_where_one_side_has_no_tokens() -> None:
    found = agree([answer("a", "the sky is blue")], [answer("a", "the sky was blue", None)])
    assert (found.unit, found.matched, found.tokens) == ("word", 2, 4)
    assert (found.near_ties, found.logprob_difference, found.logprob_tokens) == (None, None, 0)


def test_tokens_that_do_not_make_the_text_are_not_trusted() -> None:
    """Half a letter of two bytes is spelled in one way here and in another there."""
    torn = Answer("a", " größe", (Token(" gr", -0.1), Token("\ufffd", -0.1), Token("\ufffdße", -0.1)))
    assert agree([torn], [torn]).unit == "word"


def test_log_probabilities_are_compared_only_where_the_answers_agree() -> None:
    found = agree([answer("a", "one two three", -0.5)], [answer("a", "one two four", -0.7)])
    assert found.logprob_difference == pytest.approx(0.2)
    assert found.logprob_tokens == 2


@pytest.mark.parametrize(("gap", "ties"), [(0.1, 1), (NEAR_TIE, 1), (NEAR_TIE + 0.01, 0)])
def test_a_near_tie_is_one_by_the_reference_s_own_numbers(gap: float, ties: int) -> None:
    mine = answer("a", "one two", -1.0, {" one": -1.0, " uno": -1.0 - gap})
    assert agree([mine], [answer("a", "uno two", -0.01)]).near_ties == ties


def test_a_token_that_the_reference_never_thought_of_is_no_near_tie() -> None:
    assert agree([answer("a", "one", -1.0, {" one": -1.0})], [answer("a", "zap")]).near_ties == 0


def test_answers_without_a_word_are_equal_or_not() -> None:
    empty = Answer("a", "", (), "stop")
    assert agree([empty], [empty]).share == 1.0
    assert agree([empty], [Answer("a", error="timeout")]).share == 0.0


def test_the_token_that_ends_an_answer_is_none_of_its_text() -> None:
    """vLLM 0.32.0 lists `<|im_end|>`, llama.cpp does not: the same answer is the same, token by token."""
    mine = answer("a", "one two three")
    its = replace(mine, tokens=(*mine.tokens, Token("<|im_end|>", -0.1)), finish="stop")
    for found in (agree([mine], [its]), agree([its], [mine])):
        assert (found.unit, found.exact, found.matched, found.tokens) == ("token", 1, 3, 3)
        assert found.logprob_difference == 0.0
    odd = replace(mine, tokens=(*mine.tokens, Token("<a>"), Token("<b>")))
    assert agree([mine], [odd]).unit == "word", "tokens that are not those of the text are not compared"
