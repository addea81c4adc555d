"""What to do about a failure, said while the engine's log and the machine's memory can still be asked."""

from __future__ import annotations

from dataclasses import replace

from runner.domain.campaign import Campaign
from runner.domain.failure import Cause
from runner.domain.trial import Attempt
from runner.hardware.facts import memory_free
from runner.runtimes import Advisor, Room, Runtime
from runner.scoring.hints import Scene, hint
from runner.util.redact import redact


def advised(attempt: Attempt, campaign: Campaign, runtime: Runtime, log: str) -> Attempt:
    """The attempt whose failure has what only this moment can tell: the engine's numbers, and the limit that ended
    it. `log` is the engine's, both its ends. Called before the attempt is sealed."""
    failure = attempt.failure
    if failure is None or failure.cause is Cause.INTERRUPTED:
        return attempt
    told = None
    if isinstance(runtime, Advisor):
        told = runtime.hint(failure, attempt.configuration, log, Room(attempt.host, memory_free()))
    if told is None and failure.limit is not None:
        told = hint(Scene(failure, attempt, campaign=campaign))
    if told is not None:
        told = replace(told, text=redact(told.text))
    return replace(attempt, failure=replace(failure, hint=told))
