"""How far two lists of greedy answers agree. Pure.

The definition follows the First Divergent Token metric of Deiseroth et al., Divergent Token Metrics (NAACL 2024,
arXiv:2311.01544): of two greedy answers, what counts is where the first token differs. Behind it the two engines have
read different texts, so that a token which happens to be the same there says nothing; vLLM's own tests compare engines
the same way. Token agreement is the share of tokens before the first divergence, of the longer of the two answers,
summed over all prompts.

Engines differ legitimately where two tokens are almost equally likely: another order of additions is enough. Such a
divergence is counted as one, and counted among the near ties too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from statistics import median

from runner.domain.answers import Agreement, Answer, TokenUnit

NEAR_TIE = 0.5
"""Nats. The reference gave the other token at least 60 % of the probability of its own."""

_WORD = re.compile(r"\s*\S+")


def agree(reference: Sequence[Answer], other: Sequence[Answer]) -> Agreement:
    """`other` against `reference`, by name of the prompt; the order does not matter. A prompt that the reference did
    not answer is left out; one that only `other` did not answer agrees in nothing."""
    theirs = {answer.prompt: _without_end(answer) for answer in other}
    pairs = [(_without_end(mine), theirs.get(mine.prompt)) for mine in reference if mine.error is None]
    both = [(mine, its) for mine, its in pairs if its is not None and its.error is None]
    by_token = all(_has_tokens(mine) and _has_tokens(its) for mine, its in both)
    silent = [mine for mine, its in pairs if its is None or its.error is not None]
    matched = [_matched(mine, its, by_token) for mine, its in both]
    lengths = [max(len(_pieces(mine, by_token)), len(_pieces(its, by_token))) for mine, its in both]
    exact = [mine.text == its.text for mine, its in both]
    diverged = [before for before, same in zip(matched, exact, strict=True) if not same]
    differences = list(_differences(both)) if by_token else []
    ties = [_is_near_tie(mine, its) for mine, its in both if mine.text != its.text] if by_token else []
    known = [tie for tie in ties if tie is not None]
    return Agreement(
        prompts=len(pairs),
        answered=len(both),
        exact=sum(exact),
        matched=sum(length if same else before for before, length, same in zip(matched, lengths, exact, strict=True)),
        tokens=sum(lengths) + sum(max(1, len(_pieces(mine, by_token))) for mine in silent),
        unit=TokenUnit.TOKEN if by_token else TokenUnit.WORD,
        first_divergence=float(median(diverged)) if diverged else None,
        near_ties=sum(known) if differences or known else None,
        logprob_difference=sum(differences) / len(differences) if differences else None,
        logprob_tokens=len(differences),
    )


def _pieces(answer: Answer, by_token: bool) -> list[str]:
    return [token.text for token in answer.tokens] if by_token else _WORD.findall(answer.text)


def _without_end(answer: Answer) -> Answer:
    """vLLM 0.32.0 lists the token that ends an answer, which is no part of its text; llama.cpp does not."""
    shorter = replace(answer, tokens=answer.tokens[:-1])
    return shorter if answer.tokens and not _has_tokens(answer) and _has_tokens(shorter) else answer


def _has_tokens(answer: Answer) -> bool:
    """Whether its tokens are those of its text. An engine may put more into them than into the text, or spell half a
    letter in its own way."""
    return "".join(token.text for token in answer.tokens).strip() == answer.text.strip()


def _matched(mine: Answer, its: Answer, by_token: bool) -> int:
    """Tokens before the first that differs. The end of an answer is a token too: it differs from any other."""
    pairs = zip(_pieces(mine, by_token), _pieces(its, by_token), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _differences(both: Iterable[tuple[Answer, Answer]]) -> Iterable[float]:
    for mine, its in both:
        for a, b in zip(mine.tokens, its.tokens, strict=False):
            if a.text != b.text:
                break
            if a.logprob is not None and b.logprob is not None:
                yield abs(a.logprob - b.logprob)


def _is_near_tie(mine: Answer, its: Answer) -> bool | None:
    """Whether the reference nearly said the other token itself; None when it does not say how likely its tokens were,
    or when one of the two answers ended there."""
    place = _matched(mine, its, by_token=True)
    if place >= min(len(mine.tokens), len(its.tokens)):
        return None
    said, instead = mine.tokens[place], its.tokens[place].text
    if said.logprob is None:
        return None
    return instead in said.others and said.logprob - said.others[instead] <= NEAR_TIE
