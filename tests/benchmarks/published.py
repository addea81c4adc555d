"""Where benchmarks leave what the methodology page shows: one JSON file of the report, a part for each benchmark."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parents[2] / "report" / "clients.json"
SEARCH = PLACE.with_name("search.json")


def this_machine() -> dict[str, Any]:
    """What a reader of the numbers should know, and nothing that names the machine."""
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {_cpu()}, {platform.system()}, Python {platform.python_version()}",
        "command": " ".join(["python -m tests.benchmarks." + Path(sys.argv[0]).stem, *sys.argv[1:]]),
        "load": f"{os.getloadavg()[2]:.1f}",
    }


def publish(part: str, content: dict[str, Any], place: Path = PLACE) -> None:
    """Put `content` in place of what the file held under `part`."""
    known = json.loads(place.read_text("utf-8")) if place.is_file() else {}
    place.write_text(json.dumps({**known, part: content}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown CPU"
