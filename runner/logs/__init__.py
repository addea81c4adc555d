"""STORY merged(): the logs of a run, a trial or an attempt as one text, each line with the attempt it belongs to.

Every attempt has its own files from its first byte, so nothing is sorted out here: the attempts are read one after
the other, in the order in which they began. A file of an engine has no times; within an attempt its engine's and its
client's lines therefore come file by file, and as they are written while one follows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.domain.records import RecordKind
from runner.domain.units import format_duration
from runner.events.console import values_text
from runner.known import Known, LoggedAttempt, Target
from runner.lineage_lock import lock_path, read_owner
from runner.logs.files import LogFile
from runner.running_file import read_running, runner_lives
from runner.store.archived import read_archived, sealed_file
from runner.util import procfs
from runner.util.redact import hide, redact
from runner.util.visible import visible_line

ENGINE, CLIENT, TUNEBOOK = "engine", "client", "tunebook"
SOURCES = (TUNEBOOK, ENGINE, CLIENT)


@dataclass(frozen=True, slots=True)
class LogLine:
    """`tag` names the attempt in this view (`t7/search`, `t7/search~2` when it was tried again); `source` is engine,
    client, or tunebook for how the attempt began and ended. `text` is redacted and harmless on a terminal."""

    tag: str
    source: str
    text: str
    attempt_id: str
    run_id: str


def merged(
    known: Known, target: Target, *, follow: bool, wait: Callable[[], None], sources: Sequence[str] = SOURCES
) -> Iterator[LogLine]:
    """Every line there is; with `follow` go on, from one attempt to the next, until the run (or the one attempt) ends.
    `wait` pauses between two looks."""
    views: dict[str, _View] = {}
    try:
        while True:
            over = not follow or not _goes_on(known, target)  # asked first: what is sealed before the end is read below
            for attempt in filter(target.holds, known.attempts()):
                if attempt.attempt_id not in views:
                    views[attempt.attempt_id] = _View(attempt, _tag(attempt, views.values()), sources)
                yield from views[attempt.attempt_id].news(attempt, last=over)
            if over:
                return
            wait()
    finally:
        for view in views.values():
            view.close()


def _goes_on(known: Known, target: Target) -> bool:
    """Whether more lines may come. False once the run has its end record, or its process is gone."""
    if target.kind == "attempt":
        mine = (facts for facts in read_running(known.results) if facts["attempt_id"] == target.id)
        return any(runner_lives(facts) is not False for facts in mine)
    run = target.run
    if run is None or any(end["run_id"] == run["run_id"] for _, end in known.records(RecordKind.RUN_END)):
        return False
    owner = read_owner(lock_path(known.results, run["search_key"]))
    return owner is not None and runner_lives(owner) is not False and owner["since"] <= run["started_utc"]


def _tag(attempt: LoggedAttempt, before: Any) -> str:
    count = sum(view.name == attempt.name for view in before)
    return f"{attempt.name}~{count + 1}" if count else attempt.name


class _View:
    """One attempt as far as it was shown."""

    def __init__(self, attempt: LoggedAttempt, tag: str, sources: Sequence[str]) -> None:
        self.name = attempt.name
        self._tag = tag
        self._ids = (attempt.attempt_id, attempt.run_id)
        self._sources = sources
        self._files: dict[str, LogFile] = {}
        self._begun = self._over = False
        self._barred = False

    def news(self, attempt: LoggedAttempt, *, last: bool) -> Iterator[LogLine]:
        """The lines since the last call. An attempt that is sealed is read to its end, and then never again."""
        if self._over:
            return
        sealed = attempt.running is None
        if not self._begun:
            yield from self._own(_beginning(attempt.facts))
            self._begun = True
        yield from self._logs(attempt, last=last or sealed)
        if sealed:
            yield from self._own(_end(attempt.facts))
            self._over = True
            self.close()

    def _logs(self, attempt: LoggedAttempt, *, last: bool) -> Iterator[LogLine]:
        if attempt.running is not None:
            unknown = _hide_secrets(attempt.running)
            if unknown:
                if not self._barred:
                    yield from self._own(_barred(unknown))
                self._barred = True
                return
        for source in (ENGINE, CLIENT):
            if source not in self._sources:
                continue
            if source not in self._files:
                try:
                    self._files[source] = LogFile(sealed_file(attempt.folder, f"{source}.log"))
                except FileNotFoundError:
                    if attempt.running is None:
                        yield from self._archived(attempt.folder, source)
                    continue
            for text in self._files[source].lines(last=last):
                yield LogLine(self._tag, source, text, *self._ids)

    def _archived(self, folder: Path, source: str) -> Iterator[LogLine]:
        """A log that lies where it can not be read from here is told."""
        archived = read_archived(folder)
        if archived and f"{source}.log" in archived.files:
            yield from self._own(f"{source}.log is in the archive {archived.archive}, which can not be read from here")

    def _own(self, text: str) -> Iterator[LogLine]:
        if TUNEBOOK in self._sources:
            yield LogLine(self._tag, TUNEBOOK, visible_line(redact(text)), *self._ids)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _beginning(facts: Mapping[str, Any]) -> str:
    configuration = facts["configuration"]
    when = str(facts["started_utc"])[:19].replace("T", " ")
    return f"began {when} UTC: {configuration['entry']} {values_text(configuration['values'])}"


def _end(facts: Mapping[str, Any]) -> str:
    took = f"after {format_duration(round(facts['seconds'], 1))}"
    failure = facts["failure"]
    if failure is None:
        return f"{facts['outcome']} {took}"
    return f"{facts['outcome']} {took} at {failure['phase']}: {failure['cause']}: {failure['evidence']}"


def _hide_secrets(running: Mapping[str, Any]) -> list[str]:
    """Make the values that the run passed through known to `redact`. Gives the names whose value nobody tells us: then
    no text of this attempt may be shown before it is sealed without them."""
    unknown = []
    for name in running.get("secrets", []):
        value = procfs.environment_value(int(running["pid"]), name) if runner_lives(running) else None
        value = os.environ.get(name) if value is None else value
        if value is None:
            unknown.append(name)
        else:
            hide(value)
    return unknown


def _barred(names: Sequence[str]) -> str:
    return (
        f"the log is not shown: it may hold the value of {', '.join(names)}, which is not set here. "
        "Once the attempt has ended its logs are sealed without such values"
    )
