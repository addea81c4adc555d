"""The engine in a Docker container on this machine, through the Engine's own SDK.

deploy: {kind: docker, network: bridge, shm_size: 16GB, mounts: ["/data/hub:/root/.cache/huggingface"]}

The command line of the launch takes the place of the image's entrypoint, so that images with one (vLLM) and images
without are started alike. Nothing is removed by Docker itself: how an engine ended stands in its container.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner import __file__ as ours
from runner.deployers import Deployer, Engine, PlaceRequest, unknown_options
from runner.deployers.docker import api, container, images
from runner.deployers.docker.options import NAMES, Options, options_of, problems
from runner.domain.campaign import Deploy
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Endpoint, Launch, Placement
from runner.errors import NotReady, Problem
from runner.util import environment, net
from runner.util.files import disk_errors

HOST = "127.0.0.1"
MODELS = "/model"
HUB = "/hub"
ATTEMPT = "tunebook.attempt"
DRIVER = "tunebook.driver"
REAP_GRACE = 2.0
_PACKAGE = Path(ours).resolve().parent
_OTHER_WAY = "deploy: {kind: docker, network: host}; or give the proxy's address in this host's network"


def container_name(attempt_id: str) -> str:
    """The one function that names a container, for who makes it and for who cleans up."""
    return f"tb-{attempt_id}"


class Docker:
    """Options: see `options.Options`; each entry names its `image`."""

    name = "docker"
    title = "Docker container"
    options: tuple[str, ...] = NAMES
    needs_image = True
    leases = True

    def check(self, deploy: Deploy) -> list[Problem]:
        return unknown_options(deploy, self.options) + problems(deploy)

    def needs(self, deploy: Deploy, gpus: int = 0) -> list[Problem]:
        away = api.reachable()
        if away is not None:
            return [Problem(NotReady.slug, away, hint=api.HINT)]
        if options_of(deploy.options).network != "bridge":
            return []
        return [Problem(NotReady.slug, what, hint=_OTHER_WAY) for what in _loopback_proxies(environment.proxies())]

    def place(self, request: PlaceRequest, deploy: Deploy) -> Placement | Failure:
        """Raises NotReady when no Engine answers."""
        chosen = options_of(deploy.options)
        with api.asking() as engine:
            found = images.obtained(engine, str(request.options["image"]), request)
        if isinstance(found, Failure):
            return found
        model = request.model_path
        return Placement(
            host="0.0.0.0" if chosen.network == "bridge" else HOST,
            port=net.free_port(HOST),
            model_path=f"{MODELS}/{Path(model).name}" if model.startswith("/") else model,
            served_model=request.served_model,
            python=request.python or "python3",
            work_dir="/tmp",
            gpus=request.gpus,
            image_digest=found,
            revision=request.revision,
        )

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine | Failure:
        """What was made and did not start is removed: Docker leaves it behind. Raises NotReady, and NoSpace
        or Unwritable when the log can not be opened."""
        with disk_errors(request.log_path):
            request.log_path.touch()
        chosen = options_of(_own(request.options))
        if chosen.network == "bridge" and (found := _loopback_proxies(_environment(launch, request, chosen))):
            return Failure(Phase.START, Cause.INFRA, f"{found[0]}; {_OTHER_WAY}"[:500], rule="loopback-proxy")
        engine = api.client()  # closed with the container, or below
        made: Any = None
        try:
            made = engine.containers.create(**wanted(launch, placement, request, chosen))
            failure = unlike(made.attrs, launch) or moved(engine, made.attrs, placement)
            if failure is None:
                made.start()
                made.reload()  # which process it is
                address = Endpoint(f"http://{HOST}:{placement.port}", launch.served or placement.served_model)
                shares = chosen.network == "host"
                return container.Container(made, address, request.log_path, request.grace, shares_network=shares)
        except api.errors() as error:
            failure = api.failure(error, f"image {request.options['image']}")
        with suppress(*api.errors()):  # an Engine that is gone: `sweep` finds it by its labels
            if made is not None:
                container.remove(made)
        engine.close()
        return failure

    def reap(self, labels: Mapping[str, str], log_path: Path | None = None, deploy: Deploy | None = None) -> list[str]:
        """Raises NotReady when no Engine answers: what is left can not be seen."""
        attempt = labels.get(ATTEMPT)
        if not attempt:
            return []
        with api.asking() as engine:
            found = engine.containers.list(all=True, filters={"label": f"{ATTEMPT}={attempt}"})
            return [_end(made, log_path) for made in found]

    def sweep(self, lives: Callable[[str], bool | None]) -> list[str]:
        with suppress(NotReady), api.asking(patience=5) as engine:
            ours = engine.containers.list(all=True, filters={"label": [ATTEMPT, DRIVER]})
            return [_end(made, None) for made in ours if lives(made.labels[DRIVER]) is False]
        return []


def wanted(launch: Launch, placement: Placement, request: PlaceRequest, chosen: Options) -> dict[str, Any]:
    """The arguments of `containers.create`. Lists only: no word of a launch is ever split again."""
    from docker.types import DeviceRequest, LogConfig, Ulimit

    program, *words = launch.argv
    asked: dict[str, Any] = {
        "image": str(request.options["image"]),
        "name": container_name(request.attempt_id),
        "entrypoint": [program],
        "command": words,
        "labels": dict(request.labels),
        "environment": _environment(launch, request, chosen),
        "mounts": _mounts(launch, placement, request, chosen),
        "init": True,  # reaps what the engine's workers leave, and passes SIGTERM on
        "security_opt": ["no-new-privileges"],
        "log_config": LogConfig(type=LogConfig.types.JSON),
        "shm_size": chosen.shm_size,
        "ipc_mode": chosen.ipc,
        "network_mode": chosen.network,
        "ulimits": [Ulimit(name=name, soft=limit, hard=limit) for name, limit in chosen.ulimits.items()],
        "user": chosen.user,
        "runtime": chosen.runtime,
    }
    if chosen.network == "bridge":
        asked["ports"] = {f"{placement.port}/tcp": (HOST, placement.port)}
    if chosen.memory is not None:  # without a limit on both, what does not fit is swapped and not ended
        asked |= {"mem_limit": chosen.memory, "memswap_limit": chosen.memory}
    if chosen.cpus is not None:
        asked["nano_cpus"] = round(chosen.cpus * 1e9)
    if placement.cpus:
        asked["cpuset_cpus"] = ",".join(map(str, placement.cpus))
    if placement.gpus:
        asked["device_requests"] = [DeviceRequest(device_ids=list(placement.gpus), capabilities=[["gpu"]])]
    return asked


def unlike(attrs: Mapping[str, Any], launch: Launch) -> Failure | None:
    """None when the container will run what was planned, to the word; else what it would run."""
    effective = (attrs["Path"], *attrs["Args"])
    if effective == tuple(launch.argv):
        return None
    told = f"the container would run {effective!r} and not what was planned"[:500]
    return Failure(Phase.START, Cause.INFRA, told, rule="effective-command")


def moved(engine: Any, attrs: Mapping[str, Any], placement: Placement) -> Failure | None:
    """None when the container stands on the image whose digest is in the record: somebody may fetch a newer one, or
    build one, under the same tag between our look and our start."""
    stands_on = images.digest(engine.images.get(attrs["Image"]))
    if placement.image_digest in (None, stands_on):
        return None
    told = f"the image was {placement.image_digest} a moment ago, and is {stands_on} now"
    return Failure(Phase.START, Cause.INFRA, told, rule="image-moved")


def _own(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `deploy:`, out of everything that an attempt's options hold."""
    return {name: value for name, value in options.items() if name in NAMES}


def _mounts(launch: Launch, placement: Placement, request: PlaceRequest, chosen: Options) -> list[Any]:
    """The model, what the campaign asks for, and our own files that the launch names; all of it read-only."""
    from docker.types import Mount

    pairs = {mount.target: mount.source for mount in chosen.mounts}
    if request.model_path.startswith("/"):
        pairs[placement.model_path] = str(Path(request.model_path).resolve())
    for word in launch.argv:  # a launcher of ours lies where it lies here: its folder, tables included
        if word.startswith("/") and Path(word).is_file() and Path(word).resolve().is_relative_to(_PACKAGE):
            pairs[str(Path(word).parent)] = str(Path(word).resolve().parent)
    if request.hub_model and not chosen.mounts:
        pairs[f"{HUB}/{request.hub_model.name}"] = str(request.hub_model.resolve())
    return [Mount(target, source, type="bind", read_only=True) for target, source in sorted(pairs.items())]


def _environment(launch: Launch, request: PlaceRequest, chosen: Options) -> dict[str, str]:
    """What the entry sets, what the campaign passes through, and our proxies: nothing else of ours means anything
    in there. A hub model that lies here whole is mounted, and the engine told to ask nobody; not where the campaign
    has mounts of its own, among them perhaps its hub."""
    here = {"HF_HUB_CACHE": HUB, "HF_HUB_OFFLINE": "1"} if request.hub_model and not chosen.mounts else {}
    passed = environment.passed_through(request.options.get("pass_env", ()))
    return net.without_loopback(environment.proxies() | here | passed | dict(launch.env))


def _loopback_proxies(given: Mapping[str, str]) -> list[str]:
    """What can not work: inside a container that has its own network, loopback is the container itself."""
    return [
        f"{name} names a proxy on loopback, which a container with a network of its own does not reach"
        for name, value in given.items()
        if environment.is_proxy(name) and urlsplit(value if "//" in value else f"//{value}").hostname in net.LOOPBACK
    ]


def _end(made: Any, log_path: Path | None) -> str:
    """End one container of ours, and keep what it wrote where its attempt's file is known."""
    name, status = made.name, made.status
    if log_path is not None and log_path.parent.is_dir():
        with suppress(*api.errors()):
            container.save_log(made, log_path)
    container.remove(made)
    return f"container {name} ({status})"


DEPLOYER: Deployer = Docker()
