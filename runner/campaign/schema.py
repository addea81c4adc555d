"""The campaign file as a strict schema. It says what may stand where; what it means together is in `checks`.

`python -m runner.campaign.schema > site/campaign.schema.json` writes the JSON Schema that editors use.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from runner.campaign.entry_schema import EntrySection
from runner.campaign.fields import (
    Duration,
    Limit,
    NameText,
    Number,
    OnOff,
    ScenarioText,
    Section,
    Share,
    Text,
    Whole,
    YesNo,
    complaint,
    lasting,
)
from runner.campaign.load_schema import ArrivalsField, DatasetSection, LoadSection, PrefixSection, TraceSection
from runner.domain import campaign as domain

FORMAT = 1


def _known_format(value: int) -> int:
    if value != FORMAT:
        raise complaint(
            "format-version",
            f"format version {value} is not known: this tunebook reads {FORMAT}",
            "a newer tunebook may read it" if value > FORMAT else None,
        )
    return value


class ModelSection(Section):
    """What is served: exactly one of `id`, `path`, or `package` with `file`."""

    id: Text | None = Field(None, description="Hub id, such as meta-llama/Llama-3.1-8B-Instruct.")
    revision: Text | None = Field(None, description="Branch, tag or commit of the hub id.")
    path: Text | None = Field(None, description="File or folder on this machine; ~ is the home folder.")
    package: Text | None = Field(None, description="Python package that carries the model file; needs `file`.")
    file: Text | None = Field(None, description="Name of the model file inside the package.")
    sha256: Annotated[Text, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="Checksum the file must have, 64 hex digits."
    )

    @model_validator(mode="after")
    def _one_source(self) -> ModelSection:
        given = [key for key in ("id", "path", "package") if getattr(self, key) is not None]
        if len(given) != 1:
            seen = " and ".join(given) if given else "none"
            raise complaint("wrong-value", f"give exactly one of id, path, package (with file), not {seen}")
        if (self.package is None) is not (self.file is None):
            raise complaint("missing-key", "package and file belong together: give both")
        if self.revision is not None and self.id is None:
            raise complaint("wrong-value", "revision belongs to a hub id; this model has none")
        return self


class HardwareSection(Section):
    gpus: Annotated[Whole, Field(ge=0, le=64)] = Field(0, description="GPUs one attempt uses; 0 = CPU.")
    gpu: Text | None = Field(None, description="Name the GPUs must have, such as H100; a part of it is enough.")
    price_per_gpu_hour: Annotated[Number, Field(ge=0)] | None = Field(None, description="For the cost page only.")
    currency: Text = Field("USD", description="Of the price.")
    cpus: Annotated[Whole, Field(ge=0, le=4096)] = Field(
        0, description="CPUs that the engine of one attempt is pinned to, in whole cores; 0 = all, nothing is pinned."
    )
    client_cpus: Annotated[Whole, Field(ge=0, le=64)] = Field(
        1, description="With cpus: further ones for its load generator; 0 = it shares those of the engine."
    )


class DeploySection(BaseModel):
    """Where the engine runs. Every other key is an option of that deployer."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Text = Field("local", description="local (a process of this machine) or attach (a live server).")


_EACH, _WORK = domain.EachLevel(), domain.Workload()


class EachLevelSection(Section):
    """A level ends at `requests` sent or `duration` passed, whichever comes first."""

    duration: Duration = lasting(_EACH.duration, "Longest time of sending.")
    requests: Annotated[Whole, Field(ge=1)] | None = Field(None, description="Most requests; null = no limit.")
    warmup: Annotated[Whole, Field(ge=0)] = Field(_EACH.warmup, description="Requests before it, never counted.")
    request_timeout: Duration = lasting(_EACH.request_timeout, "Deadline of one request.")


class WorkloadSection(Section):
    scenarios: Annotated[list[ScenarioText], Field(min_length=1)] = Field(
        description="Token lengths: D(prompt,output), N(mean,sd)/(mean,sd), U(min,max)/(min,max), E(tokens) for "
        "embeddings; trace or dataset for those of a file."
    )
    load: LoadSection = Field(description="The loads; each is a level, lightest first.")
    client: Text = Field(_WORK.client, description="Load generator.")
    task: Literal["text", "embeddings"] = Field("text", description="What is asked for.")
    api: Literal["chat", "completions"] = Field("chat", description="OpenAI endpoint, for text.")
    each_level: EachLevelSection = Field(EachLevelSection(), description="How long a level lasts.")
    min_success_rate: Annotated[Number, Field(gt=0, le=1)] = Field(
        _WORK.min_success_rate, description="A level with a smaller share of ok requests is a failure."
    )
    arrivals: ArrivalsField = Field("poisson", description="Spacing of requests for `rate` and `ramp`.")
    prefix: PrefixSection | None = Field(None, description="The beginning that prompts share.")
    trace: TraceSection | None = Field(None, description="Recorded requests: when, and how long.")
    dataset: DatasetSection | None = Field(None, description="Prompts of one's own, for the scenario dataset.")
    ignore_eos: YesNo = Field(True, description="Ask the engine to go on to the asked number of tokens.")
    temperature: Annotated[Number, Field(ge=0, le=2)] = Field(0.0, description="Sampling temperature.")


MOST_OBJECTIVES = 3
"""More, and nearly every configuration is on the front: it orders nothing any more."""


class ObjectiveSection(Section):
    metric: Text = Field(description="What is optimized, such as output_throughput or ttft_p99.")
    goal: Literal["maximize", "minimize"] | None = Field(None, description="Default: the metric's own direction.")
    at: Text = Field(
        "worst",
        description="Over the levels: worst, mean, goodput, or one load: c=N (concurrency), r=N (rate), ramp=N, "
        "burst=N, speed=N.",
    )
    attainment: Share | None = Field(
        None,
        description="Of goodput: share of requests that must meet every SLO, each by itself, such as 95%; default: 95% "
        "where the load is searched, else the statistics that the SLOs name must.",
    )


class SloSection(Section):
    """A limit on one metric at each level: exactly one of `max` and `min`."""

    max: Limit | None = Field(None, description="Upper limit; durations with their unit.")
    min: Limit | None = Field(None, description="Lower limit.")
    hard: YesNo = Field(False, description="A miss is a failure instead of a penalty.")
    weight: Annotated[Number, Field(gt=0)] = Field(1.0, description="Of the soft penalty.")
    steepness: Annotated[Number, Field(gt=0)] = Field(0.1, description="Violation ratio that costs weight x 1.72.")

    @model_validator(mode="after")
    def _one_limit(self) -> SloSection:
        if (self.max is None) is (self.min is None):
            raise complaint("wrong-value", "give exactly one of max and min")
        return self


_SEARCH, _CONFIRM, _TIME = domain.Search(), domain.Confirm(), domain.Timeouts()


class QualitySection(Section):
    """The guard against fast nonsense: the same prompts at temperature 0 in every attempt, after its levels."""

    reference: Text = Field(description="Entry whose default gives the answers to compare with.")
    min_agreement: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        None, description="Least token agreement; less is a failure. null = it is only shown."
    )


class SearchSection(Section):
    sampler: Text = Field(_SEARCH.sampler, description="grid, random or tpe.")
    trials: Annotated[Whole, Field(ge=1, le=100_000)] = Field(_SEARCH.trials, description="Trials, defaults included.")
    seed: Annotated[Whole, Field(ge=0)] = Field(_SEARCH.seed, description="Of the sampler and the prompts.")
    baseline: YesNo = Field(_SEARCH.baseline, description="Measure each entry's default first.")
    warm_start: Annotated[Whole, Field(ge=0, le=4)] = Field(
        _SEARCH.warm_start, description="The best of earlier campaigns on this hardware, deployed after the defaults."
    )
    startup: Annotated[Whole, Field(ge=1)] = Field(_SEARCH.startup, description="Random trials before tpe models.")
    history: YesNo = Field(
        _SEARCH.history, description="Tell the sampler what other campaigns measured of the same launches."
    )
    stop: Literal["auto", "never"] = Field(
        "never", description="auto = end when the trials left would gain less than the noise."
    )
    precheck: OnOff = Field(_SEARCH.precheck, description="Refuse what the engine's rules say can not work.")


class ConfirmSection(Section):
    top: Annotated[Whole, Field(ge=0, le=50)] = Field(_CONFIRM.top, description="Best trials re-measured; 0 = none.")
    repeats: Annotated[Whole, Field(ge=2, le=100)] = Field(_CONFIRM.repeats, description="Repeats of each.")
    at_most: Annotated[Whole, Field(ge=2, le=100)] | None = Field(
        None, description="Repeats until order is certain; default: as repeats says, or 24 where it is silent."
    )
    client: Text | None = Field(None, description="Another load generator for it; default: the workload's.")


class BudgetSection(Section):
    wall: Duration | None = lasting(None, "Running time over all runs of the lineage.")
    gpu_hours: Annotated[Number, Field(gt=0)] | None = Field(None, description="GPU hours over all runs.")
    failures: Annotated[Whole, Field(ge=1)] | None = Field(None, description="Failed trials until the search ends.")


class TimeoutsSection(Section):
    pull: Duration = lasting(_TIME.pull, "Fetching an image.")
    load: Duration = lasting(_TIME.load, "From start until the engine answers its health check.")
    ready: Duration = lasting(_TIME.ready, "From there until a first completion.")
    level: Duration = lasting(_TIME.level, "One level, warm-up and draining included.")
    no_progress: Duration = lasting(_TIME.no_progress, "Without a log line or a token: a hang.")
    stop: Duration = lasting(_TIME.stop, "Between asking an engine to end and killing it.")


def _kind_only(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict | ObjectiveSection) else value


class CampaignFile(Section):
    """A tunebook campaign."""

    tunebook: Annotated[Whole, AfterValidator(_known_format)] = Field(
        description="Format version: 1.", json_schema_extra={"const": FORMAT}
    )
    name: NameText = Field(description="Unique over all campaign files.")
    description: Text = Field("", description="A sentence for the reader of the site.")
    every: Duration | None = lasting(None, "How often it is due again, such as 7d, for `run --due`.")
    model: ModelSection = Field(description="What is served.")
    hardware: HardwareSection = Field(HardwareSection(), description="What one attempt runs on.")
    deploy: Annotated[DeploySection, BeforeValidator(_kind_only)] = Field(
        DeploySection(), description="Where the engine runs: a name, or a mapping with kind and options."
    )
    runtimes: Annotated[list[EntrySection], Field(min_length=1)] = Field(description="The entries.")
    workload: WorkloadSection = Field(description="The load.")
    objective: Annotated[
        list[ObjectiveSection], BeforeValidator(_as_list), Field(min_length=1, max_length=MOST_OBJECTIVES)
    ] = Field(description="What is best: one, or a list whose first decides the score and whose front is searched.")
    slo: dict[str, SloSection] = Field({}, description="Limits by metric, such as ttft_p99: {max: 500ms}.")
    quality: QualitySection | None = Field(None, description="Answers that must agree with a reference.")
    search: SearchSection = Field(SearchSection(), description="How the space is searched.")
    confirm: ConfirmSection = Field(ConfirmSection(), description="Repeats of the best, interleaved.")
    budget: BudgetSection = Field(BudgetSection(), description="When the search ends early.")
    timeouts: TimeoutsSection = Field(TimeoutsSection(), description="Deadlines of the phases.")


_JSON_SCHEMA_WORDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def published(node: Any) -> Any:
    """A schema as editors get it: pydantic leaves bounds of validated types in its own words, and adds titles."""
    if isinstance(node, dict):
        return {
            _JSON_SCHEMA_WORDS.get(key, key): published(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [published(item) for item in node] if isinstance(node, list) else node


def json_schema() -> str:
    """The JSON Schema (draft 2020-12) as text, byte for byte what is published."""
    schema = CampaignFile.model_json_schema()
    deploy = schema["properties"]["deploy"]
    schema["properties"]["deploy"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/DeploySection"}],
        "default": "local",
        "description": deploy["description"],
    }
    objective = schema["properties"]["objective"]
    about = objective.pop("description")
    schema["properties"]["objective"] = {
        "anyOf": [{"$ref": "#/$defs/ObjectiveSection"}, objective],
        "description": about,
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tunebook campaign"}
    return json.dumps(head | published(schema), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
