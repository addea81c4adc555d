"""What is compared: who was measured in which round, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repeat:
    """One measurement: its log, turned so that more is better, and where it was made."""

    value: float
    host: str = ""


Arms = Mapping[str, Mapping[int, Repeat]]
"""Who -> round -> what was measured."""


@dataclass(frozen=True, slots=True)
class Level:
    """`fitted`: a straight line was taken out of all arms (runner.stats.drift)."""

    arms: Arms
    fitted: bool
