"""What an engine answers at temperature 0, and how far two agree in it. Texts stay in records; numbers leave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class TokenUnit(StrEnum):
    """What answers are compared by. Words, where an engine does not say what its tokens are."""

    TOKEN = "token"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question of the fixed set. `name` is its key, the same in every campaign."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer. `logprob` (nats, at most 0) and `others` (text of a token that was likely too -> its
    log-probability at this place) are there where the engine serves them."""

    text: str
    logprob: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one prompt. `tokens` is empty where the engine serves no log-probabilities: nobody can tell then
    where a token ends. `error` says why there is no answer; None for one that came."""

    prompt: str
    text: str = ""
    tokens: tuple[Token, ...] = ()
    finish: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one attempt: exactly the content of answers.json in its record. `prompts_id` names the set of
    prompts: two sets are not comparable."""

    attempt_id: str
    entry: str
    prompts_id: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far answers agree with those of a reference, over the `prompts` that the reference answered.

    `exact` answers are the same text. Of each of the others only what stands before its first divergence agrees: what
    follows is the answer to another beginning. `matched` of `tokens` agree, summed over the prompts.
    `first_divergence` is the median number of tokens before
    the first divergence, over the answers that diverge. `near_ties` of those diverge where the reference itself nearly
    said the other token; `logprob_difference` is the mean |difference| (nats) over the `logprob_tokens` tokens that
    agree; both None where log-probabilities are not served by both.
    """

    prompts: int
    answered: int
    exact: int
    matched: int
    tokens: int
    unit: TokenUnit
    first_divergence: float | None = None
    near_ties: int | None = None
    logprob_difference: float | None = None
    logprob_tokens: int = 0

    @property
    def share(self) -> float:
        """The token agreement, in [0, 1]."""
        if not self.tokens:
            return 1.0 if self.exact == self.prompts else 0.0
        return self.matched / self.tokens


@dataclass(frozen=True, slots=True)
class QualityFacts:
    """What the answers of one attempt were. `reference` is the entry whose default it is compared with, and
    `reference_attempt` the attempt whose answers were taken: its own for the reference itself, None when there were
    none to compare with. `agreement` is None in both of these cases."""

    reference: str
    prompts_id: str
    asked: int
    answered: int
    reference_attempt: str | None = None
    agreement: Agreement | None = None
