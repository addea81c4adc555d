"""History of other lineages, as a sampler is told it: trials with negative numbers, before number 0. Pure.

A failure is told as it was. A score is told only once both lineages have measured the same configuration (as a rule
the default): their ratio brings the scores of the other lineage to where this one's stand.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from runner.domain.parameters import Point
from runner.domain.prior import Replayed
from runner.samplers import Told


def told_before(
    replayed: Sequence[Replayed], measured: Mapping[str, float | None], rules_id: str, versions: Mapping[str, str]
) -> list[Told]:
    """`measured` is fingerprint -> score (None: failed) of this lineage's judged trials, under `rules_id`; `versions`
    the engine version of each entry, where one has been seen.

    Left out: what this lineage has measured itself, what another release of the engine did, and scores under other
    rules or without a common configuration to scale them by.
    """
    ratios = _ratios(replayed, measured, rules_id)
    kept: list[tuple[Replayed, float | None]] = []
    for one in replayed:
        if one.fingerprint in measured or not same_release(one.version, versions.get(one.entry)):
            continue
        if one.score is None:
            kept.append((one, None))
        elif one.rules_id == rules_id and one.lineage in ratios:
            kept.append((one, one.score * ratios[one.lineage]))
    return [
        Told(number - len(kept), Point(one.entry, dict(one.values)), score, one.severity)
        for number, (one, score) in enumerate(kept)
    ]


def same_release(one: str | None, other: str | None) -> bool:
    """Whether two engine versions are of one release: the first two numbers are equal, or where there are no two, the
    whole text. Unknown is taken as equal: an engine that never came up has told nobody its version."""
    return one is None or other is None or _release(one) == _release(other)


def _release(version: str) -> str:
    found = re.match(r"v?(\d+\.\d+)(?![\d])", version)
    return found.group(1) if found else version


def _ratios(replayed: Sequence[Replayed], measured: Mapping[str, float | None], rules_id: str) -> dict[str, float]:
    """Lineage -> its scores times this are ours: the median over the configurations that both have measured."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in replayed:
        ours = measured.get(one.fingerprint)
        if ours is not None and one.score is not None and one.rules_id == rules_id and ours > 0 and one.score > 0:
            found[one.lineage].append(ours / one.score)
    return {lineage: median(ratios) for lineage, ratios in found.items()}
