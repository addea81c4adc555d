"""The end of a search in which nothing succeeded, for people: what came nearest, what stopped it, what to do."""

from __future__ import annotations

from collections import Counter

from runner.events.console import values_text
from runner.lineage import Lineage
from runner.stats.failing import Tried, findings, nearest

MOST_FINDINGS = 5
MOST_HINTS = 3


def nothing_succeeded(lineage: Lineage) -> list[str]:
    """Lines of the summary. `tunebook new --from` makes a campaign of the same evidence."""
    tried = lineage.tried
    near = nearest(tried)
    if near is None or near.failure is None:
        return ["  best       nothing was measured yet"]
    failure = near.failure
    lines = [
        "  best       no trial succeeded",
        f"  nearest    trial {near.number} of {near.entry}: {values_text(near.values)}",
        f"             stopped at {failure.phase.value}: {failure.cause.value} — {failure.evidence[:200]}",
    ]
    if near.hint:
        lines.append(f"  hint       {near.hint.text}")
    lines += [f"             {text}" for text in _other_hints(tried, near)]
    later = findings(tried)
    lines += [
        f"  {'later' if first else '     '}      {one.entry}: {one.text}"
        for first, one in zip([True] + [False] * MOST_FINDINGS, later[:MOST_FINDINGS], strict=False)
    ]
    return lines


def _other_hints(tried: list[Tried], near: Tried) -> list[str]:
    """What to do about the others, the most frequent first, each text once."""
    texts = Counter(trial.hint.text for trial in tried if trial.hint and (not near.hint or trial.hint != near.hint))
    return [f"{count} other{'s' if count > 1 else ''}: {text}" for text, count in texts.most_common(MOST_HINTS)]
