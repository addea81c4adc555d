"""The table of an engine for the settings that engines share: its `abstract.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from runner.space.abstract import Abstract, table_of


def load(path: Path) -> Abstract:
    """Raises KeyError, TypeError or ValueError for a table with a hole."""
    return table_of(tomllib.loads(path.read_text(encoding="utf-8")))
