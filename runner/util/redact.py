"""Secrets do not leave: a type that hides its value, and a filter for every text that is written or shown."""

from __future__ import annotations

import json
import re
import threading

HIDDEN = "[redacted]"

_SHORTEST = 6
"""A shorter value is no secret worth the damage: hiding every `1` would make a log unreadable."""

# No pattern may look far ahead from many places: a log may hold a line of a megabyte without a space.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:hf|api)_[A-Za-z0-9]{8,}"), HIDDEN),
    (re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]|glpat|github_pat)[_-][A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), HIDDEN),
    (re.compile(r"\bnvapi-[A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)([a-z0-9+.-]://)[^/\s:@]+:[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"""(?ix)(token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key)
                (["']?\s*[=:]\s*["']?|\s+)(?=[^\s"',;]{0,256}[0-9])[^\s"',;]{8,}"""
        ),
        rf"\1\2{HIDDEN}",
    ),
)

_values: set[str] = set()
_lock = threading.Lock()


class Secret:
    """A value that shows nothing when printed, formatted, compared by eye or serialised. `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        hide(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __str__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


def hide(value: str) -> None:
    """From now on `redact` takes `value` out of every text (the value of a passed-through environment name)."""
    if len(value) >= _SHORTEST:
        with _lock:
            _values.add(value)
            _values.add(json.dumps(value)[1:-1])  # as a JSON answer or a structured log spells it


def redact(text: str, *, cut: bool = False) -> str:
    """`text` without known secret values and without what looks like one (tokens, Bearer, user:password@host).

    `cut` says that somebody else shortened the text before we saw it: a value of which only the beginning is left at
    the end of the text goes too.
    """
    with _lock:
        known = sorted(_values, key=len, reverse=True)  # a value that contains another goes first
    for value in known:
        text = text.replace(value, HIDDEN)
    if cut:
        beginnings = (value[:n] for value in known for n in range(len(value) - 1, _SHORTEST - 1, -1))
        left = next((one for one in beginnings if text.endswith(one)), "")
        text = text.removesuffix(left) + HIDDEN if left else text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
