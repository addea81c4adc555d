"""Durations in seconds and sizes in bytes, written with a unit (`30s`, `1h30m`, `500ms`, `2GiB`)."""

from __future__ import annotations

import re

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
LONGEST = 1e9
"""Seconds: thirty years. A longer duration is a slip of the key."""
LARGEST = 2**63
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]i?B|B)")


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `10m`, `1h30m`, `500ms`, `7d`. Raises ValueError when the unit is missing or unknown, or the
    duration is absurd."""
    compact = text.replace(" ", "")
    position = 0
    total = 0.0
    for part in _DURATION_PART.finditer(compact):
        if part.start() != position:
            break
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    if not compact or position != len(compact):
        raise ValueError(f"{text!r} is not a duration: write a number with a unit, such as 500ms, 30s, 10m, 2h or 7d")
    if total > LONGEST:
        raise ValueError(f"{text[:40]!r} is too long: at most {format_duration(LONGEST)}")
    return total


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back (to the millisecond)."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if round(seconds, 3) < 1:
        return f"{round(seconds * 1000):d}ms"
    if round(seconds, 3) < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    whole = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_size(text: str) -> int:
    """Bytes of `2GiB`, `500MB`. Raises ValueError when the unit is missing or unknown."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write a number with a unit, such as 512MiB or 24GB")
    count = float(match[1]) * _BYTES[match[2]]
    if count > LARGEST:
        raise ValueError(f"{text[:40]!r} is too large")
    return round(count)


def format_size(count: float) -> str:
    """Bytes for people: `98.4 MB`, decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
