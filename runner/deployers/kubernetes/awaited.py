"""From objects in the cluster to a pod that runs: made, looked at, given up with what it waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runner.deployers import PlaceRequest
from runner.deployers.kubernetes.api import Cluster, Refused
from runner.deployers.kubernetes.causes import newest, seen
from runner.deployers.kubernetes.manifests.ome import FAILED, MODEL_KINDS, READY, model_state
from runner.deployers.kubernetes.manifests.rendered import Rendered, object_name
from runner.deployers.kubernetes.options import Options
from runner.deployers.kubernetes.workload import events_of
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.units import format_duration

WEBHOOK = 5.0
"""Seconds in which an operator has heard of what was made before."""
_PAUSE, _TELL_EVERY = 1.0, 30.0
"""Seconds between two looks at a pod that does not run yet, and between two words about it."""


def model_is_ready(cluster: Cluster, wanted: Rendered, request: PlaceRequest, deadline: float) -> Failure | None:
    """Of OME: make the model unless it is there, and wait until its weights are. An existing one is never changed."""
    made = [(str(one["kind"]), str(one["metadata"]["name"]), one) for one in wanted.models]
    for kind, name, manifest in made:
        there = cluster.get(kind, name)
        if there is None:
            with suppress_conflict():  # another attempt makes the same one
                cluster.create(manifest)
        elif wrong := _differs(there.get("spec") or {}, manifest["spec"]):
            about = f"there is a {kind} called {name}, and it says otherwise: {wrong}; it is never changed"
            return Failure(Phase.START, Cause.INFRA, about[:500], rule="conflict")
    named = [(kind, name) for kind, name, _ in made] + [one for one in wanted.existing if one[0] in MODEL_KINDS]
    for kind, name in named:
        told = float("-inf")
        while (state := model_state(cluster.get(kind, name))) != READY:
            about = f"the model {name} is {state or 'without a state: does the OME controller run?'}"
            if state == FAILED or time.monotonic() > deadline:
                limit = None if state == FAILED else "timeouts.pull"
                return Failure(Phase.PULL, Cause.INFRA, about[:500], rule="model-not-ready", limit=limit)
            if request.should_stop():
                return Failure(Phase.PULL, Cause.INTERRUPTED, "stopped on request")
            if time.monotonic() - told >= _TELL_EVERY:
                request.on_progress(about)
                told = time.monotonic()
            time.sleep(_PAUSE)
    return None


def running(
    cluster: Cluster, pods: str, container: str, chosen: Options, request: PlaceRequest, deadline: float
) -> Mapping[str, Any] | Failure:
    """The pod whose container runs."""
    told, homeless = float("-inf"), None
    while True:
        found = newest([one for one in cluster.find("Pod", pods) if "deletionTimestamp" not in one["metadata"]])
        state = seen(found, container, events_of(cluster, object_name(request.attempt_id)))
        now = time.monotonic()
        if state.runs:
            assert found is not None
            return found
        if state.failure is not None:
            return state.failure
        if state.end is not None:
            if not state.end.host_fault:
                assert found is not None
                return found  # it ended at once: whoever waits for it tells how, with its log
            return Failure(Phase.START, Cause.INFRA, state.end.host_fault[:500], rule="host")
        homeless = (homeless or now) if state.unschedulable else None
        if homeless is not None and now - homeless > chosen.unschedulable_after:
            why = f"{state.waits}; for {format_duration(chosen.unschedulable_after)}"
            return Failure(Phase.PULL, Cause.INFRA, why[:500], rule="unschedulable", limit="deploy.unschedulable_after")
        if now > deadline:
            why = f"it did not run within {format_duration(request.pull_timeout)}: {state.waits}"
            return Failure(Phase.PULL, Cause.INFRA, why[:500], rule="not-running", limit="timeouts.pull")
        if request.should_stop():
            return Failure(Phase.PULL, Cause.INTERRUPTED, "stopped on request")
        if now - told >= _TELL_EVERY:
            request.on_progress(state.waits)
            told = now
        time.sleep(_PAUSE)


def create(cluster: Cluster, manifest: Mapping[str, Any]) -> None:
    """OME's webhook looks at a copy of what there is, which may be a moment old: a runtime that was just made is not
    found. Then it is asked again."""
    deadline = time.monotonic() + WEBHOOK
    while True:
        try:
            cluster.create(manifest)
            return
        except Refused as error:
            late = time.monotonic() > deadline
            if late or manifest["kind"] != "InferenceService" or "not found" not in error.message:
                raise
        time.sleep(_PAUSE)


@contextmanager
def suppress_conflict() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        if error.status != 409:
            raise


def _differs(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first field of `wanted` that is another one there; the server adds defaults of its own."""
    for name, value in wanted.items():
        if isinstance(value, Mapping) and isinstance(there.get(name), Mapping):
            if found := _differs(there[name], value):
                return f"{name}.{found}"
        elif there.get(name) != value:
            return f"{name} is {there.get(name)!r}, not {value!r}"
    return ""
