"""Attempts whose runner died: end what they left running, seal what is known, and clean up.

Which attempts these are is written in their running files (`runner.running_file`).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.deployers import deployers
from runner.domain.campaign import Deploy
from runner.domain.failure import Cause, Failure, Outcome, Phase
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import NotReady
from runner.running_file import (
    PROGRESS,
    driver_lives,
    read_facts,
    remove_running,
    runner_lives,
    running_file,
    running_folder,
    scratch_folder,
)
from runner.store.record import record_path, seal_attempt
from runner.util import process
from runner.util.codec import from_plain
from runner.util.files import remove_abandoned
from runner.util.logs import redact_cut
from runner.util.redact import hide

GRACE = 2.0
STALE = 3600.0
"""Seconds after which a scratch folder without a running file is nobody's."""
_OURS = re.compile(r"\.?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.|$)")


@dataclass(frozen=True, slots=True)
class Reaped:
    """`ended` names what was still running; `sealed` is false when the record stood already. `trouble` says why
    nothing could be done now: the running file stays, and the next reaper tries again."""

    attempt_id: str
    campaign: str
    ended: tuple[str, ...]
    sealed: bool
    trouble: str = ""


def reap(results: Path, away: bool = True) -> list[Reaped]:
    """End and seal every attempt of this host whose runner is dead. Living runners, and other hosts, are left alone;
    without `away` also attempts whose dead driver had them on other machines, where their records may wait.

    May run at any time, also twice at once: each file is taken by one. Raises NoSpace, Unwritable, StoreError.
    """
    found = []
    for path in sorted(running_folder(results).glob("*.json")):
        with _claimed(path) as facts:
            if facts is not None and _is_dead(facts) and (away or not facts.get("away")):
                found.append(_reap_one(results, facts))
    _clear(running_folder(results))
    return found


def sweep(names: Iterable[str]) -> list[str]:
    """End what is ours by its label, whose runner is dead, and which no running file may name any more; asked of the
    deployers of these names. Returns what was ended, one line each."""
    return [ended for name in names for ended in deployers.get(name).sweep(driver_lives)]


def _is_dead(facts: Mapping[str, Any]) -> bool:
    """Of a runner that is known to be. One in a pod had a host name of its own, and the cluster knows what became of
    it."""
    lives = runner_lives(facts)
    pod = facts["labels"].get("tunebook.pod")
    if lives is None and pod:
        from runner.deployers.kubernetes.drivers import pod_lives

        lives = pod_lives(pod)
    return lives is False


def _reap_one(results: Path, facts: Mapping[str, Any]) -> Reaped:
    attempt_id = str(facts["attempt_id"])
    ended = process.end_labelled(attempt_id, GRACE)  # engine and client of a local attempt carry this label
    if facts["deployer"] in deployers:
        log = scratch_folder(results, attempt_id) / "engine.log"
        deploy = Deploy(facts["deployer"], facts.get("deploy", {}))
        try:
            ended += deployers.get(deploy.kind).reap(facts["labels"], log, deploy)
        except NotReady as error:
            return Reaped(attempt_id, str(facts.get("campaign", "")), tuple(ended), False, error.what)
    sealed = False
    if not record_path(results, RecordKind.ATTEMPT, attempt_id).exists():
        _seal_interrupted(results, facts)
        sealed = True
    shutil.rmtree(scratch_folder(results, attempt_id), ignore_errors=True)
    remove_running(results, attempt_id)  # last: who is killed before it is done over again
    return Reaped(attempt_id, str(facts.get("campaign", "")), tuple(ended), sealed)


def _seal_interrupted(results: Path, facts: Mapping[str, Any]) -> None:
    """What is known of the attempt. It ended when it last wrote something, not now: it may have died last week."""
    attempt = from_plain(Attempt, facts["attempt"])
    scratch = scratch_folder(results, attempt.attempt_id)
    logs = [scratch / "engine.log", scratch / "client.log"]
    signs = (running_file(results, attempt.attempt_id), scratch / PROGRESS, *logs)
    written = [p.stat().st_mtime for p in signs if p.exists()]
    started = datetime.fromisoformat(attempt.started_utc).timestamp()
    end = max(started, *written) if written else started
    for log in logs:
        _clean(log, facts.get("secrets", []))
    phase = Phase(facts["phase"])
    told = "the runner ended before the attempt did (killed, crashed, or the machine went down)"
    dead = replace(
        attempt,
        outcome=Outcome.INTERRUPTED,
        failure=Failure(phase, Cause.INTERRUPTED, told, rule="reaped"),
        phase=phase,
        ended_utc=datetime.fromtimestamp(end, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        seconds=round(end - started, 6),
    )
    engine_log, client_log = (log if log.exists() else None for log in logs)
    seal_attempt(results, dead, None, engine_log, client_log)


def _clean(log: Path, secrets: Sequence[str]) -> None:
    """Take secret values out of a log. Their runner is dead and we know only their names: a value that is not in our
    own environment can not be found in a text, and such a log is not sealed."""
    if not log.exists():
        return
    unknown = [name for name in secrets if name not in os.environ]
    if unknown:
        told = f"not kept: it may hold the value of {', '.join(unknown)}, which was not set when the attempt was reaped"
        log.write_text(f"[{told}]\n", encoding="utf-8")
        return
    for name in secrets:
        hide(os.environ[name])
    redact_cut(log)


@contextmanager
def _claimed(path: Path) -> Iterator[dict[str, Any] | None]:
    """The facts of a running file that is ours to judge now: None when another reaper has it, or it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield read_facts(path)


def _clear(folder: Path) -> None:
    """Scratch folders and half-written files whose attempt has no running file any more. What is not named after an
    attempt is not ours, and a lock that is held for longer than an hour is as old as its run."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if not _OURS.match(path.name):
            continue
        if path.suffix == ".part":
            remove_abandoned(path)
            continue
        if path.suffix in (".json", ".lock") or path.with_name(f"{path.name}.json").exists():
            continue
        try:
            old = time.time() - path.stat().st_mtime > STALE
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
