"""What becomes of a pod, as kubelet and scheduler write it into its status and into an event."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

SINCE = "2026-01-01T00:00:00Z"
NODE = "stand-in"


@dataclass(frozen=True)
class Fate:
    """One of the cases below. `state` and `last` are of the pod's containers; `reason` and `message` make an event.

    A pod without a node is not scheduled. `url` is the address of a ready InferenceService, where it is not to be the
    one inside the cluster."""

    phase: str = "Pending"
    ready: bool = False
    state: dict[str, Any] | None = None
    last: dict[str, Any] = field(default_factory=dict)
    restarts: int = 0
    node: str | None = NODE
    pod: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    message: str = ""
    url: str | None = None

    def at(self, url: str) -> Fate:
        """The same, ready at an address."""
        return replace(self, url=url)

    def status(self, containers: list[dict[str, Any]]) -> dict[str, Any]:
        """`status` of a pod with these containers of its spec."""
        scheduled: dict[str, Any] = {"type": "PodScheduled", "status": "True" if self.node else "False"}
        if self.node is None:
            scheduled |= {"reason": "Unschedulable", "message": self.message}
        ready = {"type": "Ready", "status": "True" if self.ready else "False"}
        found: dict[str, Any] = {"phase": self.phase, "conditions": [scheduled, ready], **self.pod}
        if self.node is not None:
            found |= {"hostIP": "127.0.0.1", "podIP": "127.0.0.1", "startTime": SINCE}
        if self.state is not None:
            found["containerStatuses"] = [
                {
                    "name": one["name"], "image": one["image"], "imageID": "", "ready": self.ready,
                    "restartCount": self.restarts, "state": self.state, "lastState": self.last,
                }
                for one in containers
            ]  # fmt: skip
        return found


def _ended(reason: str, code: int) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "startedAt": SINCE, "finishedAt": SINCE}}


def _waiting(reason: str, message: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


NEVER = Fate(state=_waiting("ContainerCreating", ""))
"""On its way, for ever."""
READY = Fate("Running", ready=True, state={"running": {"startedAt": SINCE}})
NOT_READY = Fate(
    "Running", state={"running": {"startedAt": SINCE}}, reason="Unhealthy",
    message="Readiness probe failed: HTTP probe failed with statuscode: 503",
)  # fmt: skip
UNSCHEDULABLE = Fate(
    node=None, reason="FailedScheduling",
    message="0/3 nodes are available: 1 node(s) had untolerated taint, 2 Insufficient nvidia.com/gpu.",
)  # fmt: skip
IMAGE_PULL = Fate(
    state=_waiting("ImagePullBackOff", 'Back-off pulling image "no-such-image"'), reason="Failed",
    message='Failed to pull image "no-such-image": not found',
)  # fmt: skip
CRASH_LOOP = Fate(
    "Running", state=_waiting("CrashLoopBackOff", "back-off 40s restarting failed container"),
    last=_ended("Error", 1), restarts=3, reason="BackOff", message="Back-off restarting failed container",
)  # fmt: skip
OOM_KILLED = Fate(
    "Running", state=_waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
    last=_ended("OOMKilled", 137), restarts=1, reason="BackOff", message="Back-off restarting failed container",
)  # fmt: skip
EVICTED = Fate(
    "Failed", pod={"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."},
    reason="Evicted", message="The node was low on resource: ephemeral-storage.",
)  # fmt: skip
SUCCEEDED = Fate("Succeeded", state=_ended("Completed", 0))
"""Of a Job."""
FAILED = Fate("Failed", state=_ended("Error", 1), reason="BackoffLimitExceeded", message="Job has reached the limit")
"""Of a Job."""
