"""What a workload is made of besides its scenarios: kinds and shapes of load, shared prefixes, files of requests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PER_TOKEN = 4
"""Characters of a text that count as one token where nobody has counted it."""


class LoadKind(StrEnum):
    """What the one number of a level is. Only the first is a closed loop."""

    CONCURRENCY = "concurrency"  # so many users, each waits for its answer
    RATE = "rate"  # so many requests per second, whatever the answers do
    RAMP = "ramp"  # requests per second at the end of a rate that rises
    BURST = "burst"  # so many requests at one moment, again and again
    SPEED = "speed"  # how many times faster than it was recorded a trace is replayed

    @property
    def is_open(self) -> bool:
        """Whether requests are sent at moments of their own, whatever the answers do."""
        return self is not LoadKind.CONCURRENCY


AT = {
    "c": LoadKind.CONCURRENCY,
    "r": LoadKind.RATE,
    "ramp": LoadKind.RAMP,
    "burst": LoadKind.BURST,
    "speed": LoadKind.SPEED,
}
"""How `objective.at` spells the load of one level: `c=32`, `r=4`, `ramp=8`, `burst=16`, `speed=2`."""


def load_words(kind: str, value: float) -> str:
    """A load for people: `8 users`, `4 requests/s`, `bursts of 16`, `the trace at speed 2`."""
    match kind:
        case LoadKind.CONCURRENCY:
            return f"{value:g} user{'' if value == 1 else 's'}"
        case LoadKind.RATE:
            return f"{value:g} requests/s"
        case LoadKind.RAMP:
            return f"a ramp to {value:g} requests/s"
        case LoadKind.BURST:
            return f"bursts of {value:g}"
        case LoadKind.SPEED:
            return f"the trace at speed {value:g}"
        case _:
            return f"{kind} {value:g}"


AXES: dict[str, str] = {
    LoadKind.CONCURRENCY: "Users at a time",
    LoadKind.RATE: "Requests per second",
    LoadKind.RAMP: "Requests per second at the end of the ramp",
    LoadKind.BURST: "Requests of a burst",
    LoadKind.SPEED: "Speed of the trace",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What an open loop has besides its number. `ramp_from`: requests per second at the start of a ramp.
    `burst_every`: seconds between two bursts. `gamma`: shape of the gaps with arrivals `gamma`; below 1 they clump."""

    ramp_from: float = 0.0
    burst_every: float = 10.0
    gamma: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadSearch:
    """A load that is searched for, not listed: the highest one from `low` to `high` at which the SLOs hold, found on
    one server in at most `levels` levels of each scenario. Of a closed loop the bounds are whole numbers."""

    low: float
    high: float
    levels: int = 8


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning that prompts share: `length` tokens, or a `ratio` of each prompt; in `groups` of their own."""

    length: int | None = None
    ratio: float | None = None
    groups: int = 1

    def tokens(self, prompt: int) -> int:
        """Of a prompt of so many tokens. At least one token stays its own."""
        wanted = self.length if self.length is not None else round((self.ratio or 0.0) * prompt)
        return max(0, min(wanted, prompt - 1))


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A trace or a dataset. What it is, is its content: `sha256` of the file as it is given, `form`, and for a dataset
    its columns. Outside every hash: where it lies (`path` or `url`), `max_size` (bytes, unpacked), and what was found
    in it: how many `requests`, and prompt and output tokens of the `longest` (0 = the file is not here yet).

    `form` is azure or mooncake (a trace), or jsonl, csv, parquet or sharegpt (a dataset). `output` is the column that
    holds the tokens or the text of an answer, or a number of tokens for all."""

    sha256: str
    form: str
    path: str | None = None
    url: str | None = None
    prompt: str | None = None
    output: str | int | None = None
    max_size: int = 10**9
    longest: int = 0
    requests: int = 0

    @property
    def label(self) -> str:
        return (self.path or self.url or "").rstrip("/").rsplit("/", 1)[-1]
