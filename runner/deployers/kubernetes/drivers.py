"""Whether a driver of ours that ran in another pod of this cluster still runs: that of last night's CronJob, say.

A pod knows which one it is from TUNEBOOK_POD, `namespace/name/uid`, which its manifest sets from the downward API
(https://kubernetes.io/docs/concepts/workloads/pods/downward-api/). Only who is in a pod himself can judge, and only of
pods of his own namespace, in the cluster in which he sees himself: elsewhere that a pod is not there says nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress

from runner.deployers.kubernetes.api import Cluster, Refused
from runner.deployers.kubernetes.connection import connected
from runner.errors import NotReady
from runner.util.environment import POD

ENDED = ("Succeeded", "Failed")


def pod_lives(pod: str) -> bool | None:
    """Of the text of a pod's TUNEBOOK_POD. None: nobody can tell here."""
    with suppress(NotReady, Refused), connected(None, _parts(pod)[0], patience=5.0) as cluster:
        return lives_in(cluster, pod)
    return None


def lives_in(cluster: Cluster, pod: str) -> bool | None:
    """The same in a cluster that is connected to the pod's namespace. Raises Away."""
    ours = os.environ.get(POD, "")
    with suppress(Refused):
        same = _parts(pod)[0] == _parts(ours)[0] == cluster.namespace
        if same and all((*_parts(pod), *_parts(ours))) and _runs(cluster, ours):
            return _runs(cluster, pod)
    return None


def _runs(cluster: Cluster, pod: str) -> bool:
    _, name, uid = _parts(pod)
    there = cluster.get("Pod", name)
    if there is None or there["metadata"]["uid"] != uid:
        return False
    return (there.get("status") or {}).get("phase") not in ENDED


def _parts(pod: str) -> tuple[str, str, str]:
    namespace, _, rest = pod.partition("/")
    name, _, uid = rest.partition("/")
    return namespace, name, uid
