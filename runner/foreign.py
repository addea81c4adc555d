"""STORY import_results(): result files of other tools become records of their own kind, each with its file.

A file is known by its content: the same content, under whatever name, is taken in once.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runner import __version__
from runner.domain.foreign import ForeignFact
from runner.domain.records import RecordKind
from runner.errors import NotReady, ResultFileError, StoreDamaged
from runner.imports import Malformed, ResultFormat, formats
from runner.store.foreign import PUBLISHED
from runner.store.record import read_records, seal
from runner.util.clock import new_id, utc_now
from runner.util.files import disk_errors
from runner.util.redact import redact

SOURCE = "source"
"""Name of the file in its record."""
MOST_BYTES = 256 * 2**20
"""Of one file. Larger ones hold every request: the tools write a summary without them."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file. `new` False: the same content is here, in the record `fact.foreign_id`."""

    fact: ForeignFact
    new: bool


def import_result(results: Path, path: Path) -> Imported:
    """Seal a result file; the caller ingests it.

    Raises ResultFileError for what is no result file of a known tool, NotReady for published results, StoreDamaged,
    NoSpace, Unwritable.
    """
    if (results / PUBLISHED).is_file():
        raise NotReady(f"{results} has published results, which nothing is added to", hint="name another: --results")
    content = _content(path)
    sha256 = hashlib.sha256(content).hexdigest()
    for record in read_records(results, RecordKind.FOREIGN):
        if record.facts["sha256"] == sha256:
            return Imported(_fact_of(record.facts), new=False)
    data = _parsed(path, content)
    known = _format_of(path, data)
    try:
        reading = known.read(data)
    except Malformed as error:
        raise ResultFileError(f"{path}: {error} ({known.title})", hint="nothing of this file was imported") from error
    fact = ForeignFact(
        new_id(), known.name, reading.tool, reading.tool_version, reading.model, reading.started_utc, str(path),
        sha256, len(content), os.uname().nodename, utc_now(), __version__, reading.levels, reading.unread,
        reading.missing,
    )  # fmt: skip
    with disk_errors(results):
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=results) as scratch:
            copy = Path(scratch) / SOURCE
            copy.write_bytes(content)
            seal(results, RecordKind.FOREIGN, fact.foreign_id, fact, {SOURCE: copy})
    return Imported(fact, new=True)


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named; of a folder every .json, .yaml and .yml in it that could be one, by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix in (".json", ".yaml", ".yml") and one.is_file())
            if not inside:
                raise ResultFileError(f"{path}: no .json and no .yaml file is in this folder")
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _fact_of(facts: Mapping[str, Any]) -> ForeignFact:
    from runner.util.codec import from_plain

    try:
        return from_plain(ForeignFact, facts)
    except ValueError as error:
        raise StoreDamaged(f"foreign-{facts.get('foreign_id')}: not a record of this version") from error


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            what = f"{path}: {size / 2**20:.0f} MiB, more than {MOST_BYTES // 2**20} MiB"
            raise ResultFileError(what, hint="let the tool write its summary without the single requests")
        return path.read_bytes()
    except OSError as error:
        raise ResultFileError(f"{path}: can not be read ({error.strerror})") from error


def _parsed(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ResultFileError(f"{path}: byte {error.start} is no UTF-8: no result file") from error
    if redact(text) != text:
        raise ResultFileError(
            f"{path}: holds what looks like a secret, and a sealed file never changes",
            hint="take the secret out of the file, then import it",
        )
    try:
        data = json.loads(text, parse_constant=_no_constant) if text.lstrip()[:1] == "{" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ResultFileError(f"{path}: is neither JSON nor YAML ({reason})", hint="one document in a file") from error
    if not isinstance(data, Mapping):
        raise ResultFileError(f"{path}: is a {type(data).__name__}, no result file is", hint=_known())
    return data


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _format_of(path: Path, data: Mapping[str, Any]) -> ResultFormat:
    found = [known for known in map(formats.get, formats.names()) if known.recognises(data)]
    if len(found) != 1:
        what = "of no tool that we know" if not found else f"of several tools ({', '.join(one.name for one in found)})"
        raise ResultFileError(f"{path}: looks like a result file {what}", hint=_known())
    return found[0]


def _known() -> str:
    return "known are: " + "; ".join(formats.get(name).title for name in formats.names())
