"""Identities that follow from content. Pure: the caller brings the clock and the random bytes."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

NAMESPACE = uuid.UUID("6f1d3c1e-52a3-5b7e-9c53-74756e65626b")
"""Namespace of every uuid5 that tunebook makes."""


def canonical(value: Any) -> str:
    """JSON text that does not depend on key order. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: Any) -> str:
    """sha256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def fingerprint(entry: str, flags: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """16 hex digits over the entry and its resolved flags and environment: no placement, host or version in it."""
    return content_hash({"entry": entry, "flags": dict(flags), "env": dict(env)})[:16]


def trial_id(search_key: str, series: int, configuration: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"trial/{search_key}/{series}/{configuration}"))


def campaign_id(version_sha256: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"campaign/{version_sha256}"))


def rules_id(rules: Mapping[str, Any]) -> str:
    return str(uuid.uuid5(NAMESPACE, f"rules/{content_hash(rules)}"))


def uuid7(milliseconds: int, random: bytes) -> str:
    """RFC 9562 version 7 from a Unix time in milliseconds and 10 random bytes. Sorts by time."""
    r = int.from_bytes(random[:10], "big")
    value = (milliseconds << 80) | (0x7 << 76) | ((r >> 68 & 0xFFF) << 64) | (0x2 << 62) | (r & ((1 << 62) - 1))
    return str(uuid.UUID(int=value))
