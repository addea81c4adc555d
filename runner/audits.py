"""Which refused configurations are deployed all the same, so that a wrong rule is found. Pure.

About one refusal in twenty is drawn, by hash of (seed, fingerprint): a resumed run draws the same ones. An audit is an
attempt of its own: it has no trial number of its own, counts in no `trials` and no `failures` budget, and is told to
nobody, whatever comes of it. It takes time and GPU-hours like any other, so there is at most one for every ten trials,
and one more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from runner.domain.campaign import Campaign
from runner.domain.failure import Outcome, Role
from runner.domain.parameters import Point
from runner.domain.records import RejectionFact
from runner.domain.trial import Configuration
from runner.lineage import Lineage
from runner.precheck import predicts_failure
from runner.runtimes import configuration as configuration_of

ONE_IN = 20
TRIALS_FOR_ONE = 10
"""Trials that pay for one audit."""


def is_drawn(seed: int, fingerprint: str) -> bool:
    """Whether a refused configuration is to be audited: the same for everybody, whenever it is asked."""
    number = int.from_bytes(hashlib.sha256(f"audit:{seed}:{fingerprint}".encode()).digest()[:8], "big")
    return number % ONE_IN == 0


def audits_due(campaign: Campaign, lineage: Lineage, rejections: Iterable[RejectionFact]) -> list[Configuration]:
    """What is to be audited now, oldest refusal first. `rejections` are those of the lineage, ordered by time.

    An audit that somebody interrupted is done again; one that the host's fault ended is not: it is no trial.
    """
    if not campaign.search.precheck:
        return []
    done = {
        attempt.configuration.fingerprint
        for attempt in (*lineage.attempts, *lineage.withdrawn)
        if attempt.role is Role.AUDIT and attempt.outcome is not Outcome.INTERRUPTED
    }
    left = 1 + len(lineage.known) // TRIALS_FOR_ONE - len(done)
    found: dict[str, Configuration] = {}
    for fact in rejections:
        if (
            fact.series != lineage.series
            or fact.fingerprint in done
            or not is_drawn(campaign.search.seed, fact.fingerprint)
        ):
            continue
        if not predicts_failure(fact.runtime, fact.rule) or fact.entry not in {one.name for one in campaign.entries}:
            continue
        configuration = configuration_of(campaign.entry(fact.entry), Point(fact.entry, dict(fact.params)))
        if configuration.fingerprint == fact.fingerprint:
            found.setdefault(fact.fingerprint, configuration)
    return list(found.values())[: max(left, 0)]
