"""Scripted faults: every way an engine is known to fail, by name, each on a seeded share of the requests.

Written `NAME[:VALUE[:SHARE]][@START]`. What VALUE means stands in FAULTS; where it is a share, SHARE is not written.
START says from when the fault acts on requests: `@5` from the sixth request on, `@l1` from the second level on
(levels are known from the `X-Request-Id` that the native client sends). Requests count from 0.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`value` is what VALUE means (None: it takes none) and `default` what it is when not written."""

    what: str
    value: str | None = None
    default: float = 0.0
    request: bool = True  # acts on requests; else on the process


FAULTS: dict[str, Kind] = {
    "bad_flag": Kind("refuses its command line, exit 2", request=False),
    "slow_load": Kind("takes longer to load", "seconds", 10.0, request=False),
    "never_ready": Kind("never finishes loading", request=False),
    "oom_load": Kind("runs out of memory while loading, exit 1", request=False),
    "crash_load": Kind("dies by SIGABRT while loading", request=False),
    "ignore_sigterm": Kind("ignores SIGTERM", request=False),
    "leave_children": Kind("starts two processes that outlive it, one in a session of its own", request=False),
    "crash_at_level": Kind("dies by SIGABRT at the first request of that level", "level", 0.0),
    "crash_after": Kind("dies by SIGABRT at that request", "requests", 0.0),
    "hang": Kind("accepts, and never answers", "share", 1.0),
    "hang_after_tokens": Kind("stops sending after so many tokens", "tokens", 4.0),
    "stall": Kind("stands still for so long, once, with all that runs", "seconds", 1.0),
    "storm_503": Kind("answers 503", "share", 1.0),
    "http_429": Kind("answers 429", "share", 1.0),
    "http_400": Kind("answers 400", "share", 1.0),
    "reset": Kind("resets the connection before it answers", "share", 1.0),
    "close": Kind("closes the connection in order, without an answer", "share", 1.0),
    "drop_stream": Kind("closes the connection in order, in the middle of the stream", "share", 1.0),
    "unchunked": Kind("streams without chunks: the end of the connection is the end of the answer", "share", 1.0),
    "cut_stream": Kind("aborts the connection in the middle of the stream", "share", 1.0),
    "truncate": Kind("ends cleanly at half of the tokens, finish reason stop", "share", 1.0),
    "silent_truncate": Kind("ends cleanly at half of the tokens, no finish reason, no usage", "share", 1.0),
    "sse_error_object": Kind("sends an error object inside the stream", "share", 1.0),
    "sse_error_text": Kind("sends an error as text inside the stream", "share", 1.0),
    "sse_error_code": Kind("sends an error object with a word for its code inside the stream", "share", 1.0),
    "malformed_json": Kind("sends half a JSON object", "share", 1.0),
    "no_tokens": Kind("ends cleanly without a token", "share", 1.0),
    "no_usage": Kind("leaves the usage out", "share", 1.0),
    "wrong_answers": Kind("says other words than it should", "share", 1.0),
    "no_logprobs": Kind("answers 400 when it is asked for log-probabilities", "share", 1.0),
}

_SPELLING = re.compile(r"(?P<name>\w+)(?::(?P<value>[\d.]+))?(?::(?P<share>[\d.]+))?(?:@(?P<level>l)?(?P<start>\d+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    value: float = 0.0
    share: float = 1.0
    from_request: int = 0
    from_level: int | None = None

    def acts(self, seed: int, number: int, level: int | None) -> bool:
        """Whether it acts on request `number`. The same seed chooses the same requests."""
        if number < self.from_request or (self.from_level is not None and (level is None or level < self.from_level)):
            return False
        return self.share >= 1.0 or random.Random(f"{seed}/{self.name}/{number}").random() < self.share


def parse(text: str) -> Fault:
    """Raises ValueError for a spelling or a name that is not known."""
    match = _SPELLING.fullmatch(text)
    if match is None or match["name"] not in FAULTS:
        raise ValueError(f"{text!r} is no fault (known: {', '.join(FAULTS)})")
    kind = FAULTS[match["name"]]
    value = float(match["value"]) if match["value"] else kind.default
    share = value if kind.value == "share" else float(match["share"] or 1.0)
    start = int(match["start"] or 0)
    if match["level"]:
        return Fault(match["name"], value, share, 0, start)
    return Fault(match["name"], value, share, start)


def parse_all(texts: Iterable[str]) -> tuple[Fault, ...]:
    """Each text may hold several, separated by commas; `none` is no fault."""
    names = [name.strip() for text in texts for name in text.split(",")]
    return tuple(parse(name) for name in names if name and name != "none")


class Script:
    """The faults of one engine."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self.seed = seed

    def process(self, name: str) -> Fault | None:
        """The fault of that name that acts on the process."""
        return next((fault for fault in self.faults if fault.name == name), None)

    def request(self, number: int, level: int | None) -> dict[str, Fault]:
        """The faults that act on this request, by name."""
        return {
            fault.name: fault
            for fault in self.faults
            if FAULTS[fault.name].request and fault.acts(self.seed, number, level)
        }
