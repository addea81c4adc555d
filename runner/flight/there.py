"""What a machine of a cluster does for the driver of a run: called there by an executor, by name, with JSON.

The machine has a results folder of its own for each driver's (`<cache>/away/<key>`): an attempt registers and seals in
it as it does at home, so the same reaper serves it. Its sealed record travels to the driver, which alone writes the
store, and stays until the driver says that it has it: a driver that was killed asks for what is left.
"""

from __future__ import annotations

import base64
import io
import os
import platform
import re
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import __version__
from runner.campaign.load import from_resolved
from runner.domain.failure import Outcome
from runner.domain.ids import content_hash
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import NoSpace, OtherHardware, StoreDamaged, StoreError, TunebookError, Unwritable
from runner.hardware.facts import host_facts
from runner.hardware.lease import VISIBLE
from runner.order import Order
from runner.preflight import convert_models, fetch_requests, refuse_unless_ready
from runner.reap import reap, sweep
from runner.run_trial import run_trial
from runner.running_file import read_facts, read_running, runner_lives, running_file
from runner.store.record import manifest_sha256, read_record, record_folders, record_path
from runner.util.code import code_hash
from runner.util.codec import from_plain, to_plain
from runner.util.process import end_other
from runner.util.project import cache_folder

Stop = Callable[[], bool]
Notify = Callable[[dict[str, Any]], None]
Asked = Callable[[dict[str, Any], Stop, Notify], Any]
"""What every function here is to an executor."""
FOLDER = "away"
"""In the cache of a machine: its results folders for drivers elsewhere."""
MOST_BYTES = 512 * 2**20
"""Of a record that travels. The largest are a few megabytes: request rows, telemetry, logs that are cut."""
ENDING = 90.0
"""Seconds in which attempts of a driver that is gone end by themselves: they hear of it, then stop their engines."""
_KEY = re.compile(r"[0-9a-f]{16}")


def key_of(results: Path) -> str:
    """Names the folder that a machine keeps for this results folder. Two drivers never share one."""
    return content_hash([os.uname().nodename, str(results.resolve())])[:16]


def home(key: str) -> Path:
    """That folder, on the machine that is asked."""
    assert _KEY.fullmatch(key), key
    return cache_folder() / FOLDER / key


def node_facts(payload: dict[str, Any], stop: Stop, notify: Notify) -> dict[str, Any]:
    """What must be the same everywhere, and what this machine is."""
    return {
        "version": __version__,
        "code": code_hash(),
        "python": platform.python_version(),
        "host": to_plain(host_facts()),
    }


def prepare(payload: dict[str, Any], stop: Stop, notify: Notify) -> dict[str, Any]:
    """Before the first attempt: end what drivers that are gone left running here, say which records of the lineage
    wait, and whether the campaign can run. `lacks` is why not; empty when it can; `fits` is false where it is a
    campaign for other GPUs."""
    results = home(payload["key"])
    for other in (cache_folder() / FOLDER).glob("*"):
        reap(other)  # of other drivers only what their dead workers left
    campaign = from_resolved(payload["campaign"])
    os.environ.pop(VISIBLE, None)  # this question got no GPUs; the attempts will
    lacks, fits = "", True
    try:
        sweep([campaign.deploy.kind])
        _end_all(results, campaign.search_key)
        refuse_unless_ready(campaign, Path(payload["project"]))
        fetch_requests(campaign, lambda text: None, stop)
        convert_models(campaign, Path(payload["project"]), lambda text: None, stop)
    except TunebookError as error:
        fits = not isinstance(error, OtherHardware)
        lacks = "; ".join(f"{one.what} ({one.hint})" if one.hint else one.what for one in error.problems())
    waiting = [path.name for path in record_folders(results, RecordKind.ATTEMPT) if _is_of(path, campaign.search_key)]
    return {"lacks": lacks, "fits": fits, "waiting": waiting}


def hand_over(payload: dict[str, Any], stop: Stop, notify: Notify) -> list[dict[str, Any]]:
    """The records of these names, packed."""
    records = record_folders(home(payload["key"]), RecordKind.ATTEMPT)
    return [packed(path) for path in records if path.name in payload["names"]]


def tidy(payload: dict[str, Any], stop: Stop, notify: Notify) -> list[dict[str, Any]]:
    """End what dead workers left, and forget these records: the driver has them, and ours are copies now, or came too
    late. Returns what each of them was."""
    results = home(payload["key"])
    reap(results)
    told = []
    for path in record_folders(results, RecordKind.ATTEMPT):
        if path.name in payload["names"]:
            told.append({"record": path.name, "sha256": manifest_sha256(path), "outcome": _attempt(path).outcome.value})
            shutil.rmtree(path)
    return told


def rescue(payload: dict[str, Any], stop: Stop, notify: Notify) -> dict[str, Any] | None:
    """Of an attempt that nobody hears of any more, called with the payload of `run_order`: its worker is ended, its
    engine and its containers with it. What it had measured and sealed is not lost; None: there is no such record."""
    results, attempt_id = home(payload["key"]), str(payload["order"]["attempt_id"])
    facts = read_facts(running_file(results, attempt_id))
    if facts is not None and runner_lives(facts):
        end_other(int(facts["pid"]), int(facts["pid_started"]))
        _until(lambda: not runner_lives(facts))
    reap(results)
    path = record_path(results, RecordKind.ATTEMPT, attempt_id)
    if not path.exists():
        return None
    attempt = _attempt(path)
    if attempt.outcome not in (Outcome.MEASURED, Outcome.FAILED):
        shutil.rmtree(path)  # the driver knows more: why nothing was heard
        return None
    return {"attempt": to_plain(attempt), **packed(path)}


def run_order(payload: dict[str, Any], stop: Stop, notify: Notify) -> dict[str, Any]:
    """One attempt; its sealed record, packed. A disk that takes no record is this machine's trouble: `trouble` says it,
    and the run goes on elsewhere."""
    results = home(payload["key"])
    order = replace(from_plain(Order, payload["order"]), results=str(results))
    try:
        reap(results)
        attempt = run_trial(order, stop, notify)
        return {"attempt": to_plain(attempt), **packed(record_path(results, RecordKind.ATTEMPT, order.attempt_id))}
    except (NoSpace, Unwritable, StoreError) as error:
        return {"trouble": error.what, "place": os.uname().nodename}


def packed(path: Path) -> dict[str, Any]:
    """A sealed folder as text: its name, its manifest's sha256, a tar in base64. Raises StoreError above MOST_BYTES."""
    if sum(file.stat().st_size for file in path.iterdir()) > MOST_BYTES:
        raise StoreError(f"record {path.name} is larger than {MOST_BYTES // 2**20} MiB: it stays where it is")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in sorted(path.iterdir()):
            tar.add(file, arcname=file.name, recursive=False)
    return {
        "record": path.name,
        "sha256": manifest_sha256(path),
        "tar": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }


def _attempt(path: Path) -> Attempt:
    return from_plain(Attempt, read_record(path).facts)


def _is_of(path: Path, search_key: str) -> bool:
    """Of the lineage whose driver asks: another driver may be at work with the same results folder. What can not be
    read stays where it is."""
    try:
        return bool(read_record(path).facts["search_key"] == search_key)
    except StoreDamaged:
        return False


def _end_all(results: Path, search_key: str) -> None:
    """Seal what dead workers left, after the living ones of a driver that is gone have ended. Called while no attempt
    of the lineage should run: the driver that asks holds it."""

    def at_work(facts: Mapping[str, Any]) -> bool:
        return facts["attempt"]["search_key"] == search_key and bool(runner_lives(facts))

    reap(results)
    _until(lambda: not any(at_work(facts) for facts in read_running(results)))
    reap(results)


def _until(over: Callable[[], bool]) -> None:
    end = time.monotonic() + ENDING
    while not over() and time.monotonic() < end:
        time.sleep(0.2)
