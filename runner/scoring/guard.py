"""What the quality guard says, in words: how far answers agree with a reference, and where they part. Pure."""

from __future__ import annotations

from runner.domain.answers import Agreement
from runner.domain.campaign import Quality


def percent(share: float) -> str:
    """Never rounded up to 100 %: one token that differs is a difference."""
    return "100 %" if share >= 1 else f"{min(99.9, 100 * share):.3g} %"


def disagreement(found: Agreement, guard: Quality) -> str:
    """The evidence of a failure."""
    return (
        f"{percent(found.share)} {found.unit} agreement with the default of {guard.reference}, "
        f"{percent(guard.min_agreement or 0.0)} are needed; {equal(found)}"
    )


def equal(found: Agreement) -> str:
    """`12 of 16 answers are equal`, and those that never came."""
    silent = found.prompts - found.answered
    text = f"{found.exact} of {found.prompts} answers are equal"
    return f"{text}, {silent} did not come" if silent else text


def parting(found: Agreement) -> str:
    """Where the answers that differ part from the reference, and how many of them at a near tie."""
    differ = found.answered - found.exact
    if not differ:
        return "every answer that came is equal"
    after = f"after {found.first_divergence:g} {found.unit}s" if found.first_divergence else "at their first word"
    several = f"half of the {differ} that differ part {after} or sooner"
    text = several if differ > 1 else f"the one that differs parts {after}"
    if found.near_ties:
        text += f", {found.near_ties} of them where the reference itself nearly said the other word"
    return text
