"""One engine in a cluster from its running pod to its verified absence."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.deployers import Engine, LoadPlace
from runner.deployers.kubernetes.api import Away, Cluster, Refused
from runner.deployers.kubernetes.causes import restarts, seen
from runner.deployers.kubernetes.drivers import lives_in
from runner.deployers.kubernetes.endpoint import Forward
from runner.deployers.kubernetes.manifests.ome import OF_POD
from runner.deployers.kubernetes.manifests.rendered import ATTEMPT, DRIVER, LOAD, MANAGED, POD, object_name
from runner.domain.trial import Endpoint, Exit, Placement
from runner.errors import LeftBehind
from runner.util import hurry

FRESH = 1.0
"""Seconds for which a look at the pod holds: a poll must not become a part of what is measured."""
PATIENCE = 60.0
"""Seconds beyond the grace in which what was deleted is seen to be gone, and in which an API server comes back."""
_PAUSE = 0.2
FIRST = ("InferenceService", "Job", "Deployment", "Pod")
"""Go before the rest: OME lets no service go whose runtime is gone, and a container may still want its files."""
PLAIN = ("Job", "Deployment", "Service", "ConfigMap")
OME = ("InferenceService", "ServingRuntime")


class Workload:
    """An engine in a pod. It belongs to whoever holds this object, until it is removed."""

    listens_itself = False  # at our end of the way there is a tunnel, a proxy, or nobody of this host

    def __init__(
        self,
        cluster: Cluster,
        attempt_id: str,
        pods: str,
        container: str,
        pod: Mapping[str, Any],
        endpoint: Endpoint,
        log: Path,
        grace: float,
        tunnel: Forward | None,
        load_place: LoadPlace | None,
    ) -> None:
        self.endpoint = endpoint
        self.load_place = load_place
        self._cluster = cluster
        self._hasty = replace(cluster, patience=0.0)  # for a poll, which must not wait
        self._attempt, self._pods, self._container, self._pod = attempt_id, pods, container, pod
        self._grace, self._tunnel = grace, tunnel
        self._log = Log(cluster, str(pod["metadata"]["name"]), container, log)
        self._end: Exit | None = None
        self._removed = False
        self._hurry = hurry.listen()
        self._asked = time.monotonic()
        self._away_since: float | None = None

    def pids(self) -> Set[int] | None:
        return None

    def landed(self, placement: Placement) -> Placement:
        status = (self._pod.get("status") or {}).get("containerStatuses") or []
        image = next((str(one.get("imageID", "")) for one in status if one.get("name") == self._container), "")
        node = str((self._pod.get("spec") or {}).get("nodeName") or "")
        return replace(placement, image_digest=image.rpartition("@")[2] or placement.image_digest, node=node)

    def poll(self) -> Exit | None:
        now = time.monotonic()
        if self._end is None and now - self._asked >= FRESH:
            self._asked = now
            self._end = self._look(now)
            if self._end is not None:
                self._log.finish()
        return self._end

    def _look(self, now: float) -> Exit | None:
        try:
            uid = self._pod["metadata"]["uid"]  # another one in its place is not what is measured
            pod = next((one for one in self._hasty.find("Pod", self._pods) if one["metadata"]["uid"] == uid), None)
            if pod is None:
                return Exit(None, host_fault="the pod is gone: somebody deleted it, or its node was drained")
            found = seen(pod, self._container)
            if found.end is not None:
                found = seen(pod, self._container, events_of(self._hasty, str(pod["metadata"]["name"])))
        except (Away, Refused) as error:
            self._away_since = self._away_since or now
            gone = now - self._away_since > PATIENCE
            return Exit(None, host_fault=f"the API server does not answer any more: {error}"[:500]) if gone else None
        self._away_since, self._pod = None, pod
        if found.end is not None and restarts(pod, self._container):
            self._log.save(previous=True)  # what ended is not what writes now
        if found.end is None and self._tunnel is not None and (why := self._tunnel.hold()) is not None:
            return Exit(None, host_fault=why[:500])
        return found.end

    def starved(self) -> bool:
        return self._end is not None and self._end.oom_killed

    def stop(self, grace: float) -> Exit | None:
        """SIGTERM, `grace` seconds, SIGKILL, by the cluster; then its objects are gone, or it is said which are not.
        Raises LeftBehind when it can not be seen: `tunebook reap` ends what is left."""
        if self._removed:
            return self._end
        if self._end is None:
            self._end = Exit(None)
        self._removed = True
        try:
            self._log.save()
            removed(self._cluster, self._attempt, pods_of(self._attempt), grace, self._hurry.is_set)
        finally:
            if self._tunnel is not None:
                self._tunnel.close()
            self._log.finish()
            self._cluster.http.close()
        return self._end

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop(self._grace)


def removed(
    cluster: Cluster,
    attempt_id: str,
    pods: tuple[str, ...],
    grace: float,
    hurried: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Delete what carries the attempt's label, and its pods; wait until all of it is gone. Returns what was there, one
    line each. Raises LeftBehind with what is left after `grace` and `PATIENCE` seconds, or what we may not look at."""
    deadline = time.monotonic() + grace + PATIENCE
    told: dict[str, str] = {}
    asked: set[tuple[str, bool]] = set()
    while True:
        try:
            found, unseen = _of_attempt(cluster, attempt_id, pods)
            left = {str(one["metadata"]["uid"]): one for one in found}
            first = any(one["kind"] in FIRST for one in found)
            for uid, one in left.items():
                told.setdefault(uid, f"{one['kind'].lower()} {one['metadata']['name']}")
                at_once = one["kind"] == "Pod" and hurried()
                if (uid, at_once) not in asked and (one["kind"] in FIRST or not first):
                    seconds = (0.0 if at_once else grace) if one["kind"] == "Pod" else None
                    cluster.delete(one["kind"], one["metadata"]["name"], uid, seconds)
                    asked.add((uid, at_once))
        except (Away, Refused) as error:
            raise _left([attempt_id], str(error)) from error
        if unseen and not left:
            raise _left([f"what belongs to {attempt_id}"], "; ".join(unseen))
        if not left:
            return sorted(told.values()) + _secret_removed(cluster, attempt_id)
        if time.monotonic() > deadline:
            held = [f for one in left.values() for f in one["metadata"].get("finalizers") or []]
            why = f"held by the finalizer {held[0]}" if held else f"still there after {grace + PATIENCE:g} s"
            raise _left([f"{one['kind'].lower()} {one['metadata']['name']}" for one in left.values()], why)
        time.sleep(_PAUSE)


def _secret_removed(cluster: Cluster, attempt_id: str) -> list[str]:
    """The attempt's Secret, by its name: a right to list secrets is one to read all of them, and we ask for none. It
    goes last, when no container can want it any more."""
    try:
        return ["secret " + object_name(attempt_id)] if cluster.forget("Secret", object_name(attempt_id)) else []
    except Refused as refused:
        if refused.status == 403:  # who may not delete one could make none
            return []
        raise _left([f"secret {object_name(attempt_id)}"], str(refused)) from refused
    except Away as away:
        raise _left([f"secret {object_name(attempt_id)}"], str(away)) from away


def swept(cluster: Cluster, lives: Callable[[str], bool | None]) -> list[str]:
    """The same for every attempt of the namespace whose driver is dead."""
    found: dict[str, None] = {}
    for kind in (*OME, *PLAIN):
        with contextlib.suppress(Refused):  # OME's kinds are no business of a role for the plain renderer
            for one in cluster.find(kind, f"{MANAGED}=tunebook,{ATTEMPT}"):
                about = one["metadata"]
                notes = about.get("annotations") or {}
                judged = lives(notes.get(DRIVER, ""))
                if judged is None and notes.get(POD):
                    judged = lives_in(cluster, notes[POD])
                if judged is False:
                    found[str(about["labels"][ATTEMPT])] = None
    lines: list[str] = []
    for attempt in found:
        with contextlib.suppress(LeftBehind):  # it is found again next time, and keeps nobody else's from going
            lines += removed(cluster, attempt, pods_of(attempt), 0.0)
    return lines


def pods_of(attempt_id: str) -> tuple[str, ...]:
    """Selectors of an attempt's pods, whichever renderer made them."""
    return f"{ATTEMPT}={attempt_id}", f"{OF_POD}={object_name(attempt_id)}", f"{LOAD}={attempt_id}"


def events_of(cluster: Cluster, prefix: str) -> list[dict[str, Any]]:
    """Those of the pod, or of what makes it: their names begin as the attempt's objects do. In order of time; none
    where we may not look."""
    with contextlib.suppress(Refused):
        about = ((str((e.get("involvedObject") or {}).get("name", "")), e) for e in cluster.find("Event"))
        found = [event for name, event in about if name.startswith(prefix)]
        return sorted(found, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))
    return []


def _of_attempt(cluster: Cluster, attempt_id: str, pods: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """(what there is of it, why some of it could not be seen). One kind that we may not list hides no other."""
    found: list[dict[str, Any]] = []
    unseen: list[str] = []
    asked = [(kind, f"{ATTEMPT}={attempt_id}") for kind in (*OME, *PLAIN)] + [("Pod", selector) for selector in pods]
    for kind, selector in asked:
        try:
            found += cluster.find(kind, selector)
        except Refused as refused:
            if refused.status != 403:
                raise
            if kind not in OME:  # no business of a role for the plain renderer
                unseen.append(str(refused))
    return found, unseen


def _left(what: list[str], why: str) -> LeftBehind:
    told = f"may be left in the cluster: {', '.join(what)}: {why}"
    return LeftBehind(told[:500], hint="`tunebook reap` ends it when the API server answers")


class Log:
    """The container's output in the attempt's own file, as it is written, by a thread. A connection that is lost is
    made anew, and what was written already is left out of it."""

    def __init__(self, cluster: Cluster, pod: str, container: str, path: Path) -> None:
        self._cluster, self._pod, self._container, self._path = cluster, pod, container, path
        self._ended = threading.Event()
        self._written = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="pod-log", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(Away, Refused, OSError):
                at = 0
                for part in self._cluster.log(self._pod, self._container, follow=True):
                    self._append(part, at)
                    at += len(part)
            self._ended.wait(1.0)

    def _append(self, part: bytes, at: int) -> None:
        """What of `part`, which begins at the byte `at` of the log, is not in the file yet."""
        with self._lock, self._path.open("ab", buffering=0) as file:
            fresh = part[max(0, self._written - at) :]
            file.write(fresh)
            self._written += len(fresh)

    def save(self, previous: bool = False) -> None:
        """All that it has written until now, when that is more than what we have. Called before the pod is deleted:
        its log goes with it. `previous`: instead, what the container before the last restart has written."""
        with contextlib.suppress(Away, Refused, OSError):
            whole = b"".join(self._cluster.log(self._pod, self._container, previous=previous))
            with self._lock:
                if len(whole) > self._written or (previous and whole):
                    self._path.write_bytes(whole)
                    self._written = max(len(whole), self._written)

    def finish(self) -> None:
        """The last lines too."""
        self._ended.set()
        self._thread.join(5.0)
        self.save()
