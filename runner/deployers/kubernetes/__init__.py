"""The engine in a pod of a Kubernetes cluster, which chooses the machine for itself.

deploy: {kind: kubernetes, namespace: tune, weights: "pvc://models/qwen3-8b", gpu_product: NVIDIA-H100-80GB-HBM3}

Two renderers make the objects, `plain` (a Job and a Service) and `ome` (an InferenceService); all else is the same for
both: create, wait until it runs, log, state, delete with verified absence. Everything carries the attempt's label, and
nothing without it is touched.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.deployers import Deployer, Engine, LoadPlace, PlaceRequest, unknown_options
from runner.deployers.kubernetes import api, beside, connection, endpoint, needed
from runner.deployers.kubernetes.awaited import create, model_is_ready, running
from runner.deployers.kubernetes.manifests import ome, plain, pod, strict
from runner.deployers.kubernetes.manifests.rendered import ATTEMPT, Rendered
from runner.deployers.kubernetes.options import FORWARD, NAMES, SERVICE, Options, options_of, problems
from runner.deployers.kubernetes.workload import Workload, pods_of, removed, swept
from runner.domain.campaign import Deploy
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Endpoint, Launch, Placement
from runner.errors import LeftBehind, NotReady, Problem
from runner.util.files import disk_errors

REAP_GRACE = 2.0
WHERE = "cluster.json"
_NO_MODEL = "the model lies in a file here, and the cluster does not see it; write weights: pvc://claim/folder"


class Kubernetes:
    """Options: see `options.Options`; each entry names its `image`."""

    name = "kubernetes"
    title = "Kubernetes pod"
    options: tuple[str, ...] = NAMES
    needs_image = True
    leases = False  # the scheduler gives them out

    def check(self, deploy: Deploy) -> list[Problem]:
        return unknown_options(deploy, self.options) + problems(deploy) + ome.problems(deploy.options)

    def needs(self, deploy: Deploy, gpus: int = 0) -> list[Problem]:
        chosen = options_of(deploy.options)
        try:
            with connection.connected(chosen.context, chosen.namespace, patience=5.0) as cluster:
                return needed.problems(cluster, chosen, gpus)
        except NotReady as error:
            return [Problem(NotReady.slug, error.what, hint=error.hint)]
        except api.Refused as error:
            return [Problem(NotReady.slug, f"the API server refuses to say: {error}"[:500], hint=needed.ROLE)]

    def place(self, request: PlaceRequest, deploy: Deploy) -> Placement | Failure:
        chosen = options_of(deploy.options)
        path = _model_path(request, chosen)
        if path is None:
            return Failure(Phase.PRECHECK, Cause.INFRA, _NO_MODEL, rule="no-weights")
        return Placement(
            host="0.0.0.0",
            port=ome.PORT if chosen.renderer == "ome" else chosen.port,
            model_path=path,
            served_model=request.served_model,
            python=request.python or "python3",
            work_dir="/tmp",
            revision=request.revision if path == request.model_path else None,
        )

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine | Failure:
        """Until the engine's container runs: the cluster schedules it and fetches its image first. What was made and
        did not run is removed. Raises NotReady, and NoSpace or Unwritable when the log can not be opened."""
        with disk_errors(request.log_path):
            request.log_path.touch()
        chosen = options_of({name: value for name, value in request.options.items() if name in NAMES})
        cluster = connection.connect(chosen.context, chosen.namespace)
        _note(request.work_dir, cluster)
        try:
            started = self._started(cluster, chosen, launch, placement, request)
        except api.Refused as error:
            started = refusal(error)
        except api.Away as error:
            told = f"the API server does not answer: {error}"
            started = Failure(Phase.START, Cause.INFRA, told[:500], rule="api-server")
        except BaseException:
            _clean(cluster, request)
            raise
        if isinstance(started, Failure):
            try:
                _clean(cluster, request)
            except LeftBehind as left:
                told = f"{started.evidence}; {left.what}"
                raise LeftBehind(told[:500], hint=left.hint) from left
        return started

    def _started(
        self, cluster: api.Cluster, chosen: Options, launch: Launch, placement: Placement, request: PlaceRequest
    ) -> Engine | Failure:
        wanted = _rendered(cluster, chosen, launch, request)
        for manifest in (*wanted.models, *wanted.manifests):
            if wrong := strict.unknown(manifest):
                return Failure(Phase.START, Cause.INFRA, "; ".join(wrong)[:500], rule="manifest")
        request.on_phase(Phase.PULL)
        deadline = time.monotonic() + request.pull_timeout
        if (failure := model_is_ready(cluster, wanted, request, deadline)) is not None:
            return failure
        for manifest in wanted.manifests:
            create(cluster, manifest)
        found = running(cluster, wanted.pods, wanted.container, chosen, request, deadline)
        if isinstance(found, Failure):
            return found
        if (failure := unlike(found, wanted, launch)) is not None:
            return failure
        place = _load_place(cluster, wanted, chosen, launch, placement, request, deadline)
        if isinstance(place, Failure):
            return place
        request.on_phase(Phase.START)
        name = str(found["metadata"]["name"])
        tunnel = None
        if chosen.endpoint == FORWARD:
            tunnel = endpoint.Forward(cluster, request.attempt_id, name, wanted.port, request.work_dir)
            url = f"http://{endpoint.HOST}:{tunnel.port}"
        else:
            url = endpoint.address(cluster, chosen, wanted.service, wanted.port)
        return Workload(
            cluster, request.attempt_id, wanted.pods, wanted.container, found,
            Endpoint(url, launch.served or placement.served_model), request.log_path, request.grace, tunnel,
            place,
        )  # fmt: skip

    def reap(self, labels: Mapping[str, str], log_path: Path | None = None, deploy: Deploy | None = None) -> list[str]:
        """Raises NotReady when no API server answers: what is left can not be seen."""
        attempt = labels.get(ATTEMPT)
        if not attempt:
            return []
        chosen = options_of(deploy.options if deploy else {})
        context, namespace = _noted(log_path) or (chosen.context, chosen.namespace)
        with connection.connected(context, namespace) as cluster:
            _save_log(cluster, attempt, log_path)
            return removed(cluster, attempt, pods_of(attempt), REAP_GRACE)

    def sweep(self, lives: Callable[[str], bool | None]) -> list[str]:
        """In the current context's namespace: which others there are is written in running files, and `reap` reads
        them."""
        with suppress(NotReady, api.Refused), connection.connected(None, None, patience=5.0) as cluster:
            return swept(cluster, lives)
        return []


def refusal(error: api.Refused) -> Failure:
    """Why the API server takes an object not. None of it is the configuration's fault."""
    quota = error.status == 403 and "exceeded quota" in error.message
    rule = "quota" if quota else {403: "forbidden", 409: "conflict", 422: "manifest"}.get(error.status, "api-server")
    told = f"the API server refuses it ({error.reason or error.status}): {error.message}"
    return Failure(Phase.START, Cause.INFRA, told[:500], rule=rule)


def unlike(found: Mapping[str, Any], wanted: Rendered, launch: Launch) -> Failure | None:
    """None when the pod runs what was planned, to the word: somebody between us and the node may have changed it, an
    operator that merges or a webhook."""
    own: Mapping[str, Any] = next((one for one in found["spec"]["containers"] if one["name"] == wanted.container), {})
    effective = (own.get("command") or [], own.get("args") or [])
    if effective == pod.words(launch):
        return None
    told = f"the pod runs {[*effective[0], *effective[1]]!r} and not what was planned"[:500]
    return Failure(Phase.START, Cause.INFRA, told, rule="effective-command")


def _rendered(cluster: api.Cluster, chosen: Options, launch: Launch, request: PlaceRequest) -> Rendered:
    secrets = pod.environment_of(request)
    if chosen.renderer == "plain":
        return plain.render(launch, request, chosen, cluster.namespace, secrets)
    return ome.render(launch, request, chosen, cluster.namespace, secrets, needed.kinds_of(cluster, ome.named(chosen)))


def _load_place(
    cluster: api.Cluster,
    wanted: Rendered,
    chosen: Options,
    launch: Launch,
    placement: Placement,
    request: PlaceRequest,
    deadline: float,
) -> LoadPlace | Failure | None:
    """None: the load comes from this machine. In the cluster it takes the Service, or the campaign's own address."""
    if wanted.load is None:
        return None
    found = running(cluster, wanted.load, beside.CONTAINER, chosen, request, deadline)
    if isinstance(found, Failure):
        return replace(found, cause=Cause.INFRA, evidence=f"the load generator's pod: {found.evidence}"[:500])
    inside = replace(chosen, endpoint=SERVICE) if chosen.endpoint == FORWARD else chosen
    url = endpoint.address(cluster, inside, wanted.service, wanted.port)
    where = (str(found["metadata"]["name"]), cluster.namespace, cluster.context)
    command = (sys.executable, "-m", beside.__name__, *where)
    return LoadPlace(Endpoint(url, launch.served or placement.served_model), command)


def _model_path(request: PlaceRequest, chosen: Options) -> str | None:
    """Where the engine will see its weights; a hub id is the engine's own business. None: nowhere."""
    if chosen.renderer == "ome":
        return pod.MODEL_PATH
    if (named := pod.claim(chosen.weights)) is not None:
        return f"{pod.MODELS}/{named[1]}"
    return None if request.model_path.startswith("/") else request.model_path


def _note(folder: Path, cluster: api.Cluster) -> None:
    """Where the attempt's objects are, for whoever finds its driver dead: contexts and defaults may have changed."""
    text = json.dumps({"context": cluster.context, "namespace": cluster.namespace})
    with disk_errors(folder):
        (folder / WHERE).write_text(text, encoding="utf-8")


def _noted(log_path: Path | None) -> tuple[str, str] | None:
    """None where nothing was noted: the campaign's options, and the current context, say it then."""
    with suppress(OSError, ValueError, KeyError):
        if log_path is not None:
            found = json.loads((log_path.parent / WHERE).read_text(encoding="utf-8"))
            return str(found["context"]), str(found["namespace"])
    return None


def _clean(cluster: api.Cluster, request: PlaceRequest) -> None:
    """After a failed start. Raises LeftBehind for what can not be removed now."""
    try:
        _save_log(cluster, request.attempt_id, request.log_path)
        removed(cluster, request.attempt_id, pods_of(request.attempt_id), request.grace)
    finally:
        cluster.http.close()


def _save_log(cluster: api.Cluster, attempt_id: str, log_path: Path | None) -> None:
    """What the engine wrote, where its attempt's file is known and has less."""
    if log_path is None or not log_path.parent.is_dir():
        return
    hasty = replace(cluster, patience=2.0)
    with suppress(api.Refused, api.Away, OSError):
        for selector in pods_of(attempt_id):
            for one in hasty.find("Pod", selector):
                names = [str(container["name"]) for container in one["spec"]["containers"]]
                container = next((name for name in names if name in (plain.CONTAINER, ome.CONTAINER)), names[0])
                whole = b"".join(hasty.log(str(one["metadata"]["name"]), container))
                if not log_path.exists() or log_path.stat().st_size < len(whole):
                    log_path.write_bytes(whole)


DEPLOYER: Deployer = Kubernetes()
