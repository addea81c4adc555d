"""Recorded requests: when, and how many tokens. The two public forms.

azure     CSV with TIMESTAMP, ContextTokens, GeneratedTokens (github.com/Azure/AzurePublicDataset, LLM inference)
mooncake  JSON lines with timestamp (ms), input_length, output_length, hash_ids (github.com/kvcache-ai/Mooncake);
          each of hash_ids names 512 tokens of the prompt, and equal ones are equal text
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.errors import RequestFileError

Line = dict[str, Any]
"""`prompt` and `output` tokens, `at` seconds after the first request, `blocks` where the trace has some."""

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
MOONCAKE = ("timestamp", "input_length", "output_length")
_LONGEST_LINE = 1 << 20
_MOST_TOKENS = 10_000_000


def trace_lines(form: str, path: Path, label: str) -> Iterator[Line]:
    """Every request, in the order of the file, times ascending. Raises RequestFileError with the line."""
    first: float | None = None
    before = 0.0
    for number, moment, line in (_azure if form == "azure" else _mooncake)(path, label):
        first = moment if first is None else first
        line["at"] = round(moment - first, 6)
        if line["at"] < before:
            what = f"{label}, line {number}: its time is {before - line['at']:g} s before that of the line before it"
            raise RequestFileError(what, hint="sort the trace by time")
        before = line["at"]
        yield line


def _azure(path: Path, label: str) -> Iterator[tuple[int, float, Line]]:
    csv.field_size_limit(_LONGEST_LINE)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        try:
            columns = next(rows, [])
            at, prompt, output = _columns(AZURE, columns, label, "azure")
            for row in rows:
                if not row:
                    continue
                where = f"{label}, line {rows.line_num}"
                if len(row) != len(columns):
                    raise RequestFileError(f"{where}: {len(row)} values, and the head names {len(columns)} columns")
                counts = {
                    "prompt": _tokens(row[prompt], AZURE[1], where),
                    "output": _tokens(row[output], AZURE[2], where),
                }
                yield rows.line_num, _moment(row[at], where), counts
        except UnicodeDecodeError as error:
            raise RequestFileError(f"{label}: not UTF-8 text: byte {error.start}") from error
        except csv.Error as error:
            raise RequestFileError(f"{label}, line {rows.line_num}: {error}") from error


def _mooncake(path: Path, label: str) -> Iterator[tuple[int, float, Line]]:
    for number, data in json_lines(path, label):
        where = f"{label}, line {number}"
        _columns(MOONCAKE, list(data), where, "mooncake")
        line: Line = {
            "prompt": _tokens(data["input_length"], MOONCAKE[1], where),
            "output": _tokens(data["output_length"], MOONCAKE[2], where),
        }
        blocks = data.get("hash_ids") or []
        if not isinstance(blocks, list) or not all(type(block) is int for block in blocks):
            raise RequestFileError(f"{where}: hash_ids must be a list of whole numbers")
        if blocks:
            line["blocks"] = blocks
        moment = data["timestamp"]
        if isinstance(moment, bool) or not isinstance(moment, int | float) or not 0 <= moment < 1e15:
            raise RequestFileError(f"{where}: timestamp must be milliseconds, not {moment!r}")
        yield number, moment / 1000, line


def json_lines(path: Path, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a file of JSON lines, empty ones left out. Raises RequestFileError with the line."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                data = json.loads(raw)
            except (ValueError, RecursionError):
                raise RequestFileError(f"{label}, line {number}: not JSON") from None
            if not isinstance(data, dict):
                raise RequestFileError(f"{label}, line {number}: not an object, but {type(data).__name__}")
            yield number, data


def _columns(wanted: tuple[str, ...], there: list[str], where: str, form: str) -> list[int]:
    missing = [name for name in wanted if name not in there]
    if missing:
        have = ", ".join(there[:12]) or "none"
        raise RequestFileError(
            f"{where}: no column {missing[0]}", hint=f"the form {form} has {', '.join(wanted)}; here are: {have[:200]}"
        )
    return [there.index(name) for name in wanted]


def _tokens(value: Any, name: str, where: str) -> int:
    """A request without tokens asks for one: no engine takes less."""
    try:
        count = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except ValueError:
        count = None
    if count is None:
        raise RequestFileError(f"{where}: {name} must be a whole number of tokens, not {value!r:.60}")
    if not 0 <= count <= _MOST_TOKENS:
        raise RequestFileError(f"{where}: {name} is {count}")
    return max(1, count)


def _moment(text: str, where: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestFileError(f"{where}: TIMESTAMP must be a date and time, not {text!r:.60}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()  # no hour comes twice in October
