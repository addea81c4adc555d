"""The rules by which facts become scores: objective, SLOs, quality guard, needed success rate, declared levels.

Scores belong to rules. A changed objective or SLO makes other rules with another `rules_id`, and new score rows for
all history; nothing is measured again and the old rows stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.domain import ids
from runner.domain.campaign import Campaign, LoadKind, LoadSearch, Objective, Quality, Slo
from runner.domain.trial import LevelResult
from runner.scoring.aggregate import of_a_request
from runner.util.codec import from_plain, to_plain

PENALTY_VERSION = 1
"""Raised whenever a formula of this package changes its numbers."""


@dataclass(frozen=True, slots=True)
class LevelKey:
    """One declared level: the place at which it is measured, its scenario's text and its load."""

    position: int
    scenario: str
    load_kind: LoadKind
    load_value: float

    @property
    def label(self) -> str:
        """For people: `D(100,100) at concurrency 8`."""
        return f"{self.scenario} at {self.load_kind.value} {self.load_value:g}"


ATTAINED = "attainment"
"""The SLO that stands for all those of single requests, where a share of the requests must meet them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`min_success_rate` is the share of requests of a level that must end well for the level to count. `quality` is
    there only where its `min_agreement` is: what decides nothing is no rule. With a `search` there are no declared
    `levels`: those that an attempt measured stand for them (`seen`)."""

    objective: Objective
    slos: tuple[Slo, ...]
    min_success_rate: float
    levels: tuple[LevelKey, ...]
    gpus: int
    penalty_version: int = PENALTY_VERSION
    quality: Quality | None = None
    search: LoadSearch | None = None
    also: tuple[Objective, ...] = ()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that a success needs a value of; the first is the score."""
        return (self.objective, *self.also)

    @property
    def limits(self) -> tuple[Slo, ...]:
        """The SLOs by which a level is judged. With an attainment those of single requests are one: so large a share
        of the requests meets them all."""
        share = self.objective.attainment
        if share is None:
            return self.slos
        return (
            Slo(ATTAINED, ATTAINED, minimum=share, hard=True),
            *(slo for slo in self.slos if not of_a_request(slo)),
        )

    def seen(self, levels: Sequence[LevelResult]) -> Rules:
        """These rules for an attempt with such levels: where the load is searched they are the declared ones."""
        if self.search is None or self.levels:
            return self
        return replace(self, levels=tuple(level_key(one) for one in levels))


def level_key(level: LevelResult) -> LevelKey:
    return LevelKey(level.position, level.scenario, LoadKind(level.load_kind), level.load_value)


def rules_of(campaign: Campaign) -> Rules:
    """The rules a campaign states. SLOs are ordered by name, so that their order in the file changes no id."""
    workload = campaign.workload
    levels = tuple(
        LevelKey(plan.position, plan.scenario.text, plan.load_kind, float(plan.load_value)) for plan in workload.levels
    )
    return Rules(
        objective=campaign.objective,
        slos=tuple(sorted((_floats(slo) for slo in campaign.slos), key=lambda slo: slo.name)),
        min_success_rate=float(workload.min_success_rate),
        levels=levels,
        gpus=campaign.hardware.gpus,
        quality=_guard(campaign.quality),
        search=_floats_of(workload.load_search),
        also=campaign.also,
    )


def _floats_of(search: LoadSearch | None) -> LoadSearch | None:
    return None if search is None else LoadSearch(float(search.low), float(search.high), search.levels)


def _guard(stated: Quality | None) -> Quality | None:
    if stated is None or stated.min_agreement is None:
        return None
    return Quality(stated.reference, float(stated.min_agreement))


def rules_to_plain(rules: Rules) -> dict[str, Any]:
    """JSON-ready: what a `rules` record holds and what `rules_id` hashes. Rules without a guard, a search, an
    attainment or a second objective keep the id that they had before there were any."""
    plain: dict[str, Any] = to_plain(rules)
    for name in ("quality", "search", "also"):
        if not plain[name]:
            del plain[name]
    for objective in (plain["objective"], *plain.get("also", ())):
        if objective["attainment"] is None:
            del objective["attainment"]
    return plain


def rules_from_plain(plain: Mapping[str, Any]) -> Rules:
    """The rules back. Raises pydantic.ValidationError for an unknown or missing key."""
    return from_plain(Rules, dict(plain))


def rules_id(rules: Rules) -> str:
    return ids.rules_id(rules_to_plain(rules))


def _floats(slo: Slo) -> Slo:
    """1 and 1.0 are one limit and must give one id."""
    return Slo(
        name=slo.name,
        metric=slo.metric,
        maximum=None if slo.maximum is None else float(slo.maximum),
        minimum=None if slo.minimum is None else float(slo.minimum),
        hard=slo.hard,
        weight=float(slo.weight),
        steepness=float(slo.steepness),
    )
