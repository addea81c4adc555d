"""Plain data as a campaign file that people read: short mappings on one line, comments above what they explain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 110

Path = tuple[str | int, ...]
Comments = Mapping[Path, Sequence[str]]
"""Path of a value -> lines above it."""

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*|\d+(?:ms|s|m|h|d)", re.ASCII)
_NOT_TEXT = frozenset({"true", "false", "null", "nan", "inf", "yes", "no", "on", "off", "y", "n"})
"""Words that some reader of YAML takes for something else: to Kubernetes a plain `on` is a boolean."""


def yaml_text(data: Mapping[str, Any], comments: Comments) -> str:
    """`data` (mappings, lists, scalars) as YAML that `runner.campaign` reads back as the same."""
    return "\n".join(_mapping(data, (), "", comments)) + "\n"


def flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False)


def _mapping(data: Mapping[str, Any], path: Path, pad: str, comments: Comments) -> list[str]:
    lines: list[str] = []
    for key, value in data.items():
        at = (*path, key)
        lines += [f"{pad}# {line}" for line in comments.get(at, ())]
        lines += _pair(f"{pad}{flow(str(key))}:", value, at, pad, comments)
    return lines


def _pair(head: str, value: Any, at: Path, pad: str, comments: Comments) -> list[str]:
    """On one line when it is short and nothing inside is explained, else a block."""
    explained = any(len(path) > len(at) and path[: len(at)] == at for path in comments)
    block = isinstance(value, Mapping | list) and value and (explained or len(head) + len(flow(value)) > WIDTH)
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        block = True
    if not block:
        return [f"{head} {flow(value)}"]
    inner = pad + "  "
    if isinstance(value, Mapping):
        return [head, *_mapping(value, at, inner, comments)]
    return [head, *_list(value, at, inner, comments)]


def _list(values: Sequence[Any], path: Path, pad: str, comments: Comments) -> list[str]:
    lines: list[str] = []
    for index, value in enumerate(values):
        at = (*path, index)
        lines += [f"{pad}# {line}" for line in comments.get(at, ())]
        if not isinstance(value, Mapping) or not value:
            lines.append(f"{pad}- {flow(value)}")
            continue
        first = (*at, next(iter(value)))  # what explains the first key stands above the dash
        lines += [f"{pad}# {line}" for line in comments.get(first, ())]
        rest = {where: told for where, told in comments.items() if where != first}
        head, *tail = _mapping(value, at, pad + "  ", rest)
        lines += [f"{pad}- {head.lstrip()}", *tail]
    return lines
