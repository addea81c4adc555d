"""After a level: is there any use in measuring a heavier one? Asked by the driver while the engine is still up."""

from __future__ import annotations

from enum import StrEnum

from runner.domain.failure import SloVerdict
from runner.domain.trial import LevelResult
from runner.scoring.levels import counts, needed_levels, parse_at, reached_levels
from runner.scoring.rules import Rules
from runner.scoring.slo import slo_results


class Ascent(StrEnum):
    GO_ON = "go_on"
    STOP = "stop"  # the attempt is decided


def after_level(level: LevelResult, rules: Rules) -> Ascent:
    """What `level` (just measured) means for the levels after it.

    `goodput`: the first level that misses an SLO, or has too few good requests, ends its scenario's ascent; it decides
    the attempt when it is the scenario's lightest or no other scenario follows. `worst`, `mean`: a level that misses a
    hard SLO or has too few good requests decides. `c=N`, `r=N`: only a level that an objective reads decides anything.
    """
    at = parse_at(rules.objective.at)
    reached = reached_levels([level], rules)
    results = [r for r in slo_results(reached, rules) if r.position == level.position]
    binding = [r for r in results if r.hard or at.kind == "goodput"]
    missed = any(r.verdict in (SloVerdict.MISSED_HARD, SloVerdict.MISSED_SOFT) for r in binding)
    if not missed and counts(level, rules):
        return Ascent.GO_ON
    if at.kind != "goodput":
        here = level.position in {key.position for key in needed_levels(rules)}
        return Ascent.STOP if here else Ascent.GO_ON
    same = [key for key in rules.levels if key.scenario == level.scenario]
    lightest = all(key.load_value >= level.load_value for key in same)
    more = any(key.position > level.position for key in rules.levels if key not in same)
    return Ascent.GO_ON if more and not lightest else Ascent.STOP
