"""What happened, for whoever listens. One event = one JSON line = one change on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """`name` is run_started, trial_started, phase, level_started, level_ended, trial_ended, rejected, retry,
    confirm_started, comparison, run_ended, file_ended, store, site, engine_started, engine_progress, engine_waiting,
    engine_ended, merged, warning, notice, end. `data` is plain JSON."""

    name: str
    run_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
