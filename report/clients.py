"""What was measured of the load generators, for the methodology page: `make bench-client` writes it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def measured() -> dict[str, Any]:
    """The parts of `report/clients.json`: `accuracy`, against a server that knows its truth, and `agreement`, of both
    clients on one engine. Each has `columns` or fields of its own, and says when, where and by which command."""
    found: dict[str, Any] = json.loads(files("report").joinpath("clients.json").read_text(encoding="utf-8"))
    return found
