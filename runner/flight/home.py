"""Records that come home from machines away, whole or not at all, and what is sealed here when none comes."""

from __future__ import annotations

import base64
import io
import tarfile
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.domain.failure import Cause, Failure, Outcome, Phase
from runner.domain.hardware import HostFacts
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import StoreDamaged
from runner.executors import Executor, Lost
from runner.flight.there import key_of
from runner.store.record import (
    adopt,
    fsync,
    manifest_sha256,
    read_record,
    record_path,
    records_folder,
    seal_attempt,
)
from runner.util.clock import utc_now
from runner.util.files import disk_errors

IN = "runner.flight.there:"


@dataclass(frozen=True, slots=True)
class Collected:
    """Names of the records that came, and a sentence for each that came too late."""

    came: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


def collect(executor: Executor, results: Path, said: Mapping[str, Any]) -> Collected:
    """Records that an earlier driver, or this one, did not get; `said` is what `prepare` said, by machine. What is here
    already, or ended here otherwise, stays as it is: a late result of a closed attempt changes nothing."""
    waiting = {name: one["waiting"] for name, one in said.items() if not isinstance(one, Lost) and one["waiting"]}
    names = {record for records in waiting.values() for record in records}
    wanted = sorted(name for name in names if not (records_folder(results) / name).exists())
    came = []
    if wanted:
        asked = {"key": key_of(results), "names": wanted}
        for records in executor.everywhere(IN + "hand_over", asked, waiting.keys()).values():
            for one in records if not isinstance(records, Lost) else ():
                take_home(results, one)
                came.append(str(one["record"]))
    return Collected(tuple(sorted(came)), tuple(tidy(executor, results, sorted(names), waiting.keys())))


def tidy(executor: Executor, results: Path, names: Sequence[str], places: Collection[str] | None = None) -> list[str]:
    """Tell the machines which records are here, so that they keep no copies; what dead workers left is ended. Returns a
    sentence for each record there that is none of a copy: its attempt had been given up before it came."""
    if places is not None and not places:
        return []
    here = [name for name in names if (records_folder(results) / name).exists()]
    asked = {"key": key_of(results), "names": here}
    late = []
    for place, gone in executor.everywhere(IN + "tidy", asked, places).items():
        for one in gone if not isinstance(gone, Lost) else ():
            ours = records_folder(results) / one["record"]
            if manifest_sha256(ours) != one["sha256"]:
                fact = read_record(ours).facts
                told = f"it counts as {fact['outcome']} since its driver gave it up, and that stays"
                late.append(f"{place} had a late record of trial {fact['number']}, {one['outcome']}: {told}")
    return late


def take_home(results: Path, packed: Mapping[str, Any]) -> None:
    """Put a record that travelled among ours, whole or not at all. Raises StoreDamaged when it is not what was sealed,
    NoSpace, Unwritable."""
    name = str(packed["record"])
    if (records_folder(results) / name).exists():
        return
    with disk_errors(results), tempfile.TemporaryDirectory(prefix=".away-", dir=results) as scratch:
        folder = Path(scratch) / name
        if folder.parent != Path(scratch) or not name.startswith(f"{RecordKind.ATTEMPT}-"):
            raise StoreDamaged(f"{name!r} is no name of an attempt's record")
        folder.mkdir()
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed["tar"]))) as tar:
            tar.extractall(folder, filter="data")
        adopt(results, folder, str(packed["sha256"]))
        fsync(records_folder(results))  # the machine forgets its copy when it hears that we have it


def seal_lost(results: Path, first: Attempt, lost: Lost, host: HostFacts | None, phase: Phase) -> Attempt:
    """The attempt as the driver knows it: its machine can say nothing any more. Sealed, so that it is seen. `first` are
    the facts that it began with, `phase` is the last that was heard of."""
    ended = utc_now()
    where = f"{lost.place}: " if lost.place and lost.place not in lost.what else ""
    cause = Cause.INTERRUPTED if lost.stopped else Cause.INFRA
    attempt = replace(
        first,
        outcome=Outcome.INTERRUPTED if lost.stopped else Outcome.INFRA,
        failure=Failure(phase, cause, f"{where}{lost.what}"[:500], rule="away"),
        phase=phase,
        host=host or first.host,
        ended_utc=ended,
        seconds=round((datetime.fromisoformat(ended) - datetime.fromisoformat(first.started_utc)).total_seconds(), 6),
    )
    if not record_path(results, RecordKind.ATTEMPT, attempt.attempt_id).exists():
        seal_attempt(results, attempt)
    return attempt
