"""A file of requests in the one form that a load generator reads: a line of JSON for each request.

Made once for each content and kept in the cache, beside how many requests there are and how long the longest is.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.domain.ids import content_hash
from runner.domain.load import RequestFile
from runner.errors import NoSpace, RequestFileError, Unwritable
from runner.inputs import places, unpack
from runner.inputs.datasets import dataset_lines
from runner.inputs.traces import trace_lines
from runner.util.codec import from_json, to_json
from runner.util.files import atomic_write, disk_errors

_VERSION = 1
"""Of the lines: another one is another file in the cache."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`longest`: prompt and output tokens of the longest request."""

    requests: int
    longest: int


def prepared(file: RequestFile, project: Path) -> Path:
    """The lines of the file, from the cache or made now. A `url` was fetched before. Raises RequestFileError,
    HashMismatch, NoSpace, Unwritable."""
    lines = _lines(file)
    if not (lines.is_file() and _facts_beside(lines)):
        _make(file, _given(file, project), lines)
    return lines


def facts(file: RequestFile, project: Path) -> Facts | None:
    """What `check` wants to know; None while the file is not here. Reads all of a file that it does not know yet.
    Raises RequestFileError and HashMismatch."""
    given = places.place(file, project)
    if given is None:
        return None
    lines = _lines(file)
    known = _facts_beside(lines)
    if known is not None:
        return known
    try:
        return _make(file, given, lines)
    except (NoSpace, Unwritable, OSError):  # a machine that only checks files need not be able to keep them
        with tempfile.TemporaryDirectory() as folder, _plain(file, given, Path(folder)) as plain:
            return _write(_read(file, plain), Path(os.devnull), file.label)


def _given(file: RequestFile, project: Path) -> Path:
    found = places.place(file, project)
    if found is None:
        raise RequestFileError(f"{file.url} is not fetched yet", hint="`tunebook run` fetches it before it begins")
    return found


def _lines(file: RequestFile) -> Path:
    key = content_hash([_VERSION, file.sha256, file.form, file.prompt, file.output])[:32]
    return places.folder() / "prepared" / f"{key}.jsonl"


def _facts_beside(lines: Path) -> Facts | None:
    try:
        return from_json(Facts, lines.with_suffix(".facts").read_bytes()) if lines.is_file() else None
    except (OSError, ValueError):
        return None


def _make(file: RequestFile, given: Path, lines: Path) -> Facts:
    part = lines.with_name(f".{secrets.token_hex(4)}.part")
    with disk_errors(lines):
        lines.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _plain(file, given, lines.parent) as plain:
                found = _write(_read(file, plain), part, file.label)
            part.replace(lines)
        finally:
            part.unlink(missing_ok=True)
    atomic_write(lines.with_suffix(".facts"), to_json(found))
    return found


def _read(file: RequestFile, plain: Path) -> Iterator[dict[str, Any]]:
    if file.form in ("azure", "mooncake"):
        return trace_lines(file.form, plain, file.label)
    return dataset_lines(file, plain)


@contextmanager
def _plain(file: RequestFile, given: Path, folder: Path) -> Iterator[Path]:
    """The file unpacked, under a name of ours, which readers can not take for a pattern."""
    plain = folder / f".{secrets.token_hex(8)}.plain"
    try:
        if unpack.is_packed(given):
            unpack.unpack(file, given, plain)
        else:
            plain.symlink_to(given.resolve())
        yield plain
    finally:
        plain.unlink(missing_ok=True)


def _write(lines: Iterator[dict[str, Any]], target: Path, label: str) -> Facts:
    requests = longest = 0
    with target.open("w", encoding="utf-8") as file:
        if target != Path(os.devnull):
            os.fchmod(file.fileno(), 0o600)  # the prompts of a dataset are nobody else's business
        for line in lines:
            requests += 1
            longest = max(longest, line["prompt"] + line["output"])
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    if not requests:
        raise RequestFileError(f"{label}: there is no request in it")
    return Facts(requests, longest)
