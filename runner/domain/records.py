"""The facts of the other record kinds. Each is exactly the content of `<kind>.json` in its sealed folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runner.domain.failure import EndReason, Verdict
from runner.domain.ground import MemoryLimit
from runner.domain.hardware import HostFacts
from runner.domain.model_facts import ModelFacts
from runner.domain.parameters import Scalar
from runner.domain.prior import Prior, Replayed, WarmStart

RECORD_VERSION = 1


class RecordKind(StrEnum):
    RUN_START = "run_start"
    RUN_END = "run_end"
    ATTEMPT = "attempt"
    REJECTION = "rejection"
    COMPARISON = "comparison"
    RULES = "rules"
    RETRACTION = "retraction"
    MERGE = "merge"
    FOREIGN = "foreign"


class MergeForm(StrEnum):
    RECORDS = "records"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class RunStart:
    """A process of `tunebook run` began on a campaign. `campaign` is the resolved file as plain JSON (what
    `runner.campaign.load.from_resolved` reads back); `campaign_text` the YAML as it was written. `model_facts`: None
    where the model's files were not on this machine, or say nothing. `warm_start` and `replayed` are what its
    series takes from earlier lineages: the first run of the series finds it, the later ones repeat it. `measured_on`
    is a machine of the kind that its attempts run on, where that is not the driver's."""

    run_id: str
    campaign_id: str
    name: str
    version_sha256: str
    search_key: str
    series: int
    campaign: Mapping[str, Any]
    campaign_text: str
    campaign_path: str
    seed: int
    started_utc: str
    host: HostFacts
    git_commit: str
    tunebook_version: str
    trials_planned: int
    warm_start: tuple[WarmStart, ...] = ()
    model_facts: ModelFacts | None = None
    replayed: tuple[Replayed, ...] = ()
    memory_limits: Mapping[str, MemoryLimit] = field(default_factory=dict)  # by runtime; what the pre-check learned
    measured_on: HostFacts | None = None

    @property
    def prior(self) -> Prior:
        return Prior(self.warm_start, self.replayed)

    @property
    def machine(self) -> HostFacts:
        """What the attempts have."""
        return self.measured_on or self.host


@dataclass(frozen=True, slots=True)
class RunEnd:
    run_id: str
    campaign_id: str
    ended_utc: str
    end_reason: EndReason
    seconds: float
    trials: int = 0
    succeeded: int = 0
    failed: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class RejectionFact:
    """A configuration that the pre-check refused: no attempt, no budget, told to nobody."""

    rejection_id: str
    run_id: str
    campaign_id: str
    search_key: str
    series: int
    entry: str
    runtime: str
    fingerprint: str
    params: Mapping[str, Scalar]
    rule: str
    reason: str
    rejected_utc: str


@dataclass(frozen=True, slots=True)
class ComparisonFact:
    """trial_a against trial_b on one metric, from repeats by one client. `log_ratio` is mean(ln a) - mean(ln b),
    oriented so that positive means a is better; `low`, `high` its interval at `confidence`. `purpose`: who asked
    (confirm, gate, reproduce). `more_repeats`: how many more of each would decide, as far as these tell (None: decided,
    or nobody can say); `at_most` how many repeats the campaign allowed. `drift`: the log change of the machine from
    the first round to the last, positive = it became better, with its interval (runner.stats.drift)."""

    comparison_id: str
    run_id: str
    campaign_id: str
    search_key: str
    series: int
    trial_a: str
    trial_b: str
    metric: str
    verdict: Verdict
    repeats: int
    client: str
    reason: str
    compared_utc: str
    log_ratio: float | None = None
    low: float | None = None
    high: float | None = None
    value_a: float | None = None
    value_b: float | None = None
    unit: str = ""
    purpose: str = "confirm"
    confidence: float = 0.95
    more_repeats: int | None = None
    at_most: int | None = None
    drift: float | None = None
    drift_low: float | None = None
    drift_high: float | None = None


@dataclass(frozen=True, slots=True)
class RulesFact:
    """How facts become scores: objective + SLOs + success rate + penalty version. `rules_id` follows from `rules`."""

    rules_id: str
    campaign_id: str
    search_key: str
    rules: Mapping[str, Any]
    written_utc: str


@dataclass(frozen=True, slots=True)
class RetractionFact:
    retraction_id: str
    attempt_id: str
    reason: str
    by: str
    retracted_utc: str


@dataclass(frozen=True, slots=True)
class MergeFact:
    """What `store merge` took from one place. `source` is its name on the command line, `sha256` that of a store file
    (None for record folders), `host` the machine that merged. What was new stands beside it in the record, in
    `taken.sha256`: a line `<sha256 of the manifest>  <name of the folder>` for each."""

    merge_id: str
    source: str
    form: MergeForm
    host: str
    merged_utc: str
    tunebook_version: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One sealed folder, read back: kind, id and the plain JSON of its facts."""

    kind: RecordKind
    record_id: str
    path: str
    facts: Mapping[str, Any] = field(default_factory=dict)
