"""What both renderers make: objects in the order of their creation, and how to find what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ATTEMPT, RUN, DRIVER, POD = "tunebook.attempt", "tunebook.run", "tunebook.driver", "tunebook.pod"
MANAGED = "app.kubernetes.io/managed-by"
OURS: Mapping[str, str] = {MANAGED: "tunebook"}
LOAD = "tunebook.load"
"""Label of the load generator's pod. It has not the attempt's: the Service would send requests to it."""
SHARED = "tunebook.model"
"""Label of a model's object. It outlives the attempts, since its weights were fetched for all of them."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`manifests` end with the attempt, `models` stay; the models come first. `pods` selects the engine's pod, and
    `container` is the engine in it, listening on `port`. `service` is the name of its Service."""

    manifests: tuple[Mapping[str, Any], ...]
    pods: str
    container: str
    port: int
    service: str
    models: tuple[Mapping[str, Any], ...] = ()
    load: str | None = None  # selects the load generator's pod
    existing: tuple[tuple[str, str], ...] = field(default=())  # (kind, name) that must be there, and is only used


def object_name(attempt_id: str) -> str:
    """The one function that names an attempt's objects, for who makes them and for who cleans up."""
    return f"tb-{attempt_id}"


def metadata(name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """`labels` are those of the attempt. Whose it is goes into an annotation: it has more in it than a label may."""
    plain = {key: value for key, value in labels.items() if key in (ATTEMPT, RUN)}
    found: dict[str, Any] = {"name": name, "namespace": namespace, "labels": {**OURS, **plain}}
    if DRIVER in labels:
        found["annotations"] = {key: labels[key] for key in (DRIVER, POD) if key in labels}
    return found


def merged(base: Any, over: Any) -> Any:
    """`over` laid on `base`: mappings key by key, all else replaced; None takes a key away."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    found = {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return {key: value for key, value in found.items() if value is not None or key not in over}
