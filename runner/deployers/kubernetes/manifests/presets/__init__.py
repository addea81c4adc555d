"""Beginnings of OME's models and runtimes: a YAML file each. Whoever writes `spec:` beside `preset:` changes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PLAIN = "openai"
"""What a runtime starts from when nobody chooses: any server with a health path."""
PROBED = "HEALTH_PATH"
"""Stands in a preset for the path that the engine answers when it is well."""


def base_models() -> list[str]:
    return sorted(path.stem for path in (HERE / "base_models").glob("*.yaml"))


def serving_runtimes() -> list[str]:
    return sorted(path.stem for path in (HERE / "serving_runtimes").glob("*.yaml"))


def base_model(name: str | None) -> dict[str, Any]:
    """The spec of a BaseModel. OME finds out format and architecture by itself, so the empty one is a good one."""
    return {} if name is None else _read("base_models", name)


def serving_runtime(name: str | None, health: str) -> dict[str, Any]:
    """The spec of a ServingRuntime whose probes ask `health`."""
    found: dict[str, Any] = _filled(_read("serving_runtimes", name or PLAIN), health)
    return found


def _read(folder: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def _filled(node: Any, health: str) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, health) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, health) for value in node]
    return health if node == PROBED else node
