"""What was measured once, told so that it can be measured again and compared: baselines and published trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.domain.campaign import Goal, Hardware
from runner.domain.trial import Configuration

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """One trial. `values` are the objective of its repeats by one client, in the objective's unit, before any soft
    penalty; `basis` says what they are: `confirmed` (repeated, interleaved) or `search` (one measurement). `facts` are
    the circumstances that must or may differ (runner.circumstances); `launch` is the command line for people."""

    number: int
    trial_id: str
    is_best: bool
    is_default: bool
    configuration: Configuration
    launch: str
    values: tuple[float, ...]
    basis: str
    client: str
    facts: Mapping[str, str | None]
    measured_utc: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """The recorded trials of one campaign: a file for `gate --baseline`, or one campaign of a site's `reproduce.json`.
    `campaign` is the resolved file as plain JSON: model with its hash, workload, levels and seed."""

    format: int
    tunebook: str
    name: str
    search_key: str
    series: int
    metric: str
    at: str
    goal: Goal
    unit: str
    campaign: Mapping[str, Any]
    trials: tuple[Recorded, ...]

    @property
    def pinned(self) -> str:
        """The CPUs that its engines were pinned to, as `Hardware.pinned` says them; empty: none."""
        given = self.campaign.get("hardware", {})
        return Hardware(cpus=given.get("cpus", 0), client_cpus=given.get("client_cpus", 1)).pinned

    @property
    def best(self) -> Recorded | None:
        return next((trial for trial in self.trials if trial.is_best), None)

    def default_of(self, entry: str) -> Recorded | None:
        mine = (one for one in self.trials if one.is_default and one.configuration.entry == entry)
        return next(mine, None)


@dataclass(frozen=True, slots=True)
class Site:
    """`results/data/reproduce.json` of a site."""

    format: int
    tunebook: str
    campaigns: tuple[Baseline, ...]
