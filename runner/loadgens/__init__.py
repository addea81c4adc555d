"""SEAM: load generators. Each is a child process: job.json in, rows.jsonl out; it knows only an endpoint.

Protocol between the driver (`runner.measure`) and the child:

* argv: `command(job_path, rows_path)`; stdin is a pipe, stdout carries one JSON object per line (progress), stderr
  goes to client.log.
* job.json: `Job` as JSON. rows.jsonl: one `Row` per finished request, flushed line by line, and nothing else.
* stdout events: {"event":"level_started","position":0} · {"event":"progress","position":0,"done":3,"ok":3,
  "failed":0,"tokens":96} at least once a second while tokens arrive (the watchdog listens) ·
  {"event":"level_ended","position":0,"seconds":3.21,"cpu_seconds":0.4,"sent":12} · {"event":"end"}.
  level_ended may hold "lag", how late the child's event loop was, in seconds by statistic (mean, p50, ... max, as
  in `runner.domain.metrics.STATS`), and "looks", how often that was looked at.
  Optional: {"event":"warmed","position":0,"ok":1,"failed":0} when the warm-up is over; "reported" in level_ended,
  what the client itself computed of the level as {metric: {statistic: value}} in our names and units;
  {"event":"failed","message":...} when it can not go on, before it ends. `seconds` is the measured
  window: from its start to the end of its last request. A level whose every warm-up request failed is not measured:
  `sent` is 0 and the warm-up rows say why.
* Before every level, the first included, and after the last one the child waits for a line on stdin: `next` (go on;
  after the last level: end), `next LEVEL` (measure this one: a `LevelPlan` as JSON on the same line), `again` (measure
  the level that has just ended once more, with other prompts, which no cache knows) or `stop` (end with exit 0). A
  `stop` in the middle of a level gives the level up: a child that can writes a row for each request in flight and
  `level_ended`, then ends; one that can not is ended after two seconds. End of file on stdin means the driver is gone:
  the child ends at once.
* SIGTERM ends it at once; rows written so far are good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from runner.domain.campaign import EachLevel, LevelPlan, Workload
from runner.domain.load import LoadKind, Prefix, Shape
from runner.domain.trial import Endpoint
from runner.errors import Problem
from runner.util import codec
from runner.util.plugins import Folder


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a load generator needs. `seed` makes prompts and arrivals repeatable; no text is ever written out."""

    endpoint: Endpoint
    api: str  # chat | completions
    levels: tuple[LevelPlan, ...]
    each_level: EachLevel
    seed: int
    arrivals: str  # poisson | constant | gamma, for rate and ramp only
    ignore_eos: bool
    temperature: float
    task: str = "text"  # text | embeddings
    shape: Shape = field(default_factory=Shape)
    prefix: Prefix | None = None
    requests: str | None = None  # file of the trace's or dataset's requests, as runner.inputs.prepared writes it
    most: int = 0  # so many levels are measured at most; more than are listed where they come with their orders

    @property
    def count(self) -> int:
        return max(len(self.levels), self.most)


@dataclass(frozen=True, slots=True)
class Row:
    """One request. Times are seconds on the child's monotonic clock, from the start of its level.

    `kind` is `measure` or `warmup`; the driver turns `measure` into `contended` where the level was measured again, and
    such a row counts nowhere. `error` is None for ok, else one of: connect, http_4xx, http_5xx, http_429,
    timeout, reset, cut (stream ended without finish reason, usage or [DONE]), malformed, server_error (an error
    object inside the stream), empty (no token), cancelled. `lost` rows (the level ended before any answer came)
    have error `lost`. `tokens_from` is `usage` or `chunks`. `token_times` are the times of every content chunk.
    `finish` is the finish reason as the server said it (stop, length, ...). `status` the HTTP status.
    """

    position: int
    number: int
    kind: str
    intended: float
    sent: float
    first: float | None
    last: float | None
    ended: float
    asked_prompt: int
    prompt_tokens: int | None
    asked_output: int
    output_tokens: int
    tokens_from: str
    finish: str | None
    status: int | None
    error: str | None
    message: str = ""  # at most 300 characters, of the error only
    token_times: tuple[float, ...] = ()
    server_prompt_seconds: float | None = None  # what the server says it spent, when it says so
    reasoning_tokens: int | None = None  # of `output_tokens`, when the server counts them apart
    answered: float | None = None  # first chunk of the answer itself; `first` may be one of reasoning


def ordered(order: str) -> LevelPlan | None:
    """The level that comes with an order; None for a bare `next`, which means the next one of the job."""
    _, _, text = order.partition(" ")
    return codec.from_json(LevelPlan, text) if text else None


class Can(StrEnum):
    """What a workload may ask of a load generator beyond a closed loop with D, N and U. `check` refuses a campaign
    that needs more than `LoadGenerator.can` of its client, of the confirming one too."""

    RATE = "rate"
    RAMP = "ramp"
    BURST = "burst"
    TRACE = "trace"
    DATASET = "dataset"
    PREFIX = "prefix"
    PREFIX_GROUPS = "prefix groups"
    EMBEDDINGS = "embeddings"
    COMPLETIONS = "completions"


WORDS: dict[Can, tuple[str, str]] = {
    Can.RATE: ("load", "load: {rate: ...}, an open loop"),
    Can.RAMP: ("load", "load: {ramp: ...}"),
    Can.BURST: ("load", "load: {burst: ...}"),
    Can.TRACE: ("trace", "traces"),
    Can.DATASET: ("scenarios", "the scenario dataset"),
    Can.PREFIX: ("prefix", "shared prefixes"),
    Can.PREFIX_GROUPS: ("prefix", "prefixes in more than one group"),
    Can.EMBEDDINGS: ("task", "task: embeddings"),
    Can.COMPLETIONS: ("api", "api: completions"),
}
"""The key of `workload` that asks for it, and what to call it."""


def asked_of_the_client(workload: Workload) -> list[Can]:
    """What the workload needs of its load generator."""
    kinds = {scenario.kind for scenario in workload.scenarios}
    prefix = workload.prefix
    needs = {
        Can.RATE: workload.load_kind is LoadKind.RATE,
        Can.RAMP: workload.load_kind is LoadKind.RAMP,
        Can.BURST: workload.load_kind is LoadKind.BURST,
        Can.TRACE: workload.load_kind is LoadKind.SPEED or "trace" in kinds,
        Can.DATASET: "dataset" in kinds,
        Can.PREFIX: prefix is not None,
        Can.PREFIX_GROUPS: prefix is not None and prefix.groups > 1,
        Can.EMBEDDINGS: workload.task == "embeddings",
        Can.COMPLETIONS: workload.api == "completions",
    }
    return [one for one, needed in needs.items() if needed]


class LoadGenerator(Protocol):
    name: str
    can: frozenset[Can]

    def version(self) -> str: ...

    def command(self, job: Path, rows: Path) -> list[str]:
        """argv of the child process. Raises NotReady where `needs` says what is lacking."""
        ...

    def needs(self) -> Problem | None:
        """What this machine lacks to run it, with the remedy. Starts nothing."""
        ...

    def why_not(self, need: Can) -> str:
        """Why it can not do something that is not in `can`: the end of a sentence, for `check`."""
        ...

    def measures(self, metric: str) -> bool:
        """Whether its rows give this metric; asked of metrics that a campaign judges by."""
        ...


loadgens: Folder[LoadGenerator] = Folder(__name__, "LOADGEN", "load generator", dashed=True)
