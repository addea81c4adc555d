"""What the simulated model says: the same words for the same prompt, but for what a smaller cache type changes.

A smaller type makes some answers go other ways, as it does in real engines: `q8` in one of eight prompts and only at a
near tie, `q4` in half of them and wherever it happens. The word of a place follows from the prompt and the type alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

WORDS = ("it", "is", "as", "you", "say", "so", "we", "go", "on")

_CACHE = {"f16": (0.0, 0, 0.0), "q8": (0.125, 1, 0.002), "q4": (0.5, 2, 0.04)}
"""Cache type -> share of the prompts that go another way; which of the next words is said there instead (the first is
a near tie, the second is not); how far the log-probabilities lie off (nats)."""
_GAPS = {1: 0.3, 2: 2.0}
"""How much less likely (nats) than the word that is said the next ones are."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word, its log-probability (nats), and what else was likely there."""

    text: str
    logprob: float
    others: dict[str, float]


class Speech:
    """The answer to one prompt, known by its hash. `wrong`: every word is another one."""

    def __init__(self, prompt_sha256: str, cache_dtype: str, *, wrong: bool = False) -> None:
        self._sha = prompt_sha256
        share, self._step, self._off = _CACHE[cache_dtype]
        rng = random.Random(f"{prompt_sha256}/{cache_dtype}")
        self._parts_at = rng.randint(4, 16) if rng.random() < share else None
        self._wrong = wrong

    def text(self, number: int) -> str:
        """The `number`th word, from 1."""
        return _word(number + self._shift(number))

    def said(self, number: int) -> Said:
        usual = -random.Random(f"{self._sha}/{number}").uniform(0.01, 0.5)
        logprob = round(usual - self._off, 6)
        place = number + self._shift(number)
        others = {_word(place + step): round(logprob - gap, 6) for step, gap in _GAPS.items()}
        return Said(_word(place), logprob, {_word(place): logprob, **others})

    def _shift(self, number: int) -> int:
        if self._wrong:
            return 4
        return self._step if self._parts_at is not None and number >= self._parts_at else 0


def _word(place: int) -> str:
    return f" {WORDS[place % len(WORDS)]}"
