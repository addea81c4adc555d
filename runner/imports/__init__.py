"""SEAM: result files of other tools. A member knows its format by content and gives what it publishes, unit by unit.

A member takes numbers as they stand: a percentile is never computed from others, a unit is changed only by its factor,
what the file does not say is not guessed. What a tool calls by one of our names but computes otherwise keeps the name
of the tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from runner.domain.foreign import ForeignLevel
from runner.util.plugins import Folder


class Malformed(ValueError):
    """A value of the file is not what the format says. The text names its place."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. The fields are those of `domain.foreign.ForeignFact`."""

    tool: str
    tool_version: str | None
    model: str | None
    started_utc: str | None
    levels: tuple[ForeignLevel, ...]
    unread: tuple[str, ...]
    missing: tuple[str, ...]


class ResultFormat(Protocol):
    """One format."""

    name: str
    title: str

    def recognises(self, data: Mapping[str, Any]) -> bool:
        """Whether a file with this content is of the format, whatever it is called. Raises nothing."""

    def read(self, data: Mapping[str, Any]) -> Reading:
        """Raises Malformed."""


formats: Folder[ResultFormat] = Folder(__name__, "FORMAT", "result format", dashed=True)
