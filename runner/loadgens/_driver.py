"""The driver's side of the protocol: start a load generator, give it orders, hear its events, read its rows."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.domain.campaign import LevelPlan
from runner.domain.trial import Exit
from runner.loadgens import Job, LoadGenerator, Row
from runner.util import codec, process
from runner.util.files import disk_errors
from runner.util.redact import redact

GRACE = 2.0
"""Seconds a child gets to end by itself after `stop`."""

_PASSED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HF_HOME", "HF_HUB_OFFLINE",
)  # fmt: skip
"""The only names that a load generator inherits. Tokens and keys of our environment are none of its business."""


def client_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


class Child:
    """A running load generator. A context manager: leaving it ends the child on every path.

    An engine may repeat a secret in its answer, and the child does not know which values are secret: what it wrote is
    cleaned on this side, both in `rows()` and, once the child has ended, in the file that will be sealed.
    """

    def __init__(
        self,
        loadgen: LoadGenerator,
        job: Job,
        scratch: Path,
        log: Path,
        label: str,
        through: Sequence[str] | None = None,
        cpus: Sequence[int] = (),
    ) -> None:
        """Writes job.json and an empty rows.jsonl into `scratch` and starts the child; where the client runs on another
        machine `through` is the command that stands for it here, and takes its name, the job and the rows. It is ours,
        and needs our environment to find the way. `cpus`: logical CPUs that the child is pinned to."""
        self._listed = job.levels
        self.rows_path = scratch / "rows.jsonl"
        self.rows_path.touch()
        job_path = scratch / "job.json"
        job_path.touch(mode=0o600)  # it may hold the key of the endpoint
        job_path.write_text(codec.to_json(job), encoding="utf-8")
        self._process = process.start(
            [*through, loadgen.name, str(job_path), str(self.rows_path)]
            if through
            else loadgen.command(job_path, self.rows_path),
            label=label,
            env=None if through else client_environment(),
            cwd=scratch,
            stdin=process.PIPE,
            stdout=process.PIPE,
            stderr=log,
            cpus=cpus,
        )
        self._read = self._before = 0  # bytes of the rows file, up to the last look and to the one before it
        self._contended: list[range] = []  # bytes
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, name="loadgen-events", daemon=True)
        self._listener.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is None and self.order("stop"):
            self._process.wait(GRACE)
        self._process.stop(0.0)
        _finish_rows(self.rows_path, self._contended)

    def next(self, plan: LevelPlan) -> bool:
        """Order a level: by its place where the job lists it, else with all that it is. False when the child is
        gone."""
        if plan in self._listed:
            return self.order("next")
        return self.order(f"next {codec.to_line(plan).decode().strip()}")

    def order(self, text: str) -> bool:
        """Send one line. False when the child is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{text}\n".encode())
            self._process.stdin.flush()
        except (OSError, ValueError):  # its end is closed, or ours is
            return False
        return True

    def event(self, timeout: float) -> dict[str, Any] | None:
        """The next event, or None when none came in `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def last_events(self) -> list[dict[str, Any]]:
        """What it still said, once it has ended: no event is lost because its process ended right after it."""
        self._listener.join(GRACE)
        events = []
        while (event := self.event(0)) is not None:
            events.append(event)
        return events

    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def give_up_level(self) -> dict[str, Any] | None:
        """Order `stop` in the middle of a level and wait for its end. Its level_ended event, when it gave one."""
        deadline = time.monotonic() + GRACE
        if self.order("stop"):
            while (left := deadline - time.monotonic()) > 0:
                event = self.event(min(left, 0.1))
                if event is not None and event["event"] == "level_ended":
                    return event
                if event is None and self.exit() is not None:
                    return None
        return None

    def rows(self) -> list[Row]:
        """The rows written since the last call. A last line that is not finished is left for the next one."""
        self._before = self._read
        with self.rows_path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [codec.from_plain(Row, _clean(line)) for line in whole.splitlines()]

    def again(self) -> bool:
        """Order the level of the last `rows()` once more: those rows are kept and count no more. False when the child
        is gone."""
        self._contended.append(range(self._before, self._read))
        return self.order("again")

    def _listen(self) -> None:
        """Every line of stdout that is an event; what else it prints is none of our concern."""
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and "event" in event:
                    self._events.put(event)
        except (OSError, ValueError):  # closed under us: the child was stopped
            return


def _clean(line: bytes) -> dict[str, Any]:
    """A row as plain JSON, without secret values in its texts. The child has shortened the message already."""
    row: dict[str, Any] = json.loads(line)
    return {key: redact(value, cut=True) if isinstance(value, str) else value for key, value in row.items()}


def _finish_rows(path: Path, contended: Sequence[range]) -> None:
    """Write the file again, line by line, without secret values; rows in the bytes of `contended` say so. A line that
    the child did not finish is left out."""
    part, at = path.with_name(f"{path.name}.part"), 0
    with disk_errors(path):
        with path.open("rb") as raw, part.open("w", encoding="utf-8") as clean:
            for line in raw:
                if line.endswith(b"\n"):
                    row = _clean(line)
                    if row["kind"] == "measure" and any(at in place for place in contended):
                        row["kind"] = "contended"
                    clean.write(json.dumps(row) + "\n")
                at += len(line)
        part.replace(path)
