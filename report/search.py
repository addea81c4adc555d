"""What was measured of the samplers, for the methodology page: `make bench-search` writes it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def measured() -> dict[str, Any]:
    """The parts of `report/search.json`: `bench`, all samplers and ways to tell failures on landscapes whose optimum is
    known, with the goals that were met or missed. Empty when nothing was measured yet."""
    path = files("report").joinpath("search.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
