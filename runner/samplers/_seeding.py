"""Randomness without state: every draw of a campaign follows from its seed, the trial number and the skip count."""

from __future__ import annotations

import hashlib
import random

from runner.domain.ids import canonical
from runner.domain.parameters import Point


def seed_of(seed: int, number: int, skip: int) -> int:
    """A 32-bit seed: the same three numbers give the same one on every machine and in every Python process."""
    digest = hashlib.sha256(f"{seed}/{number}/{skip}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def generator(seed: int, number: int, skip: int) -> random.Random:
    return random.Random(seed_of(seed, number, skip))


def point_key(point: Point) -> str:
    """Two points are one when this is equal; true is not 1."""
    return canonical([point.entry, dict(point.values)])
