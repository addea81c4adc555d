"""Prompts of an exact number of tokens, without a tokenizer.

The words below are one token each, with a space before them, in the byte-pair vocabularies in use. That is not
taken on trust: `calibrate` asks the engine itself (`usage.prompt_tokens`) what its template adds and which words it
splits, and drops those. Every request is verified again by its own usage.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

_COMMON = """
the and for with this that from have more about people time year work life world hand part place case week
group number point home water room mother area money story fact month right study book eye job word business
issue side kind head house service friend father power hour game line end member law car city community name
president team minute idea body information back parent face others level office door health person art war
history party result change morning reason research girl moment air teacher force education
"""
WORDS = tuple(_COMMON.split())
UNIQUE = 12
"""Random words at the start of each prompt: 2**78 beginnings, so that no prefix cache ever sees one twice."""

_MAX_PROBES = 24
_FEWEST_WORDS = 24
_MOST_PIECES = 4096
Piece = tuple[str, int]
"""A name and a number of tokens. Pieces of one name have the same words, as far as the shorter one goes."""

Probe = Callable[[str], Awaitable[int | None]]
"""Sends a prompt, asks for one token, gives `usage.prompt_tokens`, or None when the request failed or says nothing."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`overhead` is what the template adds to the words; `words` are one token each. `exact` says that the engine
    confirmed it."""

    overhead: int
    words: tuple[str, ...]
    exact: bool


UNCALIBRATED = Calibration(0, WORDS, False)


async def calibrate(probe: Probe, longest: int) -> Calibration:
    """Learn the template's overhead and the words that are one token each, from prompts of at most `longest` words.

    Several words cost at least one token each, so a list that costs as many tokens as it has words is proven good
    in one probe; a list that costs more is halved until its bad words are found."""
    single = await probe(WORDS[0])
    if single is None:
        return UNCALIBRATED
    budget = [_MAX_PROBES]
    size = max(1, longest - single)
    good: list[str] = []
    for start in range(0, len(WORDS), size):
        if budget[0] <= 0 or len(good) >= _FEWEST_WORDS:
            break
        good += await _good(probe, WORDS[start : start + size], single - 1, budget)
    if not good:
        return Calibration(single - 1, WORDS, False)
    return Calibration(single - 1, tuple(good), True)


async def _good(probe: Probe, words: Sequence[str], overhead: int, budget: list[int]) -> list[str]:
    """Those of `words` that are one token each, as far as the budget of probes goes."""
    if budget[0] <= 0:
        return []
    budget[0] -= 1
    # The first word stands without a space before it, as it does in every prompt.
    count = await probe(" ".join([WORDS[0], *words]))
    if count is None:
        return []
    if count - overhead - 1 == len(words):
        return list(words)
    if len(words) == 1:
        return []
    half = len(words) // 2
    return await _good(probe, words[:half], overhead, budget) + await _good(probe, words[half:], overhead, budget)


class Prompts:
    """Makes prompts. `seed` repeats them; the text of two requests differs from the second word on, or from the one
    after what they share."""

    def __init__(self, calibration: Calibration, seed: int) -> None:
        self.calibration = calibration
        self._pieces: dict[Piece, list[str]] = {}
        self._body = random.Random(f"{seed}/body").choices(calibration.words, k=4096)

    def text(self, tokens: int, seed: str, shared: Sequence[Piece] = ()) -> str:
        """A prompt that the engine counts as `tokens`, its template included. At least one word, so a template
        longer than `tokens` gives more: the row's `prompt_tokens` shows it. It begins with the `shared` pieces, word
        for word as every other prompt that has them; what follows is its own."""
        words = max(1, tokens - self.calibration.overhead)
        rng = random.Random(f"{seed}/prompt")
        front = [word for piece in shared for word in self._piece(piece)][1:]
        head = [WORDS[0], *front, *rng.choices(self.calibration.words, k=UNIQUE)]
        if words <= len(head):
            return " ".join(head[:words])
        rest = words - len(head)
        start = rng.randrange(len(self._body))
        body = self._body[start : start + rest]
        while len(body) < rest:
            body += self._body[: rest - len(body)]
        return " ".join(head + body)

    def _piece(self, piece: Piece) -> list[str]:
        if piece not in self._pieces:
            if len(self._pieces) >= _MOST_PIECES:
                self._pieces.clear()
            name, tokens = piece
            self._pieces[piece] = random.Random(f"{name}/piece").choices(self.calibration.words, k=tokens)
        return self._pieces[piece]
