"""The one door to a cluster's API server: plain REST with manifests as they are written.

lightkube reads the kubeconfig and gives the connection (TLS, tokens, exec plugins). Its typed objects are not used to
send anything: they would drop a field that they do not know, and so would hide what somebody wrote.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.util.redact import redact

if TYPE_CHECKING:
    from httpx2 import Client, Response

ONE_ANSWER = 20.0
"""Seconds for one answer of the API server."""
PATIENCE = 30.0
"""Seconds that an API server may be away or too busy, as when it is restarted, before we give up on one question."""
_PAUSE, _LONGEST = 0.2, 5.0
BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses that another try may not get. 500 is what an API server gives whose etcd elects a leader."""

KINDS: Mapping[str, tuple[str, str]] = {
    "Pod": ("v1", "pods"),
    "Service": ("v1", "services"),
    "Secret": ("v1", "secrets"),
    "ConfigMap": ("v1", "configmaps"),
    "Event": ("v1", "events"),
    "Deployment": ("apps/v1", "deployments"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Job": ("batch/v1", "jobs"),
    "BaseModel": ("ome.io/v1beta1", "basemodels"),
    "ServingRuntime": ("ome.io/v1beta1", "servingruntimes"),
    "InferenceService": ("ome.io/v1beta1", "inferenceservices"),
    "Node": ("v1", "nodes"),
    "ClusterBaseModel": ("ome.io/v1beta1", "clusterbasemodels"),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "ClusterServingRuntime": ("ome.io/v1beta1", "clusterservingruntimes"),
}
"""Kind -> apiVersion and the name in its address. All that this deployer ever asks for."""
OF_THE_CLUSTER = frozenset({"Node", "CustomResourceDefinition", "ClusterBaseModel", "ClusterServingRuntime"})


class Refused(Exception):
    """The API server said no: its status, its own word for it (`AlreadyExists`), and its message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class Away(Exception):
    """No API server answered for `PATIENCE` seconds."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server, as one user, with the namespace in which everything of ours is. Closed by `connected`."""

    http: Client
    namespace: str
    context: str
    patience: float = PATIENCE

    @property
    def server(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def version(self) -> str:
        return str(self._json("GET", "/version").get("gitVersion", "of an unknown version"))

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The object as the server has it. A create whose answer was lost may have been done: what then stands there
        under our own attempt's label is it. Raises Refused and Away."""
        kind = str(manifest["kind"])
        tried: list[Exception] = []
        try:
            return self._json("POST", self._path(kind), tried=tried, json=manifest)
        except Refused as refused:
            if refused.status != 409 or not tried:
                raise
            if kind == "Secret":  # we may not look; its name is the attempt's, and an attempt has one driver
                return dict(manifest)
            there = self.get(kind, str(manifest["metadata"]["name"]))
            if there is None or _labels(there) != _labels(manifest):
                raise
            return there

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """None when there is none of this name."""
        try:
            return self._json("GET", f"{self._path(kind)}/{name}")
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def find(self, kind: str, labels: str = "") -> list[dict[str, Any]]:
        """By a label selector, as kubectl takes it. A kind that the cluster does not know has no objects."""
        try:
            found = self._json("GET", self._path(kind), params={"labelSelector": labels} if labels else {})
        except Refused as refused:
            if refused.status == 404:
                return []
            raise
        items: list[dict[str, Any]] = found.get("items") or []
        return [{"kind": kind, **item} for item in items]

    def knows(self, kind: str) -> bool:
        """Whether the cluster has this kind of object at all. Raises Refused where we may not look."""
        try:
            self._json("GET", self._path(kind), params={"limit": "1"})
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def may(self, verb: str, group: str, plural: str) -> bool:
        """Whether we may do this in the namespace, as the server itself judges it."""
        resource, _, part = plural.partition("/")
        asked = {"namespace": self.namespace, "verb": verb, "group": group, "resource": resource, "subresource": part}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        found = self._json("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review)
        return bool((found.get("status") or {}).get("allowed"))

    def delete(self, kind: str, name: str, uid: str, grace: float | None = None) -> None:
        """Ask for its end, with what belongs to it; nothing to do when it is gone. `uid`: this very object, and not a
        newer one of the same name. `grace`: seconds of a pod, at least one, since with none the server forgets a pod
        that may run on."""
        options: dict[str, Any] = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        if grace is not None:
            options["gracePeriodSeconds"] = max(1, math.ceil(grace))
        try:
            self._json("DELETE", f"{self._path(kind)}/{name}", json=options)
        except Refused as refused:
            if refused.status not in (404, 409):  # 409: another one has this name now
                raise

    def forget(self, kind: str, name: str) -> bool:
        """Delete by name alone, for a kind that we may not look at. Whether there was one."""
        try:
            self._json("DELETE", f"{self._path(kind)}/{name}", json={"propagationPolicy": "Background"})
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def log(self, pod: str, container: str, *, follow: bool = False, previous: bool = False) -> Iterator[bytes]:
        """What the container has written, in parts; with `follow` until it ends or the connection does. Raises
        Refused and Away."""
        from httpx2 import HTTPError, Timeout
        from lightkube.core.exceptions import ConfigError

        asked = {"container": container, "follow": _word(follow), "previous": _word(previous)}
        patient = Timeout(ONE_ANSWER, read=None) if follow else Timeout(ONE_ANSWER)
        try:
            with self.http.stream("GET", f"{self._path('Pod')}/{pod}/log", params=asked, timeout=patient) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise refused(answer)
                yield from answer.iter_bytes()
        except (HTTPError, ConfigError, OSError) as error:
            raise Away(_told(error)) from error

    def _path(self, kind: str) -> str:
        version, plural = KINDS[kind]
        group = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        return f"{group}/{plural}" if kind in OF_THE_CLUSTER else f"{group}/namespaces/{self.namespace}/{plural}"

    def _json(self, method: str, path: str, *, tried: list[Exception] | None = None, **asked: Any) -> dict[str, Any]:
        """Asked again while the server is away or busy, up to `patience`; `tried` collects why."""
        from httpx2 import HTTPError
        from lightkube.core.exceptions import ConfigError

        deadline, pause = time.monotonic() + self.patience, _PAUSE
        while True:
            wait = pause
            try:
                answer = self.http.request(method, path, **asked)
                if answer.status_code < 300:
                    found: dict[str, Any] = answer.json()
                    return found
                problem: Exception = refused(answer)
                if answer.status_code not in BUSY:
                    raise problem
                wait = max(pause, _retry_after(answer))
            except (HTTPError, ConfigError, OSError) as error:  # a plugin that gives tokens may fail, or be no program
                problem = Away(_told(error))
            except ValueError as error:  # a proxy's page, most likely
                raise Away(f"{self.server} does not answer as an API server does") from error
            if tried is not None:
                tried.append(problem)
            if time.monotonic() + wait > deadline:
                raise problem
            time.sleep(wait)
            pause = min(_LONGEST, pause * 2)


def refused(answer: Response) -> Refused:
    """The server's own words: a Status object, or the text that a proxy put in its place."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or "message" not in said:
        text = " ".join(answer.text.split())[:300]
        return Refused(answer.status_code, "", redact(f"HTTP {answer.status_code} {text}".strip()))
    listed = (said.get("details") or {}).get("causes") or []
    causes = [f"{one.get('field', '')}: {one.get('message', '')}" for one in listed]
    told = str(said["message"])
    told += "".join(f"; {cause}" for cause in causes if cause.partition(": ")[2] not in told)
    return Refused(answer.status_code, str(said.get("reason") or ""), redact(told))


def _retry_after(answer: Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST) if text.isdecimal() else 0.0


def _labels(manifest: Mapping[str, Any]) -> dict[str, str]:
    return dict((manifest.get("metadata") or {}).get("labels") or {})


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _told(error: Exception) -> str:
    return redact(" ".join(str(error).split()) or type(error).__name__)[:300]
