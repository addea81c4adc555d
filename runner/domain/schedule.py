"""When a campaign with `every` is due again. Pure: whoever asks brings the time."""

from __future__ import annotations

from datetime import datetime, timedelta

from runner.domain.failure import EndReason

EARLY = 0.1
MOST_EARLY = 6 * 3600.0
"""A share of `every`, and seconds: so much too early still counts as due. A nightly job does not begin at the same
second, nor reach the same file at the same minute; without it `every: 1d` would run every second night."""

NOT_FINISHED = (EndReason.INTERRUPTED, EndReason.ERROR)


def due_from(started: datetime, every: float) -> datetime:
    """The instant from which a campaign is due whose last finished run began at `started`; `every` in seconds."""
    return started + timedelta(seconds=every - min(EARLY * every, MOST_EARLY))


def finished(end_reason: EndReason | None, trials: int, planned: int) -> bool:
    """Whether a run came to the end of its search. One that `--max-trials` stopped ends by `trials`, with fewer than
    were planned."""
    if end_reason is None or end_reason in NOT_FINISHED:
        return False
    return end_reason is not EndReason.TRIALS or trials >= planned
