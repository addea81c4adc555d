"""What the state of a pod means: it waits, it runs, it ended by itself, or the cluster will not let it run. Pure.

Reasons are those of the kubelet, the scheduler and the controllers:
https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Exit
from runner.util.redact import redact

NO_IMAGE = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
"""`ErrImagePull` alone is one try that failed; the kubelet's second one makes it a back-off."""
NO_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
NO_PROGRAM = ("executable file not found", "no such file or directory", "permission denied")
TAKEN_AWAY = frozenset({
    "Evicted", "NodeLost", "Shutdown", "NodeShutdown", "NodeAffinity", "Terminated", "Preempting", "DeadlineExceeded",
    "UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods",
})  # fmt: skip
"""Reasons of a failed pod that say something of its node, and nothing of its engine."""
PROBED = ("failed startup probe", "failed liveness probe")


@dataclass(frozen=True, slots=True)
class Seen:
    """Exactly one of: `failure`, what no waiting will cure; `end`, the engine ended; `runs`; or `waits`, in words.
    `unschedulable`: no node can hold it now; another may come."""

    runs: bool = False
    waits: str = ""
    unschedulable: bool = False
    end: Exit | None = None
    failure: Failure | None = None


def seen(pod: Mapping[str, Any] | None, container: str, events: Sequence[Mapping[str, Any]] = ()) -> Seen:
    """Of the attempt's newest pod; None when there is none yet. `events` are those of the pod and of what makes it."""
    if pod is None:
        return _unmade(events)
    status = pod.get("status") or {}
    own: Mapping[str, Any] = next(
        (one for one in status.get("containerStatuses") or [] if one.get("name") == container), {}
    )
    if (end := _ended(pod, status, own, events)) is not None:
        return Seen(end=end)
    state = own.get("state") or {}
    if "running" in state:
        return Seen(runs=True)
    if (stuck := _stuck(status.get("initContainerStatuses") or [])) is not None:
        return Seen(failure=stuck)
    for one in [*(status.get("initContainerStatuses") or []), own]:
        if (failure := _refused((one.get("state") or {}).get("waiting") or {})) is not None:
            return Seen(failure=failure)
    return _waiting(status, state.get("waiting") or {}, events)


def newest(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of several, as after a replacement, the one that was made last."""
    return max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), default=None)


def restarts(pod: Mapping[str, Any], container: str) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return next((int(one.get("restartCount", 0)) for one in statuses if one.get("name") == container), 0)


def _unmade(events: Sequence[Mapping[str, Any]]) -> Seen:
    """No pod: whoever should make it says why it can not."""
    told = next((str(one.get("message", "")) for one in reversed(events) if one.get("reason") == "FailedCreate"), "")
    if "exceeded quota" in told:
        return Seen(failure=_failure(Phase.PULL, Cause.INFRA, told, "quota"))
    if told:
        return Seen(failure=_failure(Phase.PULL, Cause.INFRA, told, "failed-create"))
    warned = next((e for e in reversed(events) if e.get("type") == "Warning"), None)
    why = f"; {warned.get('reason', '')}: {warned.get('message', '')}" if warned else ""
    return Seen(waits=_line(f"waits for its pod to be made{why}"))


def _stuck(before: Sequence[Mapping[str, Any]]) -> Failure | None:
    """A container that has to be done before the engine starts, and fails again and again."""
    for one in before:
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") == "CrashLoopBackOff":
            last = (one.get("lastState") or {}).get("terminated") or {}
            told = f"init container {one.get('name')}: {last.get('reason', '')}, exit {last.get('exitCode', '')}"
            return _failure(Phase.START, Cause.INFRA, told, "init-container")
    return None


def _ended(
    pod: Mapping[str, Any], status: Mapping[str, Any], own: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> Exit | None:
    reason = str(status.get("reason") or "")
    if status.get("phase") == "Failed" and (reason in TAKEN_AWAY or not own.get("state", {}).get("terminated")):
        return Exit(None, host_fault=_line(f"the cluster ended the pod: {reason}: {status.get('message', '')}"))
    if status.get("phase") == "Unknown":
        return Exit(None, host_fault=_line(f"the node {_node(pod)} does not answer any more"))
    if pod["metadata"].get("deletionTimestamp"):
        why: Mapping[str, Any] = next(
            (c for c in status.get("conditions") or [] if c.get("type") == "DisruptionTarget"), {}
        )
        told = f": {why.get('reason', '')}: {why.get('message', '')}" if why else ""
        return Exit(None, host_fault=_line(f"somebody else ended the pod{told}"))
    told_of = (str(event.get("message", "")) for event in events)
    probed = next((message for message in told_of if any(sign in message for sign in PROBED)), "")
    last = (own.get("state") or {}).get("terminated") or (own.get("lastState") or {}).get("terminated")
    if last is None:
        return None  # a container that was started again has ended: what it was measured with is gone
    if probed:
        return Exit(None, host_fault=_line(f"the cluster ended the engine: {probed}"))
    return _exit(last)


def _exit(last: Mapping[str, Any]) -> Exit:
    """137 alone is no lack of memory: whoever sends SIGKILL leaves it; `OOMKilled` is."""
    code, reason = int(last.get("exitCode", 0)), str(last.get("reason") or "")
    if reason in ("ContainerCannotRun", "StartError") and code >= 126:
        return Exit(127)  # what a shell gives for a program that it can not run
    killed = reason == "OOMKilled"
    number = int(last.get("signal") or (code - 128 if code > 128 else 0))
    if number in {one.value for one in signal.Signals}:
        return Exit(None, signal.Signals(number).name, killed)
    return Exit(code, None, killed)


def _refused(waiting: Mapping[str, Any]) -> Failure | None:
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    told = f"{reason}: {message}"
    if reason in NO_IMAGE:
        return _failure(Phase.PULL, Cause.IMAGE, told, "kubernetes-image")
    if reason in NO_CONTAINER and any(sign in message.lower() for sign in NO_PROGRAM):
        return _failure(Phase.START, Cause.BAD_FLAG, told, "no-program")
    if reason in NO_CONTAINER:
        return _failure(Phase.START, Cause.INFRA, told, "kubernetes-container")
    return None


def _waiting(status: Mapping[str, Any], waiting: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Seen:
    conditions = {str(one.get("type")): one for one in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        return Seen(waits=_line(f"no node can hold it: {scheduled.get('message', '')}"), unschedulable=True)
    warned: Mapping[str, Any] = next((e for e in reversed(events) if e.get("type") == "Warning"), {})
    about = f"{warned.get('reason', '')}: {warned.get('message', '')}" if warned else str(waiting.get("message") or "")
    state = str(waiting.get("reason") or status.get("phase") or "Pending")
    return Seen(waits=_line(f"{state}; {about}" if about else state))


def _failure(phase: Phase, cause: Cause, told: str, rule: str) -> Failure:
    return Failure(phase, cause, _line(told), rule=rule)


def _node(pod: Mapping[str, Any]) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "of the pod")


def _line(text: str) -> str:
    return redact(" ".join(text.split()))[:500]
