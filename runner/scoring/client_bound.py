"""Whether a level shows the engine, or the load generator that measured it. Pure.

A level is *client-bound* when the load generator

* used more than 85 % of a core: it is one process with one busy thread, and what waits for a thread that is busy so
  much of its time waits several times as long as it works (at 85 %, more than five times), or
* was late: one in a hundred times by more than half the median time to first token, and by more than 50 ms. Less than
  that is how busy cores are shared, with an engine on the same ones too, and an answer has the time of its arrival
  however late its reader is: only requests go out late.

A level shorter than a second is not judged, because a page fault or two would decide; and by its lateness none shorter
than ten, because a percentile of fewer than a hundred looks is only their worst.

Such a level keeps its rows and metrics. It is not ranked: an attempt whose objective reads it has the outcome `infra`
and is measured again, because what it says of the configuration is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.failure import Cause, Failure, Hint, Phase
from runner.domain.metrics import VALUE
from runner.domain.trial import LevelResult
from runner.scoring.levels import needed_levels, parse_at, reached_levels
from runner.scoring.rules import Rules

MOST_CPU = 0.85
MOST_LAG = 0.5
"""Of the median time to first token."""
LEAST_LAG = 0.050
SHORTEST = 1.0
SHORTEST_FOR_LAG = 10.0
RULE = "client"
"""`failure.rule` of an attempt that is not ranked for it."""
_HINT = Hint(
    "leave the load generator a core of its own, ask for fewer streams, or measure with `client: native`, which needs "
    "the least; the attempt is made again"
)


def client_bound(level: LevelResult) -> str | None:
    """Why the level shows its load generator, with the numbers; None when it shows the engine."""
    if level.seconds < SHORTEST or not level.sent:
        return None
    cpu = level.metric("client_cpu", VALUE)
    if cpu is not None and cpu > MOST_CPU:
        return f"the load generator used {100 * cpu:.0f} % of a core"
    lag, ttft = level.metric("loop_lag", "p99"), level.metric("ttft", "p50")
    if level.seconds < SHORTEST_FOR_LAG or lag is None or ttft is None:
        return None
    if lag > max(LEAST_LAG, MOST_LAG * ttft):
        return (
            f"the load generator was {1000 * lag:.0f} ms late (p99 of its event loop), "
            f"for a time to first token of {1000 * ttft:.0f} ms"
        )
    return None


def not_ranked(levels: Sequence[LevelResult], rules: Rules) -> Failure | None:
    """The failure of an attempt in which a level that its objective reads is client-bound: for `goodput` any that was
    reached, because each may be the one that ended the ascent."""
    rules = rules.seen(levels)
    reached = reached_levels(levels, rules)
    read = rules.levels if parse_at(rules.objective.at).kind == "goodput" else needed_levels(rules)
    for key in read:
        level = reached.get(key.position)
        why = client_bound(level) if level is not None else None
        if why:
            evidence = f"{key.label}: {why}: the level shows the client and not the engine; it is not ranked"
            return Failure(Phase.MEASURE, Cause.INFRA, evidence, rule=RULE, hint=_HINT)
    return None
