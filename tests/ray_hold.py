"""Holds an attempt still at one moment, for tests that break something exactly then.

Every Python of a test's environment imports this first (`tests.ray_cluster.python`); it does something only where
TUNEBOOK_HOLD names a folder. The file `at` in it says the moment, and the first attempt that comes to it writes `held`
and waits until `at` is gone. Moments are seen by what the interpreter tells of renames and removals: no code of the
product is changed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOLD = "TUNEBOOK_HOLD"
SEAL, SEALED = "seal", "sealed"
"""Moments beside the phases of an attempt: before its record has its name, and before its running file goes."""

_looking = threading.local()


def moment(event: str, words: tuple[Any, ...]) -> str | None:
    """The moment of an attempt that begins with this, if one does."""
    if event == "os.rename":
        source, target = Path(os.fsdecode(words[0])), Path(os.fsdecode(words[1]))
        if target.parent.name == "records" and target.name.startswith("attempt-"):
            return SEAL
        if target.parent.name == "running" and target.suffix == ".json":
            return str(json.loads(source.read_bytes())["phase"])
    if event == "os.remove":
        path = Path(os.fsdecode(words[0]))
        if path.parent.name == "running" and path.suffix == ".json" and path.exists():
            return SEALED
    return None


def install(folder: Path) -> None:
    at, held = folder / "at", folder / "held"

    def hook(event: str, words: tuple[Any, ...]) -> None:
        if event not in ("os.rename", "os.remove") or getattr(_looking, "now", False):
            return
        _looking.now = True
        try:
            wanted = at.read_text() if at.exists() else None
            if wanted is None or held.exists() or moment(event, words) != wanted:
                return
            held.write_text(str(os.getpid()))
            while at.exists():
                time.sleep(0.05)
        finally:
            _looking.now = False

    sys.addaudithook(hook)


if HOLD in os.environ:
    install(Path(os.environ[HOLD]))
