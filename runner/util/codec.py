"""Frozen dataclasses to plain JSON and back. Unknown and missing keys are errors on the way in."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter

T = TypeVar("T")

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    if cls not in _ADAPTERS:
        if not getattr(cls, "__pydantic_config__", None):
            cls.__pydantic_config__ = ConfigDict(extra="forbid")  # facts are never lost in silence
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


def to_plain(value: Any) -> Any:
    """`value` (a dataclass of runner.domain) as JSON-ready dicts and lists."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_plain(cls: type[T], data: Any) -> T:
    """The dataclass from what `to_plain` gave. Raises pydantic.ValidationError."""
    made: T = _adapter(cls).validate_python(data)
    return made


def to_json(value: Any) -> str:
    """Pretty JSON, keys in declaration order, no NaN."""
    return json.dumps(to_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_line(value: Any) -> bytes:
    """One line of JSON, as short as it can be, for files with a line for each of many values. No NaN may be in it: it
    would become null."""
    return _adapter(type(value)).dump_json(value) + b"\n"


def from_json(cls: type[T], text: str | bytes) -> T:
    return from_plain(cls, json.loads(text))
