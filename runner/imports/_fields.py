"""Values of a foreign file, asked for by name: of the kind that is expected, or a sentence that names the place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from runner.domain.foreign import ForeignMetric
from runner.imports import Malformed

FACTORS: dict[str, tuple[str, Decimal]] = {
    "s": ("s", Decimal(1)), "sec": ("s", Decimal(1)), "seconds": ("s", Decimal(1)), "ms": ("s", Decimal("0.001")),
    "s/token": ("s", Decimal(1)), "ms/token": ("s", Decimal("0.001")),
    "tokens/s": ("tok/s", Decimal(1)), "tokens/sec": ("tok/s", Decimal(1)),
    "tokens/sec/user": ("tok/s/user", Decimal(1)),
    "requests/s": ("req/s", Decimal(1)), "requests/sec": ("req/s", Decimal(1)), "queries/s": ("req/s", Decimal(1)),
    "tokens": ("tok", Decimal(1)), "requests": ("requests", Decimal(1)), "count": ("count", Decimal(1)),
    "%": ("ratio", Decimal("0.01")), "percent": ("ratio", Decimal("0.01")), "fraction": ("ratio", Decimal(1)),
    "ratio": ("ratio", Decimal(1)),
}  # fmt: skip
"""Unit as it is published -> ours, and the factor."""


class Fields:
    """A mapping of the file. What is never asked for is `unread`, what was asked for in vain is `missing`."""

    def __init__(self, data: Mapping[str, Any], path: str = "", root: Fields | None = None) -> None:
        self._data, self._path, self._root = data, path, root or self
        self._asked: dict[str, Fields | None] = {}
        self._missing: list[str] = []

    def place(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def keys(self) -> list[str]:
        return [str(key) for key in self._data]

    def has(self, key: str) -> bool:
        """Without asking for it."""
        return self._data.get(key) is not None

    def says(self, key: str, word: str) -> bool:
        """Whether it stands there in place of a value."""
        self._asked.setdefault(key, None)
        return bool(self._data.get(key) == word)

    def skip(self, *keys: str) -> None:
        """Known, and of no use to us: no reader needs to hear of it."""
        self._asked.update(dict.fromkeys(keys))

    def number(self, key: str) -> float | None:
        """A finite number; None when the file has none, which is told. Raises Malformed."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no finite number")
        return float(value)

    def count(self, key: str) -> int | None:
        """A number of things: whole and not negative. Raises Malformed."""
        value = self.number(key)
        if value is None:
            return None
        if value < 0 or value != int(value):
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no count")
        return int(value)

    def text(self, key: str) -> str | None:
        value = self._value(key)
        if value is not None and not isinstance(value, str):
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no text")
        return value or None

    def time(self, key: str, read: Callable[[Any], datetime]) -> str | None:
        """As ISO text in UTC; a time without a zone is the clock of a machine that we do not know: None, and told.
        Raises Malformed."""
        value = self._value(key)
        if value is None:
            return None
        try:
            found = read(value)
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no time") from error
        if found.tzinfo is None:
            self._root._missing.append(f"time zone of {self.place(key)}")
            return None
        return found.astimezone(UTC).isoformat()

    def within(self, key: str) -> Fields:
        """A mapping in it; an empty one when the file has none. Raises Malformed."""
        value = self._value(key)
        if value is not None and not isinstance(value, Mapping):
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no mapping")
        found = Fields(value or {}, self.place(key), self._root)
        self._asked[key] = found if value is not None else None
        return found

    def each(self, key: str) -> Iterator[Fields]:
        """The mappings of a list. Raises Malformed."""
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            raise Malformed(f"{self.place(key)}: {_shown(value)} is no list of mappings")
        for number, one in enumerate(value):
            found = Fields(one, f"{self.place(key)}[{number}]", self._root)
            self._asked[f"{key}[{number}]"] = found
            yield found

    def metric(self, key: str, metric: str, stat: str, unit: str, value: float | None = None) -> list[ForeignMetric]:
        """A published number in our unit; nothing when the file has none. Raises Malformed for a unit that we do not
        know."""
        found = self.number(key) if value is None else value
        if found is None:
            return []
        if unit not in FACTORS:
            raise Malformed(f"{self.place(key)}: unit {unit!r} is none of {', '.join(FACTORS)}")
        ours, factor = FACTORS[unit]
        # in decimals: 39.689506 ms is 0.039689506 s, not a neighbour of it
        exact = float(Decimal(repr(found)) * factor)
        return [ForeignMetric(metric, stat, ours, exact, self.place(key), unit)]

    def unread(self) -> tuple[str, ...]:
        """Places that nobody asked for, of a mapping that nobody looked into its own alone."""
        found: list[str] = []
        for key, value in self._data.items():
            if (
                value is not None
                and key not in self._asked
                and not any(name.startswith(f"{key}[") for name in self._asked)
            ):
                found.append(self.place(str(key)))
        for below in self._asked.values():
            if below is not None:
                found += below.unread()
        return tuple(found)

    def missing(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._root._missing))

    def _value(self, key: str) -> Any:
        self._asked.setdefault(key, None)
        value = self._data.get(key)
        if value is None:
            self._root._missing.append(self.place(key))
        return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
