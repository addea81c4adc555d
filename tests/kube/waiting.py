"""For what the server, or the stand-in, does a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(found: Callable[[], Found | None]) -> Found:
    """What it gives, when it gives something. A failure after a minute."""
    end = time.monotonic() + 60
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value
