"""What the pre-check stands on: the model, the machine, and how full such a machine was in past attempts.

It is made once for a series of a lineage, from the facts that its first run sealed, so that a resumed run refuses
exactly what the uninterrupted one would have refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner.campaign.load import from_resolved
from runner.domain.campaign import Campaign
from runner.domain.failure import Cause, Outcome, Phase
from runner.domain.ground import Ground, MemoryLimit
from runner.domain.hardware import Gpu, HostFacts
from runner.domain.model_facts import ModelFacts
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt
from runner.hardware.choice import matching
from runner.runtimes import rules_of
from runner.runtimes._rules import needed
from runner.space.rules import learned
from runner.store.history import facts

HERE = ("local", "docker")
"""Deployers whose engines have the memory and the GPUs of the machine that we see."""

OUT_OF_MEMORY = (Cause.OOM_LOAD, Cause.OOM_GRAPH, Cause.OOM_SERVE)


def ground_of(start: RunStart, campaign: Campaign) -> Ground:
    """By what the first run of a series sealed. Pure."""
    return grounded(campaign, start.machine, start.model_facts, dict(start.memory_limits))


def grounded(
    campaign: Campaign, host: HostFacts, model: ModelFacts | None, limits: dict[str, MemoryLimit] | None = None
) -> Ground:
    """Of a machine: the campaign's GPUs on it are those of the right name, and the smallest of them decides. Where an
    engine runs on another machine than we do, nothing is known of that."""
    if campaign.deploy.kind not in HERE:
        return Ground(model=model)
    gpus = matching(host.gpus, campaign.hardware.gpu) if campaign.hardware.gpus else []
    smallest = min(gpus, key=lambda gpu: gpu.memory_bytes, default=None)
    return Ground(
        model=model,
        gpu=smallest.name if smallest else None,
        gpu_bytes=smallest.memory_bytes if smallest else None,
        capability=_capability(smallest),
        host_bytes=host.memory_bytes,
        limits=limits or {},
    )


def limits(results: Path, campaign: Campaign, host: HostFacts) -> dict[str, MemoryLimit]:
    """What sealed attempts of any lineage say of each runtime of the campaign, on machines of this kind: the same GPU,
    or without GPUs the same processor. Runtimes without such an attempt are left out. Raises StoreDamaged."""
    kind = kind_of(campaign, grounded(campaign, host, None), host)
    starts = {start.run_id: start for start in facts(results, RecordKind.RUN_START)}
    gone = {retraction.attempt_id for retraction in facts(results, RecordKind.RETRACTION)}
    found: dict[str, MemoryLimit] = {}
    attempts = [
        one for one in facts(results, RecordKind.ATTEMPT) if one.attempt_id not in gone and one.run_id in starts
    ]
    for runtime in {entry.runtime for entry in campaign.entries}:
        if not rules_of(runtime).formulas:
            continue
        seen = list(_shares(runtime, kind, [one for one in attempts if one.configuration.runtime == runtime], starts))
        if seen:
            found[runtime] = learned(seen, kind)
    return found


def kind_of(campaign: Campaign, ground: Ground, host: HostFacts) -> str:
    """What must be the same for one machine to teach another."""
    if campaign.deploy.kind not in HERE:
        return ""
    return (ground.gpu or "") if campaign.hardware.gpus else host.cpu_model


def _shares(
    runtime: str, kind: str, attempts: list[Attempt], starts: dict[str, RunStart]
) -> Iterator[tuple[float, bool]]:
    """(share of the memory by the formula, whether it served) of each attempt that ended as one or the other."""
    table, campaigns = rules_of(runtime), dict[str, Campaign]()
    for attempt in attempts:
        lived = served(attempt)
        if lived is None:
            continue
        start = starts[attempt.run_id]
        try:
            campaign = campaigns.get(start.run_id) or from_resolved(start.campaign)
        except ValueError:  # of a version that this one does not read
            continue
        campaigns[start.run_id] = campaign
        ground = _where_it_ran(attempt, campaign, start.model_facts)
        if kind_of(campaign, ground, attempt.host) != kind or not kind:
            continue
        found = needed(table, attempt.configuration, campaign, ground)
        if found is not None:
            yield found.share, lived


def served(attempt: Attempt) -> bool | None:
    """True when a request was answered, False when memory ended it, None when something else did. A request that is
    longer than its context says nothing of memory."""
    failure = attempt.failure
    if attempt.outcome not in (Outcome.MEASURED, Outcome.FAILED):
        return None
    if failure is not None:
        early = failure.phase not in (Phase.WARMUP, Phase.MEASURE, Phase.SLO)
        if failure.cause in OUT_OF_MEMORY or (failure.cause is Cause.KV_TOO_SMALL and early):
            return False
    return True if any(level.ok for level in attempt.levels) else None


def _where_it_ran(attempt: Attempt, campaign: Campaign, model: ModelFacts | None) -> Ground:
    given = set(attempt.placement.gpus) if attempt.placement else set()
    used = tuple(gpu for gpu in attempt.host.gpus if gpu.uuid in given) or attempt.host.gpus
    return grounded(campaign, replace(attempt.host, gpus=used), model)


def _capability(gpu: Gpu | None) -> float | None:
    try:
        return float(gpu.compute_capability) if gpu and gpu.compute_capability else None
    except ValueError:
        return None
