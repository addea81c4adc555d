"""How often the verdict errs, for the methodology page: `python -m tests.benchmarks.calibrate --publish` writes it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def calibration() -> dict[str, Any]:
    """`rows`: noise of one repeat, true difference, arms, drift from round to round, share of each verdict, share of
    campaigns with any wrong one, mean rounds and attempts. Beside them when, where and by which command."""
    found: dict[str, Any] = json.loads(files("report").joinpath("calibration.json").read_text(encoding="utf-8"))
    return found
