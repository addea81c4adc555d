"""Is A better than B? Welch's t interval on the difference of mean logarithms of repeated measurements.

The logarithm makes the answer a ratio (+5 % whatever the unit) and Welch's form lets the two sides scatter
differently. Sources: B. L. Welch, Biometrika 34 (1947) 28-35; degrees of freedom by F. E. Satterthwaite, Biometrics
Bulletin 2 (1946) 110-114.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from runner.domain.failure import Verdict
from runner.stats.intervals import t_quantile

MUST_BE_EQUAL = (
    "client", "client_version", "workload_key", "model", "model_revision", "hardware", "gpu", "cpu_model", "host",
)  # fmt: skip
"""Facts under which two measurements must agree before they are compared, in the order they are asked."""

EQUAL_WITHIN_A_RUNTIME = ("engine_version", "image_digest")
"""Two runtimes always differ in these; one runtime measured in two versions is two things."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`log_ratio` is mean(ln a) - mean(ln b), turned so that positive means a is better, with its interval
    [low, high]; None when incomparable. `repeats` is the smaller number of measurements; `reason` is one sentence."""

    verdict: Verdict
    log_ratio: float | None
    low: float | None
    high: float | None
    repeats: int
    reason: str


def compare(
    a: Sequence[float | None],
    b: Sequence[float | None],
    higher_is_better: bool,
    *,
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Comparison:
    """Compare repeats of A with repeats of B. None stands for a repeat that gave no value.

    better: the whole interval is above 0; worse: below; tie: it lies within +-log(1 + margin); else inconclusive.
    Fewer than two repeats, a missing or a non-positive value: incomparable, with the reason.
    """
    repeats = min(len(a), len(b))
    problem = _problem("first", a) or _problem("second", b)
    if problem:
        return Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, problem)
    sign = 1.0 if higher_is_better else -1.0
    logs_a = [sign * math.log(value) for value in a if value is not None]
    logs_b = [sign * math.log(value) for value in b if value is not None]
    difference = fmean(logs_a) - fmean(logs_b)
    half = _half_width(logs_a, logs_b, confidence)
    low, high = difference - half, difference + half
    edge = math.log1p(margin)
    if low > 0:
        verdict, reason = Verdict.BETTER, "the whole interval is on the better side"
    elif high < 0:
        verdict, reason = Verdict.WORSE, "the whole interval is on the worse side"
    elif -edge <= low and high <= edge:
        verdict, reason = Verdict.TIE, f"the whole interval is within ±{100 * margin:g} %"
    else:
        verdict = Verdict.INCONCLUSIVE
        reason = f"the interval holds 0 and reaches beyond ±{100 * margin:g} %: more repeats would tell"
    return Comparison(verdict, difference, low, high, repeats, reason)


def comparable(facts_a: Mapping[str, object], facts_b: Mapping[str, object]) -> str | None:
    """None when the two may be compared, else the first fact that differs, with both values.

    A fact that both sides lack says nothing; one that only one side has is a difference.
    """
    names = list(MUST_BE_EQUAL)
    if facts_a.get("runtime") == facts_b.get("runtime"):
        names.extend(EQUAL_WITHIN_A_RUNTIME)
    for name in names:
        one, other = facts_a.get(name), facts_b.get(name)
        if one != other:
            shown = ["unknown" if value is None else str(value) for value in (one, other)]
            return f"{name} differs: {shown[0]} / {shown[1]}"
    return None


def _problem(which: str, values: Sequence[float | None]) -> str | None:
    if len(values) < 2:
        return f"the {which} has {len(values)} measurement{'' if len(values) == 1 else 's'}; two are needed"
    if any(value is None or not math.isfinite(value) for value in values):
        return f"a measurement of the {which} is missing"
    if any(value is not None and value <= 0 for value in values):
        return f"a measurement of the {which} is not positive, so it has no logarithm"
    return None


def _half_width(a: Sequence[float], b: Sequence[float], confidence: float) -> float:
    """Half the Welch interval; 0 when neither side scatters at all."""
    share_a, share_b = variance(a) / len(a), variance(b) / len(b)
    total = share_a + share_b
    if total <= 0:
        return 0.0
    # Shares of the total first: the squares of tiny variances would underflow.
    part_a, part_b = share_a / total, share_b / total
    freedom = 1.0 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    return t_quantile(0.5 + confidence / 2, freedom) * math.sqrt(total)
